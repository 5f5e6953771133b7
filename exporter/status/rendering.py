"""The status document as one HTML page, with its style and script inline, which the policy allows by their hashes."""

import base64
import hashlib
import math
from importlib import resources
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from exporter.status import charts, words
from exporter.status.document import Status
from exporter.status.model import ModelStatus

# The number of features with charts; the others are listed in a table, and the JSON has all.
CHARTED = 24


def _read(name: str) -> str:
    return resources.files("exporter.status").joinpath("templates", name).read_text()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


STYLE, SCRIPT = _read("page.css"), _read("page.js")
POLICY = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}

ENVIRONMENT = Environment(
    loader=PackageLoader("exporter.status"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {
    name: getattr(words, name)
    for name in ("number", "percent", "duration", "size", "moment", "iso", "index", "ranking")
}
ENVIRONMENT.globals |= {"bars": charts.bars, "line": charts.line, "share": charts.share, "CHARTED": CHARTED}
ENVIRONMENT.globals |= {"most_changed": charts.most_changed, "nan": math.nan}
ENVIRONMENT.globals |= {"STYLE": Markup(STYLE), "SCRIPT": Markup(SCRIPT)}  # noqa: S704  # our own files
_TEMPLATE = ENVIRONMENT.get_template("page.html")


def page(status: Status) -> bytes:
    """Return the page as UTF-8."""

    def address(window: str, name: str | None = None, version: str | None = None) -> str:
        model = (name, version) if name is not None else (status.model and (status.model.name, status.model.version))
        of_model = {"model": model[0], "version": model[1]} if model and len(status.models) > 1 else {}
        return "?" + urlencode({"window": window} | of_model)

    return _TEMPLATE.render(status=status, model=status.model, address=address, most_in=_most_in).encode()


def _most_in(model: ModelStatus, check: str) -> str:
    """Return the feature with the most failures of a check; empty without failures."""
    worst = max(model.features, key=lambda feature: feature.checks.get(check, 0), default=None)
    return worst.name if worst and worst.checks.get(check) else ""
