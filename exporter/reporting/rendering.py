"""The report as one HTML page, which needs no other file and is complete without its script."""

import math
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from exporter.reporting.charts import distribution, precision_recall, roc
from exporter.reporting.document import ReportDocument
from exporter.reporting.markdown import minute, p_value, verdict
from exporter.status import charts, words
from exporter.status.rendering import STYLE

# Further features have no course over time, so that a page of five hundred stays small.
WITH_COURSE = 100


def _read(name: str) -> str:
    return resources.files("exporter.reporting").joinpath("templates", name).read_text()


ENVIRONMENT = Environment(
    loader=PackageLoader("exporter.reporting"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {name: getattr(words, name) for name in ("number", "percent", "moment", "iso", "index")}
ENVIRONMENT.filters |= {"p_value": p_value, "minute": minute, "verdict": verdict}
ENVIRONMENT.globals |= {
    "distribution": distribution,
    "roc": roc,
    "precision_recall": precision_recall,
    "line": charts.line,
    "share": charts.share,
    "most_changed": charts.most_changed,
    "is_known": lambda value: not math.isnan(value),
    "nan": math.nan,
    "WITH_COURSE": WITH_COURSE,
    "STYLE": Markup(STYLE + _read("report.css")),  # noqa: S704  # our own files
    "SCRIPT": Markup(_read("report.js")),  # noqa: S704
}
_TEMPLATE = ENVIRONMENT.get_template("report.html")


def page(document: ReportDocument) -> str:
    """Return the page."""
    return _TEMPLATE.render(document=document, about=document.about)
