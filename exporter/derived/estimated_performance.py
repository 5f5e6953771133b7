"""Estimated performance: how good predictions are according to their scores, before ground truth arrives.

Each prediction adds the probability that it is correct, which is its score's rate in the reference's calibration, to an
expected confusion matrix (confidence-based performance estimation). The estimate holds as long as a score keeps its
meaning, so it cannot show concept drift.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exporter.batch import Floats, Series
from exporter.derived.estimated_auc import drawn_variance, estimated_auc
from exporter.derived.view import View, WindowTallies
from exporter.families import Family, GaugeFamily
from exporter.reference import confusion
from exporter.reference.baseline import Estimate
from exporter.reference.calibration import CalibratedRates
from exporter.stats import BASE_LABELS, Tallied
from exporter.stats.score_bins import ScoreBins

FEWEST_PREDICTIONS = 100
# At least this share of a window's predictions must have a score for which the reference has a rate.
FEWEST_JUDGED = 0.9
# Help texts by name of a figure of confusion.ClassRates.
FIGURES = {
    "precision": "Of a window's predictions of a class, the share that is right, as their scores tell.",
    "recall": "Of what is of a class in a window, the share that is predicted, as the scores tell.",
    "f1": "Harmonic mean of precision and recall in a window, as the scores tell.",
}


@dataclass(frozen=True)
class Expected:
    """The expected confusion matrix of n predictions, by class.

    `predicted` is the number of predictions of a class, `correct` how many of these are expected to be correct, and
    `missed` how many of other predictions are expected to belong to it; `variance` is that of `correct`. Unless
    `is_whole`, some predictions lack the rate of a class, and `missed` is incomplete.
    """

    predicted: Floats
    correct: Floats
    missed: Floats
    variance: Floats
    is_whole: bool

    @classmethod
    def of(cls, counts: Floats, rates: CalibratedRates) -> Expected:
        """Return what to expect of a tally of stats.ScoreBins."""
        judged = np.where(np.isnan(rates.rate), 0.0, counts)
        expected = (judged * np.nan_to_num(rates.rate)).sum(axis=-1)
        predicted = judged[:, 1].sum(axis=-1)
        only_predicted = judged * np.array([[0.0], [1.0]])
        return cls(
            predicted=predicted,
            correct=expected[:, 1],
            missed=expected[:, 0],
            variance=np.array([drawn_variance(each, each, rates, row) for row, each in enumerate(only_predicted)]),
            is_whole=bool((judged.sum(axis=(1, 2)) == counts[:, 1].sum()).all()),
        )

    @property
    def size(self) -> float:
        return float(self.predicted.sum())

    @property
    def support(self) -> Floats:
        return self.correct + self.missed

    @property
    def accuracy(self) -> float:
        return float(self.correct.sum()) / self.size

    @property
    def rates(self) -> confusion.ClassRates:
        return confusion.ClassRates.of_totals(self.predicted, self.support, self.correct)

    def weighted(self, metric: str) -> float:
        """Return the average of a figure over classes, weighted by how often each is expected."""
        # True classes that the reference never predicts are all missed.
        covered = min(1.0, float(self.support.sum()) / self.size)
        return self.rates.weighted(getattr(self.rates, metric)) * covered

    @property
    def stderr(self) -> dict[str, float]:
        """The standard errors of the accuracy and the weighted figures, to first order."""
        slopes = self._slopes() if self.is_whole else {"accuracy": np.ones(len(self.correct))}
        variances = {metric: float((np.square(slope) * self.variance).sum()) for metric, slope in slopes.items()}
        return {metric: math.sqrt(variance) / self.size for metric, variance in variances.items()}

    def _slopes(self) -> dict[str, Floats]:
        """Return the increase of n times a figure with one more correct prediction of each class.

        If it were not correct, it would belong to another class, in proportion to how often each is missed already.
        """
        others = np.where(np.eye(len(self.missed)), 0.0, self.missed)
        total = others.sum(axis=1, keepdims=True)
        share = np.divide(others, total, out=np.zeros_like(others), where=total > 0)
        precision, f1 = np.nan_to_num(self.rates.precision), np.nan_to_num(self.rates.f1)
        with np.errstate(invalid="ignore", divide="ignore"):
            by_predicted = np.nan_to_num(self.support / self.predicted, posinf=0.0)
            by_either = np.nan_to_num(self.support / (self.predicted + self.support))
        f1_of_others = f1 * (1 - by_either)
        every = np.ones(len(self.correct))
        return {
            "accuracy": every,
            "precision": by_predicted + precision - (share * precision).sum(axis=1),
            "recall": every,
            "f1": 2 * by_either + f1_of_others - (share * f1_of_others).sum(axis=1),
        }


@dataclass(frozen=True)
class EstimatedPerformance:
    """`model_estimated_*`; the tally of `predictions` sums to the number of predictions.

    No value with fewer than FEWEST_PREDICTIONS that the calibration can judge, or if these are less than FEWEST_JUDGED
    of all predictions.
    """

    bins: ScoreBins
    predictions: Tallied

    @cached_property
    def _rates(self) -> CalibratedRates:
        return CalibratedRates.of(self.bins.calibration)

    def expected(self, window: WindowTallies[Series]) -> Expected | None:
        """Return what to expect of a window; None if it cannot be estimated."""
        expected = Expected.of(window[self.bins], self._rates)
        enough = max(FEWEST_PREDICTIONS, FEWEST_JUDGED * window[self.predictions].sum())
        return expected if expected.size >= enough else None

    def auc(self, window: WindowTallies[Series], expected: Expected) -> Estimate | None:
        """Return the mean AUC of the classes, each against the rest; None if it cannot be estimated.

        Its standard error is the mean of theirs, which is an upper bound. Both areas of two classes are the same.
        """
        if not expected.is_whole:
            return None
        counts = window[self.bins]
        areas = [area for row in range(len(counts)) if (area := estimated_auc(counts[row], self._rates, row))]
        if not areas:
            return None
        return Estimate(float(np.mean([area.value for area in areas])), float(np.mean([area.stderr for area in areas])))

    def figures(self, window: WindowTallies[Series]) -> dict[str, float]:
        """Return the accuracy, the weighted figures and the AUC, as far as they can be estimated."""
        expected = self.expected(window)
        if expected is None:
            return {}
        found = {"accuracy": expected.accuracy}
        if expected.is_whole:
            found |= {metric: expected.weighted(metric) for metric in FIGURES}
        if area := self.auc(window, expected):
            found["auc"] = area.value
        return found

    def collect(self, view: View) -> Iterator[Family]:
        labels = (*BASE_LABELS, "window")
        accuracy = GaugeFamily(
            "model_estimated_accuracy", "Share of predictions in a window that are right, as their scores tell.", labels
        )
        by_class = {
            metric: GaugeFamily(f"model_estimated_{metric}", text, (*labels, "average", "class"))
            for metric, text in FIGURES.items()
        }
        auc = GaugeFamily(
            "model_estimated_auc", "Area under the ROC curve of a window's predictions, as their scores tell.", labels
        )
        stderr = GaugeFamily(
            "model_estimated_stderr",
            "Standard error of an estimated figure: by the size of the window and by that of the reference.",
            (*labels, "metric"),
        )
        for window in view.windows:
            expected = self.expected(window)
            if expected is None:
                continue
            accuracy.add(window.labels, expected.accuracy)
            for metric, family in by_class.items():
                values = getattr(expected.rates, metric)
                if expected.is_whole:
                    family.add((*window.labels, "weighted", ""), expected.weighted(metric))
                    family.add((*window.labels, "macro", ""), expected.rates.macro(values))
                if expected.is_whole or metric == "precision":
                    family.extend([(*window.labels, "", name) for name in self.bins.classes], values.tolist())
            errors = expected.stderr
            if area := self.auc(window, expected):
                auc.add(window.labels, area.value)
                errors["auc"] = area.stderr
            stderr.extend([(*window.labels, metric) for metric in errors], errors.values())
        yield from (accuracy, *by_class.values(), auc, stderr)
