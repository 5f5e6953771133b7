"""From a committed snapshot to metric families: every statistic's totals, what the windows mean, and ourselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.batch import SegmentSeries, Series
from exporter.derived import (
    Derived,
    DerivedOfClasses,
    DerivedOfPanes,
    DerivedOfPast,
    DerivedOfSegments,
    Judge,
    Pictures,
)
from exporter.families import CounterFamily, Family, GaugeFamily
from exporter.joins.join import JoinCounts
from exporter.joins.store import StoreStats
from exporter.lines.rejects import REASONS
from exporter.state.snapshot import Snapshot
from exporter.stats import BASE_LABELS, Scoped, Statistic
from exporter.tallies import history
from exporter.tallies.tally import S, StatisticArrays, TalliesBySeries, Tally, merge, of_kind
from exporter.tallies.vocabulary import CLASS_LABEL
from exporter.tallies.windows import Window


@dataclass(frozen=True)
class Segmented:
    """What is told of segments: totals of `statistics`, and what is `derived` of windows.

    `tallied` are the statistics that there are tallies of.
    """

    statistics: Sequence[Scoped]
    derived: Sequence[DerivedOfSegments]
    tallied: Sequence[Statistic]


@dataclass(frozen=True)
class Collector:
    """Derives metric families. `thresholds` are the limits that alerts compare with, by metric.

    `judge` is there where the features are known, and `segmented` where there are segments. `pictures` are for people.
    `attributed` are the reference's mean absolute attributions, by feature.
    """

    statistics: Sequence[Statistic]
    derived: Sequence[Derived]
    windows: Sequence[Window]
    thresholds: Mapping[str, float] = field(default_factory=dict)
    judge: Judge | None = None
    changes: DerivedOfPast | None = None
    segmented: Segmented | None = None
    of_classes: Sequence[DerivedOfClasses] = ()
    of_panes: Sequence[DerivedOfPanes] = ()
    pictures: Sequence[Pictures] = ()
    attributed: Mapping[str, float] = field(default_factory=dict)

    def collect(self, snapshot: Snapshot) -> Iterator[Family]:
        """Return all families of the snapshot."""
        for statistic in self.statistics:
            yield from statistic.collect(_totals(Series, snapshot, statistic.name), snapshot.names)
        windows = {window.label: _in_view(Series, window, snapshot, self.statistics) for window in self.windows}
        yield from self._meaning(windows, snapshot)
        for of_panes in self.of_panes:
            yield from of_panes.collect(self._panes(snapshot, of_panes.reads), _classes(snapshot))
        if self.changes:
            yield from self.changes.collect(windows, self._past(snapshot))
        if self.segmented:
            yield from self._of_segments(self.segmented, snapshot)
        yield from self._besides(snapshot)
        if snapshot.join_counts:
            yield from _about_joins(snapshot.join_counts, snapshot.store_stats)

    def _panes(self, snapshot: Snapshot, name: str) -> dict[Series, list[Tally]]:
        """Return what the panes of the longest window that are in view hold of a statistic, in the order of time."""
        window = max(self.windows, key=lambda window: window.seconds)
        first = window.first_in_view(snapshot.time)
        panes: dict[Series, list[Tally]] = {}
        for pane, tallies in sorted(snapshot.windows.get(window.label, {}).items()):
            for series, row in of_kind(Series, tallies).items():
                if pane >= first and name in row:
                    panes.setdefault(series, []).append(row[name])
        return panes

    def of_window(self, snapshot: Snapshot, window: Window) -> tuple[TalliesBySeries, Iterator[Family]]:
        """Return what a window holds, and the same as families: as if it were all there was, and what it means.

        Bins are not among them; `pictures` show them.
        """
        held = _in_view(Series, window, snapshot, self.statistics)
        return held, self._of_window(snapshot, window, held)

    def _of_window(self, snapshot: Snapshot, window: Window, held: TalliesBySeries) -> Iterator[Family]:
        pictured = {pictures.reads for pictures in self.pictures}
        for statistic in self.statistics:
            if statistic.name not in pictured:
                tallies = {series: row[statistic.name] for series, row in held.items()}
                yield from statistic.collect(tallies, snapshot.names)
        yield from self._meaning({window.label: held}, snapshot)
        if self.segmented:
            yield from _segments_of_window(self.segmented, snapshot, window)
        yield from self._besides(snapshot)

    def _meaning(self, windows: Mapping[str, TalliesBySeries], snapshot: Snapshot) -> Iterator[Family]:
        for derived in self.derived:
            yield from derived.collect(windows)
        for of_classes in self.of_classes:
            yield from of_classes.collect(windows, _classes(snapshot))

    def _besides(self, snapshot: Snapshot) -> Iterator[Family]:
        if self.judge:
            yield _unknown_features(snapshot)
        yield self._threshold(snapshot)
        yield from _about_sources(snapshot)

    def _past(self, snapshot: Snapshot) -> dict[tuple[str, str], TalliesBySeries]:
        """Return what windows held before, by their label and how long before; only what is remembered."""
        return {
            (window.label, ago): history.past(snapshot.history.get(window.label, {}), window, snapshot.time, seconds)
            for window in self.windows
            for ago, seconds in window.before
        }

    def absent(self, snapshot: Snapshot) -> dict[tuple[Series, str], bool]:
        """Return whether each feature is absent from the shortest window, where that can be told."""
        if not self.judge:
            return {}
        window = min(self.windows, key=lambda window: window.seconds)
        read = [statistic for statistic in self.statistics if statistic.name in self.judge.reads]
        held = _in_view(Series, window, snapshot, read)
        return {
            (series, feature): is_absent for series, row in held.items() for feature, is_absent in self.judge.judge(row)
        }

    def _of_segments(self, told: Segmented, snapshot: Snapshot) -> Iterator[Family]:
        for statistic in told.statistics:
            yield from statistic.collect(_totals(SegmentSeries, snapshot, statistic.name), snapshot.names)
        windows = {window.label: _in_view(SegmentSeries, window, snapshot, told.tallied) for window in self.windows}
        for derived in told.derived:
            yield from derived.collect(windows)

    def _threshold(self, snapshot: Snapshot) -> Family:
        family = GaugeFamily("model_threshold", "Limit of a metric that alerts compare with.", (*BASE_LABELS, "metric"))
        for series in of_kind(Series, snapshot.totals):
            for metric, limit in self.thresholds.items():
                family.add((*series, metric), limit)
        return family


def _segments_of_window(told: Segmented, snapshot: Snapshot, window: Window) -> Iterator[Family]:
    held = _in_view(SegmentSeries, window, snapshot, told.tallied)
    for statistic in told.statistics:
        yield from statistic.collect({series: row[statistic.name] for series, row in held.items()}, snapshot.names)
    for derived in told.derived:
        yield from derived.collect({window.label: held})


def _classes(snapshot: Snapshot) -> tuple[str, ...]:
    return snapshot.names.get(CLASS_LABEL, ())


def _totals(kind: type[S], snapshot: Snapshot, name: str) -> dict[S, Tally]:
    """Return the totals of a statistic, of all series or of all segments of series."""
    return {series: row[name] for series, row in of_kind(kind, snapshot.totals).items()}


def _in_view(
    kind: type[S], window: Window, snapshot: Snapshot, statistics: Iterable[Statistic]
) -> dict[S, StatisticArrays]:
    """Return what the window holds of some statistics, for every series there is, or every segment of one."""
    first = window.first_in_view(snapshot.time)
    zeros = {statistic.name: statistic.zero() for statistic in statistics}
    held = merge(
        {
            series: {name: row[name] for name in zeros.keys() & row.keys()}
            for series, row in of_kind(kind, tallies).items()
        }
        for pane, tallies in snapshot.windows.get(window.label, {}).items()
        if pane >= first
    )
    return {series: zeros | held.get(series, {}) for series in of_kind(kind, snapshot.totals)}


def _unknown_features(snapshot: Snapshot) -> Family:
    family = GaugeFamily(
        "model_unknown_features",
        "Features that the reference does not know and a sample of records held in the last day.",
        BASE_LABELS,
    )
    for series, names in snapshot.unknown.items():
        family.add(series, len(names))
    return family


def _about_sources(snapshot: Snapshot) -> Iterator[Family]:
    prefix = "prediction_exporter_"
    lines = CounterFamily(prefix + "source_lines_total", "Lines read.", ("source",))
    read = CounterFamily(prefix + "source_bytes_total", "Bytes read.", ("source",))
    records = CounterFamily(prefix + "source_records_total", "Records accepted.", ("source",))
    rejected = CounterFamily(prefix + "source_rejected_lines_total", "Lines refused, by reason.", ("source", "reason"))
    last = GaugeFamily(
        prefix + "source_last_record_timestamp_seconds", "Time of the newest record, since epoch.", ("source",)
    )
    capped = CounterFamily(
        prefix + "capped_labels_total", "Records whose label was over its limit and became `other`.", ("label",)
    )
    for source, counts in snapshot.sources.items():
        lines.add((source,), counts.lines)
        read.add((source,), counts.bytes)
        records.add((source,), counts.records)
        for reason in REASONS:
            rejected.add((source, reason), counts.rejected.get(reason, 0))
        if counts.last_timestamp:
            last.add((source,), counts.last_timestamp)
    of_segments = ("segment_value",) if snapshot.segment_values else ()
    for label in ("model_version", "prediction_class", "error_type", *of_segments):
        capped.add((label,), snapshot.capped.get(label, 0))
    yield from (lines, read, records, rejected, last, capped)


def _about_joins(counts: JoinCounts, stats: StoreStats) -> Iterator[Family]:
    prefix = "prediction_exporter_joins_"
    results = CounterFamily(prefix + "total", "What became of predictions and ground truths.", ("result",))
    waiting = GaugeFamily(prefix + "waiting", "Predictions and ground truths that wait for each other.", ("side",))
    for result, count in (
        ("joined", counts.joined),
        ("repeated", counts.repeated),
        ("revised", counts.revised),
        ("expired", stats.expired),
        ("orphaned", stats.orphaned),
        ("evicted", stats.evicted),
    ):
        results.add((result,), count)
    waiting.add(("predictions",), stats.predictions)
    waiting.add(("truths",), stats.truths)
    yield from (results, waiting)
