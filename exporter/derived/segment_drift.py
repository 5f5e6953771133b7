"""Segment drift: how far each feature of a segment's records has moved from the whole reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats, SegmentSeries
from exporter.derived import psi
from exporter.derived.drift_calculator import DriftCalculator, is_enough
from exporter.derived.view import View, WindowTallies
from exporter.families import Family, GaugeFamily
from exporter.stats import SEGMENTS


@dataclass(frozen=True)
class SegmentDrift:
    """The PSI of each feature in each segment; no value with too few records."""

    calculator: DriftCalculator

    def psi(self, window: WindowTallies[SegmentSeries]) -> Floats:
        """Return the PSI of each feature; NaN with too few records, and for the feature that defines the segment."""
        bins, criteria = self.calculator.bins, self.calculator.criteria
        counts = window[bins]
        enough = is_enough(counts / criteria.overdispersion, bins.reference)
        # A segment has a single value of the feature that defines it.
        enough &= [feature != window.series.segment for feature in bins.features]
        if not enough.any():
            return np.full(len(enough), np.nan)
        return np.where(enough, psi.psi(counts, bins.reference, criteria.epsilon), np.nan)

    def collect(self, view: View) -> Iterator[Family]:
        family = GaugeFamily(
            "model_segment_feature_drift_psi",
            "Population stability index of a feature of a segment in a window against the reference, unitless.",
            (*SEGMENTS.labels, "feature_name", "window"),
        )
        for window in view.segments:
            keys = [(*window.series, feature, window.window) for feature in self.calculator.variables]
            family.extend(keys, self.psi(window).tolist())
        yield family
