"""Segment totals: the totals of some statistics for each segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exporter.batch import SegmentSeries
from exporter.derived.view import View
from exporter.families import Family
from exporter.stats import Scoped


@dataclass(frozen=True)
class SegmentTotals:
    """The metrics `model_segment_*` that `statistics` export."""

    statistics: Sequence[Scoped]

    def collect(self, view: View) -> Iterator[Family]:
        for statistic in self.statistics:
            yield from statistic.collect(view.totals(SegmentSeries, statistic), view.names)
