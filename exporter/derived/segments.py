"""Segments: totals, drift and accuracy of the records that share a value of a segment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.batch import SegmentSeries
from exporter.derived.drift import DriftCalculator
from exporter.derived.gauges import per_label, per_window
from exporter.derived.view import View, WindowTallies
from exporter.families import Families
from exporter.stats import SEGMENTS, Statistic
from exporter.stats.outcomes import Outcomes, matrix


@dataclass(frozen=True)
class SegmentTotals:
    """The metrics `model_segment_*` that `statistics` export."""

    statistics: Sequence[Statistic]

    def collect(self, view: View) -> Families:
        for statistic in self.statistics:
            yield from statistic.collect(view.totals(SegmentSeries, statistic), view.names)


@dataclass(frozen=True)
class SegmentDrift:
    """The PSI of each feature in each segment against the whole reference; no value with too few records."""

    calculator: DriftCalculator

    def psi(self, window: WindowTallies[SegmentSeries]) -> dict[str, float]:
        """Return the PSI of the features of a window that have one, without the feature that defines the segment."""
        values = self.calculator.psi(window[self.calculator.bins]).tolist()
        return {
            name: value
            for name, value in zip(self.calculator.variables, values, strict=True)
            if name != window.series.segment and not math.isnan(value)
        }

    def collect(self, view: View) -> Families:
        text = "Population stability index of a feature of a segment in a window against the reference, unitless."
        yield per_label("model_segment_feature_drift_psi", text, view.segments, self.psi, scope=SEGMENTS)


@dataclass(frozen=True)
class SegmentAccuracy:
    """`model_segment_accuracy`; no value without outcomes."""

    outcomes: Outcomes

    def accuracy(self, window: WindowTallies[SegmentSeries]) -> float:
        """Return the accuracy in a window; NaN without outcomes."""
        counts = matrix(window[self.outcomes])
        total = counts.sum()
        return float(counts.trace() / total) if total else math.nan

    def collect(self, view: View) -> Families:
        text = "Accuracy of a segment's predictions with ground truth in a window, 0 to 1."
        yield per_window("model_segment_accuracy", text, view.segments, self.accuracy, SEGMENTS)
