"""The report as Markdown, for pull requests and Slack."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from exporter.reporting.document import ModelReport, ReportDocument, VariableReport
from exporter.reporting.gates import LEVELS
from exporter.status.words import index, number, percent

# Further features are counted.
MOST_FEATURES = 20


def summary(document: ReportDocument, failures: Sequence[str] = ()) -> str:
    """Return the headline, the features that have moved most, and the figures of performance."""
    return "\n".join([*_lines(document, failures), ""])


def _lines(document: ReportDocument, failures: Sequence[str]) -> Iterator[str]:
    about = document.about
    yield "## Drift report"
    yield ""
    yield from (f"- {line}" for line in document.headline)
    if failures:
        yield ""
        yield "**Failed:**"
        yield ""
        yield from (f"- {line}" for line in failures)
    for model in document.models:
        if len(document.models) > 1:
            yield ""
            yield f"### {_escaped(model.status.name)} {_escaped(model.status.version)}"
        yield from _features(model)
        yield from _performance(model)
    yield ""
    times = f", {minute(about.first)} to {minute(about.last)}" if about.last > about.first else ""
    yield (
        f"{about.records:,} of {about.rows:,} rows of {_escaped(', '.join(about.current))}{times}, compared with "
        f"{about.reference_rows:,} rows of {_escaped(about.reference)} (reference {about.reference_id}), by "
        f"prediction-exporter {about.version}."
    )


def _features(model: ModelReport) -> Iterator[str]:
    variables = [*model.features, *model.outputs]
    if not variables:
        return
    yield ""
    yield "| feature | drift | PSI | limit | p-value of the PSI | missing | in the reference |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for each in variables[:MOST_FEATURES]:
        status = each.status
        cells = (
            _escaped(status.name),
            verdict(each),
            index(status.psi),
            index(status.psi_limit),
            p_value(each),
            percent(status.missing_ratio),
            percent(each.missing_reference),
        )
        yield f"| {' | '.join(cells)} |"
    if (more := len(variables) - MOST_FEATURES) > 0:
        yield ""
        yield f"{more} more are in the page and the JSON."


def _performance(model: ModelReport) -> Iterator[str]:
    performance = model.status.performance
    if performance is None or not performance.figures:
        return
    yield ""
    yield "| figure | value | standard error | baseline |"
    yield "| --- | --- | --- | --- |"
    for name, value in performance.figures.items():
        error, baseline = model.standard_errors.get(name), performance.baseline.get(name)
        cells = (name, number(value), *(number(each) if each is not None else "–" for each in (error, baseline)))  # noqa: RUF001
        yield f"| {' | '.join(cells)} |"


def verdict(variable: VariableReport) -> str:
    """Return the level of drift in words."""
    level = variable.status.level
    return "too few records" if level is None else LEVELS.get(level, "none")


def p_value(variable: VariableReport) -> str:
    """Return the p-value of the PSI."""
    value = variable.tests.get("psi_pvalue")
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004, RUF001


def minute(time: float) -> str:
    """Return a date and time in UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
