"""Multivariate drift: whether the relations between numeric features have changed, which no single feature shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from exporter.derived.gauges import per_window
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families
from exporter.stats.reconstruction_error import ReconstructionError

MIN_SAMPLES = 30


@dataclass(frozen=True)
class MultivariateDrift:
    """How far a window's mean reconstruction error has moved from the reference's; no value under MIN_SAMPLES records.

        shift = (mean of the window - mean of the reference) / standard deviation of the reference
        z = shift / sqrt(1/n + 1/m)

    Without drift, z of n records against the m of the reference is approximately standard normal.
    """

    errors: ReconstructionError

    def shift(self, window: SeriesWindow) -> float:
        """Return the shift of a window; NaN with too few records."""
        count, total = window[self.errors].tolist()
        reference = self.errors.components
        return total / count - reference.error_mean / reference.error_stddev if count >= MIN_SAMPLES else math.nan

    def zscore(self, window: SeriesWindow) -> float:
        """Return the shift in its standard errors."""
        count = float(window[self.errors][0])
        return self.shift(window) / math.sqrt(1 / count + 1 / self.errors.components.rows) if count else math.nan

    def collect(self, view: View) -> Families:
        yield per_window(
            "model_multivariate_drift",
            "Shift of the mean PCA reconstruction error from the reference's, in its standard deviations.",
            view.windows,
            self.shift,
        )
        yield per_window(
            "model_multivariate_drift_zscore",
            "The same shift in its standard errors: beyond 3 is hardly chance.",
            view.windows,
            self.zscore,
        )
