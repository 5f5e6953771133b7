"""From a committed snapshot to metric families: totals, derived values, and the exporter's own metrics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from exporter.batch import Series
from exporter.decoding.schema import UNUSABLE_FIELDS
from exporter.derived import Measures
from exporter.derived.context import ReferenceInfo
from exporter.derived.drift import Judged
from exporter.derived.feature_health import AbsentFeatures
from exporter.derived.prediction_kind import LoggedPredictions
from exporter.derived.view import View, panes_in_view
from exporter.families import CounterFamily, Families, GaugeFamily, merged
from exporter.joins.join import JoinCounts
from exporter.joins.store import StoreStats
from exporter.lines.rejects import Reason
from exporter.model_key import ModelKey, ModelKeys
from exporter.state.snapshot import ModelLabels, Snapshot
from exporter.tallies.tally import AnyTallies, of_kind
from exporter.tallies.windows import Window
from exporter.telemetry import PREFIX


class ModelView(NamedTuple):
    """A view of some series of one model, and what is measured of them."""

    measures: Measures
    view: View


@dataclass
class Collector:
    """Collects the metrics of each model's measures, by key, over rolling windows, and half-days of outcomes if any."""

    models: Mapping[ModelKey, Measures]
    windows: Sequence[Window]
    outcome_window: Window | None = None
    _last: tuple[Snapshot, list[ModelView]] | None = field(default=None, init=False)
    _has_judged: bool = field(default=False, init=False)

    def views(self, snapshot: Snapshot) -> list[ModelView]:
        """Return the views of a snapshot, one for each model and key, which their readers share."""
        last = self._last
        if last is None or last[0].windows is not snapshot.windows:
            last = self._last = snapshot, list(self._views(snapshot))
        elif last[0] is not snapshot:
            last = self._last = snapshot, [ModelView(each.measures, each.view.judged(snapshot)) for each in last[1]]
        return last[1]

    def judged(self, snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
        """Return a snapshot with the levels of drift, which depend on those of the snapshot before.

        The first time, all windows are judged, because the limits may have changed.
        """
        earlier = before.kept(snapshot.identities).judgements if before else {}
        numbers = {window.label: window.judgement(snapshot.time) for window in self.windows}
        judgements: dict[str, AnyTallies] = {window.label: AnyTallies() for window in self.windows}
        for measures, view in self.views(snapshot):
            for drift in measures.every(Judged):
                name = drift.calculator.bins.name
                for window in drift.windows(view):
                    last = drift.judgement(earlier.get(window.label, AnyTallies()).get(window.series, {}))
                    judgement = drift.judge(window, last, numbers[window.label], at_once=not self._has_judged)
                    judgements[window.label].setdefault(window.series, {})[name] = judgement.stored
        self._has_judged = True
        return msgspec.structs.replace(snapshot, judgements=judgements)

    def collect(self, snapshot: Snapshot) -> Families:
        """Yield all families of a snapshot."""
        yield from merged([measures.collect(view) for measures, view in self.views(snapshot)])
        yield from _operation(snapshot)

    def totals(self, snapshot: Snapshot) -> Families:
        """Yield the families that are not derived, among them all counters."""
        yield from merged([measures.totals(view) for measures, view in self.views(snapshot)])
        yield from _operation(snapshot)

    def absent(self, snapshot: Snapshot) -> dict[tuple[Series, str], bool]:
        """Return whether each feature is absent from the shortest window, for those with enough records."""
        return {
            (window.series, feature): is_absent
            for measures, view in self.views(snapshot)
            if (features := measures.find(AbsentFeatures))
            for window in view.windows
            if window.label == view.shortest.label
            for feature, is_absent in features.absent(window).items()
        }

    def without_reference(self, snapshot: Snapshot) -> set[str]:
        """Return the names of the models that have no reference, if another one has."""
        if all(measures.find(ReferenceInfo) is None for measures in self.models.values()):
            return set()
        return {
            series.model_name
            for measures, view in self.views(snapshot)
            if measures.find(ReferenceInfo) is None
            for series in view.series
        }

    def contradictions(self, snapshot: Snapshot) -> dict[Series, list[str]]:
        """Return what the records of each series contradict, and what to set."""
        return {
            series: list(measures.one(LoggedPredictions).notes(view, series))
            for measures, view in self.views(snapshot)
            for series in view.series
        }

    def undeclared_values(self, snapshot: Snapshot) -> Iterator[Series]:
        """Yield the series whose predictions look like values, and of which nothing declares what they are."""
        for measures, view in self.views(snapshot):
            logged = measures.one(LoggedPredictions)
            if logged.kind is None:
                yield from (series for series in view.series if logged.looks_like(view, series) == "value")

    def _views(self, snapshot: Snapshot) -> Iterator[ModelView]:
        keys = ModelKeys(self.models, snapshot.first_model)
        of_outcomes = [self.outcome_window] if self.outcome_window else []
        panes = panes_in_view(snapshot, [*self.windows, *of_outcomes])
        series_of: dict[tuple[ModelKey, str], list[Series]] = {}
        for series in of_kind(Series, snapshot.totals):
            series_of.setdefault((keys.of(series), series.model_name), []).append(series)
        for (key, model), of_key in series_of.items():
            names = snapshot.labels.get(model, ModelLabels()).names
            yield ModelView(self.models[key], View(snapshot, self.windows, of_key, names, panes, self.outcome_window))


def _operation(snapshot: Snapshot) -> Families:
    yield from _sources(snapshot)
    if snapshot.join_counts:
        yield from _joins(snapshot.join_counts, snapshot.store_stats)


def _sources(snapshot: Snapshot) -> Families:
    lines = CounterFamily(PREFIX + "source_lines_total", "Lines read.", ("source",))
    read = CounterFamily(PREFIX + "source_bytes_total", "Bytes read.", ("source",))
    records = CounterFamily(PREFIX + "source_records_total", "Records accepted.", ("source",))
    rejected = CounterFamily(PREFIX + "source_rejected_lines_total", "Rejected lines, by reason.", ("source", "reason"))
    skipped = CounterFamily(PREFIX + "source_skipped_lines_total", "Lines that `where` leaves out.", ("source",))
    unusable = CounterFamily(
        PREFIX + "source_unusable_values_total",
        "Values in accepted records that were left out, because they have a wrong type or are impossible, by field.",
        ("source", "field"),
    )
    gaps = CounterFamily(
        PREFIX + "source_gaps_total", "Files that were removed before they were read completely.", ("source",)
    )
    last = GaugeFamily(
        PREFIX + "source_last_record_timestamp_seconds",
        "Time of the newest record, in seconds since epoch.",
        ("source",),
    )
    capped = CounterFamily(
        PREFIX + "capped_labels_total",
        "Records with a label beyond its limit, which was replaced by `other`.",
        ("label",),
    )
    for source, counts in snapshot.sources.items():
        lines.add((source,), counts.lines)
        read.add((source,), counts.bytes)
        records.add((source,), counts.records)
        for reason in Reason:
            rejected.add((source, reason), counts.rejected.get(reason, 0))
        skipped.add((source,), counts.skipped)
        for name in UNUSABLE_FIELDS:
            unusable.add((source, name), counts.unusable.get(name, 0))
        gaps.add((source,), counts.gaps)
        if counts.last_timestamp:
            last.add((source,), counts.last_timestamp)
    of_segments = ("segment_value",) if any(labels.segments for labels in snapshot.labels.values()) else ()
    for label in ("model_version", "prediction_class", "error_type", *of_segments):
        capped.add((label,), snapshot.capped.get(label, 0))
    yield from (lines, read, records, rejected, skipped, unusable, gaps, last, capped)


def _joins(counts: JoinCounts, stats: StoreStats) -> Families:
    results = CounterFamily(
        PREFIX + "joins_total", "Outcomes of joining predictions with ground truth, by result.", ("result",)
    )
    waiting = GaugeFamily(
        PREFIX + "joins_waiting", "Predictions and ground-truth labels that wait to be joined.", ("side",)
    )
    for result in ("joined", "repeated", "revised", "late"):
        results.add((result,), getattr(counts, result))
    for result in ("expired", "orphaned", "evicted"):
        results.add((result,), getattr(stats, result))
    for side in ("predictions", "truths"):
        waiting.add((side,), getattr(stats, side))
    yield from (results, waiting)
