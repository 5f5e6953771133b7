"""Segment accuracy: how often predictions for a segment turned out to be right in a rolling window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.batch import SegmentSeries
from exporter.families import Family, GaugeFamily
from exporter.stats import SEGMENTS
from exporter.stats.outcomes import matrix
from exporter.tallies.tally import StatisticArrays


@dataclass(frozen=True)
class SegmentAccuracy:
    """`model_segment_accuracy`; `outcomes` names the statistic that counts pairs of classes."""

    outcomes: str

    def collect(self, windows: Mapping[str, Mapping[SegmentSeries, StatisticArrays]]) -> Iterator[Family]:
        family = GaugeFamily(
            "model_segment_accuracy",
            "Share of the outcomes of a segment in a window that were predicted, 0 to 1.",
            (*SEGMENTS.labels, "window"),
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                counts = matrix(row[self.outcomes])
                if total := counts.sum():
                    family.add((*series, label), counts.trace() / total)
        yield family
