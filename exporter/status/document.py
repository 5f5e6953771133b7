"""The status document, which `/api/v1/status` returns and the page shows.

Field names are a public interface: fields are added and never renamed. Times are epoch seconds, shares and ratios 0 to
1. An unknown number (no records, or too few) is NaN here and null in JSON. A `..._course` is a sparkline with one value
for each of `course.times`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from exporter import __version__
from exporter.batch import Series
from exporter.exposition.collector import Collector
from exporter.state.snapshot import Snapshot
from exporter.status import findings
from exporter.status.findings import Finding
from exporter.status.model import ModelStatus, ModelSummary, model, summary
from exporter.status.operation import CheckpointStatus, Operation, SourceStatus
from exporter.status.selection import Selection, Sparkline, SparklineStatus
from exporter.status.serving import requests, serving
from exporter.tallies.windows import Window


class UnknownError(LookupError):
    """The requested window or model does not exist; the message lists those that do."""


@dataclass(frozen=True)
class StatusQuery:
    """The window and model to show; None stands for the shortest window, and for the busiest model or version."""

    window: str | None = None
    model: str | None = None
    version: str | None = None


class WindowStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The window that is shown, and the labels of all windows, the shortest first."""

    label: str
    seconds: float
    labels: list[str]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document. `model` is the requested one, or else the busiest; null before the first record."""

    version: str
    time: float
    window: WindowStatus
    course: SparklineStatus
    findings: list[Finding]
    models: list[ModelSummary]
    model: ModelStatus | None
    sources: list[SourceStatus]
    checkpoint: CheckpointStatus


def status(collector: Collector, snapshot: Snapshot, query: StatusQuery, operation: Operation) -> Status:
    """Return the document. Raises UnknownError."""
    windows = sorted(collector.windows, key=lambda window: window.seconds)
    window = _window(windows, query.window)
    sparkline = Sparkline(windows, window, snapshot.time)
    selections = {
        tallies.series: Selection(measures, view, window, tallies, sparkline)
        for measures, view in collector.views(snapshot)
        for tallies in view.windows
        if tallies.label == window.label
    }
    served = {series: serving(selection) for series, selection in selections.items()}
    summaries = {series: summary(selection, served[series]) for series, selection in selections.items()}
    series = _series(summaries, query)
    sources, checkpoint = operation.sources(snapshot), operation.checkpoint(snapshot)
    shown, found = None, [*findings.of_operation(sources, checkpoint)]
    if series:
        shown = model(selections[series], served[series])
        limits = selections[series].thresholds
        found += findings.of_model(shown, limits, window.label, had_requests=requests(selections[series]) > 0)
    return Status(
        version=__version__,
        time=snapshot.time,
        window=WindowStatus(label=window.label, seconds=window.seconds, labels=[each.label for each in windows]),
        course=sparkline.status,
        findings=sorted(found, key=lambda finding: finding.severity != findings.CRITICAL),
        models=sorted(summaries.values(), key=lambda each: (each.name, each.version)),
        model=shown,
        sources=sources,
        checkpoint=checkpoint,
    )


def _window(windows: list[Window], label: str | None) -> Window:
    by_label = {window.label: window for window in windows}
    if label is None:
        return windows[0]
    if label not in by_label:
        raise UnknownError(f"window: expected one of {', '.join(by_label)}")
    return by_label[label]


def _series(summaries: Mapping[Series, ModelSummary], query: StatusQuery) -> Series | None:
    """Return the requested model, or the busiest of those that match; None if there is no model."""
    matching = [
        series
        for series, each in summaries.items()
        if query.model in (None, each.name) and query.version in (None, each.version)
    ]
    if not matching and (query.model, query.version) != (None, None):
        models = ", ".join(f"{summaries[series].name} {summaries[series].version}" for series in sorted(summaries))
        raise UnknownError(f"model and version: expected one of {models or 'none yet'}")
    return max(matching, key=lambda series: (summaries[series].predictions, series), default=None)
