"""Multivariate drift: whether the relations between numeric features have changed, which no single feature shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.derived.view import View
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
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

    def collect(self, view: View) -> Iterator[Family]:
        labels = (*BASE_LABELS, "window")
        drift = GaugeFamily(
            "model_multivariate_drift",
            "Shift of the mean PCA reconstruction error from the reference's, in its standard deviations.",
            labels,
        )
        zscore = GaugeFamily(
            "model_multivariate_drift_zscore",
            "The same shift in its standard errors: beyond 3 is hardly chance.",
            labels,
        )
        reference = self.errors.components
        for window in view.windows:
            count, total = window[self.errors].tolist()
            if count >= MIN_SAMPLES:
                shift = total / count - reference.error_mean / reference.error_stddev
                drift.add(window.labels, shift)
                zscore.add(window.labels, shift / math.sqrt(1 / count + 1 / reference.rows))
        yield from (drift, zscore)
