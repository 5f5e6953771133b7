"""exporter/METRICS.md: every metric that the code declares, by chapter."""

import re
from collections.abc import Iterator

from exporter.stats import BASE_LABELS
from tests.documentation.chapters import CHAPTERS, Chapter
from tests.documentation.families import Declared, declared

INTRODUCTION = """\
# Metrics

This page lists every metric that the exporter exports, with example queries. Use it when you write a query or an alert,
or when a series is missing: the last column of each table says when a metric has no value.
[What the numbers mean](derived/README.md) explains them. `make reference` writes this page from the code.

- All `model_*` metrics have the labels `model_name` and `model_version`; the tables list further labels.
- The label `window` is a rolling window of event time: `5m`, `1h`, `24h`, or what `windows` configures.
- A gauge without a value has no series. A histogram `X` is exported as `X_bucket`, `X_count` and `X_sum`.
- A Prometheus is shown a new counter at 0 in one scrape, and at its value from the next scrape on, so that `increase`
  counts it completely. Requests without the header `X-Prometheus-Scrape-Timeout-Seconds`, such as curl's, get the
  value at once.
- In OpenMetrics, counters and histograms that were born since the exporter started also have `X_created`, the time of
  their birth. The PodMonitor drops it, because Prometheus would store it as further series.
- Complete examples of `/metrics`: [plain](../tests/golden/metrics.txt),
  [with segments](../tests/golden/metrics.segments.txt) and [with ground truth](../tests/golden/metrics.truth.txt).

For a fleet of pods, add up counters before you divide them. Gauges that an exporter derives, such as PSI, cannot be
added up; the dashboards show the worst pod.
"""
UNITS = {
    "_timestamp_seconds": "seconds since epoch",
    "_seconds(_total)?": "seconds",
    "_bytes(_total)?": "bytes",
    "_(ratio|coverage|accuracy|share|pvalue|precision|recall|f1|auc|ks|js|probability)": "0 to 1",
    "_wasserstein|model_multivariate_drift": "standard deviations",
    "_zscore": "standard errors",
    "_drift_level": "0, 1 or 2",
    "_(drifted|changed|absent|stuck|degraded|error_rate_drift|successful|info)": "0 or 1",
}


def page() -> str:
    return "\n".join([INTRODUCTION, *_contents(), "", *(line for chapter in CHAPTERS for line in _chapter(chapter))])


def of_chapters() -> dict[str, list[Declared]]:
    """Return the metrics of each chapter, by its title, in the order of their names."""
    left = sorted(declared().values())
    found = {}
    for chapter in CHAPTERS:
        found[chapter.title] = [metric for metric in left if re.fullmatch(chapter.names, metric.name)]
        left = [metric for metric in left if metric not in found[chapter.title]]
    if left:
        raise LookupError(f"in no chapter: {', '.join(metric.name for metric in left)}")
    return found


def slug(title: str) -> str:
    """Return what GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _contents() -> Iterator[str]:
    for title, metrics in of_chapters().items():
        yield f"- [{title}](#{slug(title)}), {len(metrics)}"


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.title}\n\n{chapter.prose}\n"
    yield "| metric | type | labels | unit | description | no value if |\n| --- | --- | --- | --- | --- | --- |"
    for metric in of_chapters()[chapter.title]:
        labels = ", ".join(f"`{label}`" for label in metric.labels if label not in BASE_LABELS)
        first = (text for part, text in chapter.absent.items() if re.search(part, metric.name))
        cells = (f"`{metric.name}`", metric.kind, labels, _unit(metric), metric.text.rstrip("."), next(first, ""))
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")
    yield ""
    for question, expression in chapter.ask.items():
        yield f"{question}:\n\n```promql\n{expression}\n```\n"


def _unit(metric: Declared) -> str:
    found = (unit for end, unit in UNITS.items() if re.search(f"({end})$", metric.name))
    return next(found, "0 to 1" if "0 to 1" in metric.text else "")
