"""How good the scores of a rolling window were, once ground truth is known: AUC, losses and calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.derived.gauges import ClassFigure, per_class, per_window
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.class_scores import ScoreLosses, ScoreLossSums, ScoresByTruth
from exporter.stats.confidence import Confidence, ConfidenceSums

BINS = 10
CALIBRATION_BINS = 15


def auc(others: Floats, of_class: Floats) -> Floats:
    """Return the area under the ROC curve of counts by bin of the score, along the last axis; NaN if a side is empty.

    It is the probability that a record of the class has a higher score than one of another class, where ties count
    half: Mann and Whitney (1947). Scores in the same bin count as ties. With p and q the shares of the two groups in
    each bin, the error is at most half the sum of p * q over the bins.

    >>> float(auc(np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 3.0])).round(4))
    0.9583
    """
    below = others.cumsum(axis=-1) - others / 2
    with np.errstate(invalid="ignore"):
        area: Floats = (of_class * below).sum(axis=-1) / (of_class.sum(axis=-1) * others.sum(axis=-1))
    return area


@dataclass(frozen=True)
class Auc:
    """`model_auc` of each class against the rest, and averages over classes; no value without outcomes of both.

    The weighted average is weighted by how often each class is the true one.
    """

    scores: ScoresByTruth

    def figure(self, window: SeriesWindow) -> ClassFigure | None:
        """Return the AUC of a window; None if no class has one."""
        others, of_class = np.moveaxis(window[self.scores], 1, 0)
        areas, weights = auc(others, of_class), of_class.sum(axis=-1)
        exists = ~np.isnan(areas)
        if not exists.any():
            return None
        weighted, macro = np.average(areas[exists], weights=weights[exists]), areas[exists].mean()
        return ClassFigure(float(weighted), float(macro), dict(zip(self.scores.classes, areas.tolist(), strict=True)))

    def collect(self, view: View) -> Families:
        text = "Area under the ROC curve of a class against the rest in a window, 0 to 1."
        yield per_class("model_auc", text, view.windows, self.figure)


@dataclass(frozen=True)
class ScoreLoss:
    """The mean log loss and the Brier score, both as in scikit-learn; no value without outcomes that have scores.

    Reference: Brier (1950), Verification of forecasts expressed in terms of probability; half of it for two classes.
    """

    losses: ScoreLosses

    def log_loss(self, window: SeriesWindow) -> float:
        """Return the mean log loss of a window, or NaN."""
        sums = ScoreLossSums(*window[self.losses].tolist())
        return sums.log_losses / sums.number if sums.number else math.nan

    def brier_score(self, window: SeriesWindow) -> float:
        """Return the Brier score of a window, or NaN."""
        sums = ScoreLossSums(*window[self.losses].tolist())
        return sums.squares / sums.complete if sums.complete else math.nan

    def collect(self, view: View) -> Families:
        text = "Mean of -ln of the score of the true class in a window."
        yield per_window("model_log_loss", text, view.windows, self.log_loss)
        text = "Mean squared difference of scores and truth in a window, 0 is best."
        yield per_window("model_brier_score", text, view.windows, self.brier_score)


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

    def collect(self, view: View) -> Families:
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
