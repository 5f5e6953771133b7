"""Reliability: whether predictions of a rolling window were right as often as their scores said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.confidence import Confidence, Sums
from exporter.tallies.tally import TalliesBySeries

BINS = 10
CALIBRATION_BINS = 15


def calibration_error(sums: Sums) -> float:
    """Return the mean over outcomes, of which there are some, of |share right - mean score| of their bin.

    Reference: Guo et al. (2017), On calibration of modern neural networks.
    """
    return float(np.abs(sums.right - sums.scores).sum() / sums.number.sum())


@dataclass(frozen=True)
class Reliability:
    """The expected calibration error over CALIBRATION_BINS bins of equal width, and the reliability diagram of BINS."""

    confidence: Confidence

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        labels = (*BASE_LABELS, "window")
        error = GaugeFamily(
            "model_expected_calibration_error",
            "Mean difference of scores of a window's predictions and how often they were right, 0 to 1.",
            labels,
        )
        samples, confidence, accuracy = (
            GaugeFamily(name, text, (*labels, "bin"))
            for name, text in (
                ("model_reliability_samples", "Outcomes of a window by bin of their prediction's score."),
                ("model_reliability_confidence", "Mean score of the predictions in a bin, 0 to 1."),
                ("model_reliability_accuracy", "Share of the predictions in a bin that were right, 0 to 1."),
            )
        )
        bins = [f"{low / BINS:.1f}-{(low + 1) / BINS:.1f}" for low in range(BINS)]
        for label, tallies in windows.items():
            for series, row in tallies.items():
                tally = row[self.confidence.name]
                if not tally[0].any():
                    continue
                error.add((*series, label), calibration_error(Sums.of(tally, CALIBRATION_BINS)))
                sums = Sums.of(tally, BINS)
                keys = [(*series, label, name) for name in bins]
                samples.extend(keys, sums.number.tolist())
                confidence.extend(keys, _mean(sums.scores, sums.number))
                accuracy.extend(keys, _mean(sums.right, sums.number))
        yield from (error, samples, confidence, accuracy)


def _mean(sums: Floats, number: Floats) -> list[float]:
    with np.errstate(invalid="ignore"):
        means: list[float] = (sums / number).tolist()
    return means
