"""From a committed snapshot to the status document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from exporter import __version__
from exporter.batch import Series
from exporter.exposition.collector import Collector
from exporter.state.snapshot import Snapshot
from exporter.status import (
    attributions,
    business,
    document,
    findings,
    operation,
    performance,
    segments,
    serving,
    variables,
)
from exporter.status.course import Course, begin, course
from exporter.status.figures import Figures
from exporter.status.operation import Operation
from exporter.tallies.tally import TalliesBySeries
from exporter.tallies.windows import Window


class UnknownError(LookupError):
    """There is no such window or model; the message says which there are."""


@dataclass(frozen=True)
class Asked:
    """What is to be shown; None is the shortest window, and the busiest model or version."""

    window: str | None = None
    model: str | None = None
    version: str | None = None


def status(collector: Collector, snapshot: Snapshot, asked: Asked, state: Operation) -> document.Status:
    """Return the document; raises UnknownError."""
    view = _View(collector, snapshot, _window(collector, asked.window))
    summaries = {series: view.summary(series) for series in view.held}
    chosen = _chosen(summaries, asked)
    model = view.model(chosen) if chosen else None
    sources, checkpoint = operation.sources(snapshot, state), operation.checkpoint(snapshot, state)
    found = [*findings.of_operation(sources, checkpoint)]
    if chosen and model:
        thresholds = view.figures.of(chosen).by("metric", "model_threshold")
        found += findings.of_model(model, thresholds, view.window.label, counted_before=view.has_counted(chosen))
    return document.Status(
        version=__version__,
        time=snapshot.time,
        window=document.Window(
            label=view.window.label,
            seconds=view.window.seconds,
            labels=[window.label for window in _ascending(collector)],
        ),
        course=document.Course(over=view.course.over, times=list(view.course.times), seconds=list(view.course.seconds)),
        findings=sorted(found, key=lambda finding: finding.severity != findings.CRITICAL),
        models=sorted(summaries.values(), key=lambda summary: (summary.name, summary.version)),
        model=model,
        sources=sources,
        checkpoint=checkpoint,
    )


@dataclass(frozen=True)
class _View:
    """One window of a snapshot."""

    collector: Collector
    snapshot: Snapshot
    window: Window

    @cached_property
    def _told(self) -> tuple[TalliesBySeries, Figures]:
        held, families = self.collector.of_window(self.snapshot, self.window)
        return held, Figures(families)

    @property
    def held(self) -> TalliesBySeries:
        return self._told[0]

    @property
    def figures(self) -> Figures:
        return self._told[1]

    @cached_property
    def course(self) -> Course:
        names = (*serving.NAMES, *(pictures.reads for pictures in self.collector.pictures))
        return course(self.snapshot, self.collector.windows, self.window, names)

    def has_counted(self, series: Series) -> bool:
        """Whether there ever was a record."""
        totals = self.snapshot.totals[series]
        return any(totals[name].sum() for name in serving.COUNTED if name in totals)

    def _served(self, series: Series) -> document.Serving:
        began = begin(self.snapshot, self.collector.windows, series, serving.COUNTED)
        seconds = min(self.window.seconds, self.snapshot.time - began)
        return serving.serving(self.figures.of(series), series, seconds, began, self.course)

    def summary(self, series: Series) -> document.ModelSummary:
        """Return the line of a model."""
        served, drifted = self._served(series), self.figures.of(series).by("feature_name", "model_feature_drifted")
        return document.ModelSummary(
            name=series.model_name,
            version=series.model_version,
            predictions=served.predictions,
            requests_per_second=served.requests_per_second,
            error_ratio=served.error_ratio,
            latency_p99_seconds=served.latency_seconds["0.99"],
            drifted_features=int(sum(drifted.values())) if drifted else None,
        )

    def model(self, series: Series) -> document.Model:
        """Return all of one model."""
        figures, row = self.figures.of(series), self.held[series]
        features, outputs = [], []
        for pictures in self.collector.pictures:
            if pictures.of_features:
                features = variables.features(figures, pictures, row, series, self.course)
            else:
                outputs = variables.outputs(figures, pictures, row, series, self.course)
        return document.Model(
            name=series.model_name,
            version=series.model_version,
            serving=self._served(series),
            classes=serving.classes(figures, next((each for each in outputs if each.name == "prediction"), None)),
            outputs=outputs,
            drift=variables.drift(figures, features) if self.collector.pictures else None,
            features=features,
            quality=variables.quality(figures, features) if self.collector.pictures else None,
            performance=performance.performance(figures),
            estimated=performance.estimated(figures),
            attributions=attributions.attributions(figures, self.collector.attributed),
            business=business.business(figures),
            segments=segments.segments(figures),
        )


def _ascending(collector: Collector) -> list[Window]:
    return sorted(collector.windows, key=lambda window: window.seconds)


def _window(collector: Collector, label: str | None) -> Window:
    windows = {window.label: window for window in _ascending(collector)}
    if label is None:
        return next(iter(windows.values()))
    if label not in windows:
        raise UnknownError(f"window: expected one of {', '.join(windows)}")
    return windows[label]


def _chosen(summaries: Mapping[Series, document.ModelSummary], asked: Asked) -> Series | None:
    """Return the model that is asked for, or the busiest of those that fit; None where there is none at all."""
    fitting = [
        series
        for series in summaries
        if asked.model in (None, series.model_name) and asked.version in (None, series.model_version)
    ]
    if not fitting and (asked.model, asked.version) != (None, None):
        known = ", ".join(f"{series.model_name} {series.model_version}" for series in sorted(summaries))
        raise UnknownError(f"model and version: expected one of {known or 'none yet'}")
    return max(fitting, key=lambda series: (summaries[series].predictions, series), default=None)
