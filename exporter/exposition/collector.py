"""From a committed snapshot to metric families: totals, derived values, and the exporter's own metrics."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporter.batch import Series
from exporter.derived import Measures
from exporter.derived.feature_health import AbsentFeatures
from exporter.derived.view import View
from exporter.families import CounterFamily, Families, GaugeFamily
from exporter.joins.join import JoinCounts
from exporter.joins.store import StoreStats
from exporter.lines.rejects import Reason
from exporter.state.snapshot import Snapshot
from exporter.tallies.windows import Window
from exporter.telemetry import PREFIX


@dataclass
class Collector:
    """Collects the metrics of `measures`, over rolling windows."""

    measures: Measures
    windows: Sequence[Window]
    _last: View | None = field(default=None, init=False)

    def view(self, snapshot: Snapshot) -> View:
        """Return the view of a snapshot, which its readers share."""
        view = self._last
        if view is None or view.snapshot is not snapshot:
            view = self._last = View(snapshot, self.windows)
        return view

    def collect(self, snapshot: Snapshot) -> Families:
        """Yield all families of a snapshot."""
        yield from self._statistics(snapshot)
        view = self.view(snapshot)
        for derived in self.measures.derived:
            yield from derived.collect(view)
        yield from _operation(snapshot)

    def totals(self, snapshot: Snapshot) -> Families:
        """Yield the families that are not derived, among them all counters."""
        yield from self._statistics(snapshot)
        yield from _operation(snapshot)

    def _statistics(self, snapshot: Snapshot) -> Families:
        view = self.view(snapshot)
        for statistic in self.measures.statistics:
            yield from statistic.collect(view.totals(Series, statistic), view.names)

    def absent(self, snapshot: Snapshot) -> dict[tuple[Series, str], bool]:
        """Return whether each feature is absent from the shortest window, for those with enough records."""
        features, view = self.measures.find(AbsentFeatures), self.view(snapshot)
        if features is None:
            return {}
        return {
            (window.series, feature): is_absent
            for window in view.windows
            if window.label == view.shortest.label
            for feature, is_absent in features.absent(window).items()
        }


def _operation(snapshot: Snapshot) -> Families:
    yield from _sources(snapshot)
    if snapshot.join_counts:
        yield from _joins(snapshot.join_counts, snapshot.store_stats)


def _sources(snapshot: Snapshot) -> Families:
    lines = CounterFamily(PREFIX + "source_lines_total", "Lines read.", ("source",))
    read = CounterFamily(PREFIX + "source_bytes_total", "Bytes read.", ("source",))
    records = CounterFamily(PREFIX + "source_records_total", "Records accepted.", ("source",))
    rejected = CounterFamily(PREFIX + "source_rejected_lines_total", "Rejected lines, by reason.", ("source", "reason"))
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
        gaps.add((source,), counts.gaps)
        if counts.last_timestamp:
            last.add((source,), counts.last_timestamp)
    of_segments = ("segment_value",) if snapshot.segment_values else ()
    for label in ("model_version", "prediction_class", "error_type", *of_segments):
        capped.add((label,), snapshot.capped.get(label, 0))
    yield from (lines, read, records, rejected, gaps, last, capped)


def _joins(counts: JoinCounts, stats: StoreStats) -> Families:
    results = CounterFamily(
        PREFIX + "joins_total", "Outcomes of joining predictions with ground truth, by result.", ("result",)
    )
    waiting = GaugeFamily(
        PREFIX + "joins_waiting", "Predictions and ground-truth labels that wait to be joined.", ("side",)
    )
    for result in ("joined", "repeated", "revised"):
        results.add((result,), getattr(counts, result))
    for result in ("expired", "orphaned", "evicted"):
        results.add((result,), getattr(stats, result))
    for side in ("predictions", "truths"):
        waiting.add((side,), getattr(stats, side))
    yield from (results, waiting)
