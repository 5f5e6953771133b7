"""Reliability: whether predictions of a rolling window were correct as often as their scores claim."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.derived.gauges import per_window
from exporter.derived.view import SeriesWindow, View
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.confidence import Confidence, ConfidenceSums

BINS = 10
CALIBRATION_BINS = 15


def calibration_error(sums: ConfidenceSums) -> float:
    """Return the mean over outcomes of |share correct - mean score| of their bin; there must be outcomes.

    Reference: Guo et al. (2017), On calibration of modern neural networks.
    """
    return float(np.abs(sums.correct - sums.scores).sum() / sums.number.sum())


@dataclass(frozen=True)
class Reliability:
    """The expected calibration error over CALIBRATION_BINS bins of equal width, and the reliability diagram of BINS."""

    confidence: Confidence

    def calibration_error(self, window: SeriesWindow) -> float:
        """Return the expected calibration error of a window; NaN without outcomes that have a score."""
        sums = ConfidenceSums.of(window[self.confidence], CALIBRATION_BINS)
        return calibration_error(sums) if sums.number.any() else math.nan

    def collect(self, view: View) -> Iterator[Family]:
        text = "Mean difference of scores of a window's predictions and how often they were right, 0 to 1."
        yield per_window("model_expected_calibration_error", text, view.windows, self.calibration_error)
        samples, confidence, accuracy = families = [
            GaugeFamily(name, text, (*BASE_LABELS, "window", "bin"))
            for name, text in (
                ("model_reliability_samples", "Outcomes of a window by bin of their prediction's score."),
                ("model_reliability_confidence", "Mean score of the predictions in a bin, 0 to 1."),
                ("model_reliability_accuracy", "Share of the predictions in a bin that were right, 0 to 1."),
            )
        ]
        bins = [f"{low / BINS:.1f}-{(low + 1) / BINS:.1f}" for low in range(BINS)]
        for window in view.windows:
            sums = ConfidenceSums.of(window[self.confidence], BINS)
            if sums.number.any():
                keys = [(*window.labels, name) for name in bins]
                samples.extend(keys, sums.number.tolist())
                confidence.extend(keys, _mean(sums.scores, sums.number))
                accuracy.extend(keys, _mean(sums.correct, sums.number))
        yield from families


def _mean(sums: Floats, number: Floats) -> list[float]:
    with np.errstate(invalid="ignore"):
        means: list[float] = (sums / number).tolist()
    return means
