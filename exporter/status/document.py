"""The status document, which `/api/v1/status` returns and the page shows.

Field names are a public interface: fields are added and never renamed. Times are epoch seconds, shares and ratios 0 to
1. An unknown number (no records, or too few) is NaN here and null in JSON. A `..._course` is a sparkline with one value
for each of `course.times`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
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
    """The window and model to show; None stands for the shortest window with enough records, and for the busiest."""

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
    by_label = {window.label: window for window in windows}
    if query.window not in (None, *by_label):
        raise UnknownError(f"window: expected one of {', '.join(by_label)}")
    sparklines = {label: Sparkline(windows, window, snapshot.time) for label, window in by_label.items()}
    selections: defaultdict[Series, dict[str, Selection]] = defaultdict(dict)
    for measures, view in collector.views(snapshot):
        for tallies in view.windows:
            label = tallies.label
            selection = Selection(measures, view, by_label[label], tallies, sparklines[label])
            selections[tallies.series][label] = selection
    series = _series(selections, query, windows)
    window = by_label[query.window] if query.window else _window(windows, selections[series] if series else {})
    served = {each: serving(of[window.label]) for each, of in selections.items()}
    sources, checkpoint = operation.sources(snapshot), operation.checkpoint(snapshot)
    shown, found = None, [*findings.of_operation(sources, checkpoint)]
    if series:
        selection = selections[series][window.label]
        shown = model(selection, served[series])
        verdicts = [findings.Verdicts.of(selections[series][each.label]) for each in windows]
        found += findings.of_model(verdicts, selection.thresholds, had_requests=requests(selection) > 0)
    summaries = [summary(of[window.label], served[each]) for each, of in selections.items()]
    return Status(
        version=__version__,
        time=snapshot.time,
        window=WindowStatus(label=window.label, seconds=window.seconds, labels=[each.label for each in windows]),
        course=sparklines[window.label].status,
        findings=sorted(found, key=lambda finding: finding.severity != findings.CRITICAL),
        models=sorted(summaries, key=lambda each: (each.name, each.version)),
        model=shown,
        sources=sources,
        checkpoint=checkpoint,
    )


def _window(windows: Sequence[Window], selections: Mapping[str, Selection]) -> Window:
    """Return the shortest window with enough records, or else the shortest of those with the most predictions."""
    for window in windows if selections else ():
        if selections[window.label].has_enough_records:
            return window
    return max(windows, key=lambda window: _predictions(selections, window), default=windows[0])


def _series(
    selections: Mapping[Series, Mapping[str, Selection]], query: StatusQuery, windows: Sequence[Window]
) -> Series | None:
    """Return the requested model, or the busiest of those that match; None if there is no model.

    The busiest has the most predictions in the requested window, or else in the shortest window.
    """
    matching = [
        series
        for series in selections
        if query.model in (None, series.model_name) and query.version in (None, series.model_version)
    ]
    if not matching and (query.model, query.version) != (None, None):
        models = ", ".join(f"{series.model_name} {series.model_version}" for series in sorted(selections))
        raise UnknownError(f"model and version: expected one of {models or 'none yet'}")
    compared = [window for window in windows if query.window in (None, window.label)]
    return max(
        matching,
        key=lambda series: ([_predictions(selections[series], window) for window in compared], series),
        default=None,
    )


def _predictions(selections: Mapping[str, Selection], window: Window) -> float:
    return sum(selections[window.label].counts("prediction").values()) if selections else 0.0
