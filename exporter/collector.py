"""From a committed snapshot to metric families: every statistic's totals, what the windows mean, and ourselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from exporter.rejects import REASONS
from exporter.snapshot import Snapshot
from exporter.stats import BASE_LABELS, SEGMENTS, SERIES, Derived, Scope, Statistic
from exporter.tally import Tallies, merge
from exporter.windows import Window


@dataclass(frozen=True)
class Shown:
    """What is shown of a series, or of a segment of one: totals of `statistics`, and what is `derived` of windows.

    `tallied` are the statistics that there are tallies of.
    """

    statistics: Sequence[Statistic]
    derived: Sequence[Derived]
    tallied: Sequence[Statistic]


@dataclass(frozen=True)
class Collector:
    """Derives metric families. `thresholds` are the limits that alerts compare with, by metric.

    `segmented` is what is shown of segments, where there are any.
    """

    statistics: Sequence[Statistic]
    derived: Sequence[Derived]
    windows: Sequence[Window]
    thresholds: Mapping[str, float] = field(default_factory=dict)
    segmented: Shown | None = None

    def collect(self, snapshot: Snapshot) -> Iterator[Metric]:
        """Return all families of the snapshot."""
        windows = {window.label: _in_view(window, snapshot) for window in self.windows}
        yield from _families(SERIES, Shown(self.statistics, self.derived, self.statistics), snapshot, windows)
        if self.segmented:
            yield from _families(SEGMENTS, self.segmented, snapshot, windows)
        yield self._threshold(snapshot)
        yield from _about_sources(snapshot)

    def _threshold(self, snapshot: Snapshot) -> Metric:
        family = GaugeMetricFamily(
            "model_threshold", "Limit of a metric that alerts compare with.", labels=(*BASE_LABELS, "metric")
        )
        for series in snapshot.totals:
            if series.segment is None:
                for metric, limit in self.thresholds.items():
                    family.add_metric((*series, metric), limit)
        return family


def _in_view(window: Window, snapshot: Snapshot) -> Tallies:
    """Return what the window holds."""
    first = window.first_in_view(snapshot.time)
    panes = snapshot.windows.get(window.label, {})
    return merge(tallies for pane, tallies in panes.items() if pane >= first)


def _families(scope: Scope, shown: Shown, snapshot: Snapshot, windows: Mapping[str, Tallies]) -> Iterator[Metric]:
    """Return one scope's families, of all the series that have totals; a window may hold nothing of one."""
    rows = {series: row for series, row in snapshot.totals.items() if len(series) == len(scope.labels)}
    for statistic in shown.statistics:
        yield from statistic.collect(
            {series: row[statistic.name] for series, row in rows.items()}, snapshot.names, scope
        )
    zeros = {statistic.name: statistic.zero() for statistic in shown.tallied}
    in_view = {label: {series: zeros | held.get(series, {}) for series in rows} for label, held in windows.items()}
    for derived in shown.derived:
        yield from derived.collect(in_view, scope)


def _about_sources(snapshot: Snapshot) -> Iterator[Metric]:
    prefix = "prediction_exporter_"
    lines = CounterMetricFamily(prefix + "source_lines_total", "Lines read.", labels=("source",))
    read = CounterMetricFamily(prefix + "source_bytes_total", "Bytes read.", labels=("source",))
    records = CounterMetricFamily(prefix + "source_records_total", "Records accepted.", labels=("source",))
    rejected = CounterMetricFamily(
        prefix + "source_rejected_lines_total", "Lines refused, by reason.", labels=("source", "reason")
    )
    last = GaugeMetricFamily(
        prefix + "source_last_record_timestamp_seconds", "Time of the newest record, since epoch.", labels=("source",)
    )
    capped = CounterMetricFamily(
        prefix + "capped_labels_total", "Records whose label was over its limit and became `other`.", labels=("label",)
    )
    for source, counts in snapshot.sources.items():
        lines.add_metric((source,), counts.lines)
        read.add_metric((source,), counts.bytes)
        records.add_metric((source,), counts.records)
        for reason in REASONS:
            rejected.add_metric((source, reason), counts.rejected.get(reason, 0))
        if counts.last_timestamp:
            last.add_metric((source,), counts.last_timestamp)
    for label in (
        "model_version",
        "prediction_class",
        "error_type",
        *(["segment_value"] if snapshot.segment_values else []),
    ):
        capped.add_metric((label,), snapshot.capped.get(label, 0))
    yield from (lines, read, records, rejected, last, capped)
