"""Segment accuracy: how often the predictions for a segment turned out to be correct in a rolling window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.batch import SegmentSeries
from exporter.derived.view import View, WindowTallies
from exporter.families import Family, GaugeFamily
from exporter.stats import SEGMENTS
from exporter.stats.outcomes import Outcomes, matrix


@dataclass(frozen=True)
class SegmentAccuracy:
    """`model_segment_accuracy`; no value without outcomes."""

    outcomes: Outcomes

    def accuracy(self, window: WindowTallies[SegmentSeries]) -> float:
        """Return the accuracy in a window; NaN without outcomes."""
        counts = matrix(window[self.outcomes])
        total = counts.sum()
        return float(counts.trace() / total) if total else math.nan

    def collect(self, view: View) -> Iterator[Family]:
        family = GaugeFamily(
            "model_segment_accuracy",
            "Share of the outcomes of a segment in a window that were predicted, 0 to 1.",
            (*SEGMENTS.labels, "window"),
        )
        for window in view.segments:
            family.extend([window.labels], [self.accuracy(window)])
        yield family
