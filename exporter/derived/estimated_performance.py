"""Estimated performance: how good predictions are according to their scores, before ground truth arrives.

Each prediction adds the probability that it is correct, which is its score's rate in the reference's calibration, to an
expected confusion matrix (confidence-based performance estimation). The estimate holds as long as a score keeps its
meaning, so it cannot show concept drift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from exporter.batch import Floats
from exporter.derived.classification import auc
from exporter.derived.gauges import ClassFigure, per_class, per_label, per_window
from exporter.derived.view import SeriesWindow, View, computed_once
from exporter.families import Families
from exporter.reference.calibration import CalibratedRates
from exporter.reference.performance import ClassRates, Estimate
from exporter.stats import Statistic
from exporter.stats.score_bins import ScoreBins

FEWEST_PREDICTIONS = 100
# At least this share of a window's predictions must have a score for which the reference has a rate.
FEWEST_JUDGED = 0.9
# The fewest expected records of a class, and of all others, with which its AUC is estimated.
FEWEST_OF_EITHER = 1.0
# Help texts by name of a figure of ClassRates.
FIGURES = {
    "precision": "Precision per class in a window, estimated from scores.",
    "recall": "Recall per class in a window, estimated from scores.",
    "f1": "F1 in a window, estimated from scores.",
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
    def rates(self) -> ClassRates:
        return ClassRates.of_totals(self.predicted, self.support, self.correct)

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
    predictions: Statistic

    @cached_property
    def _rates(self) -> CalibratedRates:
        return CalibratedRates.of(self.bins.calibration)

    @computed_once
    def expected(self, window: SeriesWindow) -> Expected | None:
        """Return what to expect of a window; None if it cannot be estimated."""
        expected = Expected.of(window[self.bins], self._rates)
        enough = max(FEWEST_PREDICTIONS, FEWEST_JUDGED * window[self.predictions].sum())
        return expected if expected.size >= enough else None

    def figure(self, name: str, window: SeriesWindow) -> ClassFigure | None:
        """Return one of FIGURES; None if it cannot be estimated. Averages are NaN if only that of a class can be."""
        expected = self.expected(window)
        if expected is None or not (expected.is_whole or name == "precision"):
            return None
        values: Floats = getattr(expected.rates, name)
        averages = (
            (expected.weighted(name), expected.rates.macro(values)) if expected.is_whole else (math.nan, math.nan)
        )
        return ClassFigure(*averages, dict(zip(self.bins.classes, values.tolist(), strict=True)))

    @computed_once
    def estimates(self, window: SeriesWindow) -> dict[str, Estimate]:
        """Return the accuracy, the weighted figures and the AUC, as far as they can be estimated."""
        expected = self.expected(window)
        if expected is None:
            return {}
        found = {
            metric: Estimate(expected.accuracy if metric == "accuracy" else expected.weighted(metric), stderr)
            for metric, stderr in expected.stderr.items()
        }
        counts = window[self.bins]
        areas = [area for row in range(len(counts)) if (area := estimated_auc(counts[row], self._rates, row))]
        if expected.is_whole and areas:
            # The mean of the standard errors is an upper bound of that of the mean.
            values, errors = ([getattr(area, name) for area in areas] for name in ("value", "stderr"))
            found["auc"] = Estimate(float(np.mean(values)), float(np.mean(errors)))
        return found

    def collect(self, view: View) -> Families:
        text = "Accuracy in a window, estimated from scores."
        yield per_window("model_estimated_accuracy", text, view.windows, partial(self._value, "accuracy"))
        for name, text in FIGURES.items():
            yield per_class(f"model_estimated_{name}", text, view.windows, partial(self.figure, name))
        text = "Area under the ROC curve in a window, estimated from scores."
        yield per_window("model_estimated_auc", text, view.windows, partial(self._value, "auc"))
        text = "Standard error of an estimated figure, from the sample sizes of window and reference."
        yield per_label("model_estimated_stderr", text, view.windows, self._stderrs, "metric")

    def _value(self, metric: str, window: SeriesWindow) -> float:
        estimate = self.estimates(window).get(metric)
        return estimate.value if estimate else math.nan

    def _stderrs(self, window: SeriesWindow) -> dict[str, float]:
        return {metric: estimate.stderr for metric, estimate in self.estimates(window).items()}


def estimated_auc(counts: Floats, rates: CalibratedRates, row: int) -> Estimate | None:
    """Return the expected area for class `row` against the rest; None if fewer than one record of either is expected.

    `counts` has shape (2, bins), and all counted bins have a rate. The area is that of the expected counts of the class
    and of the rest. The standard error is to first order: each record's true class is drawn by its rate, and the rates
    are estimated from the records of the reference.
    """
    rate = np.nan_to_num(rates.rate[row])
    total = counts.sum(axis=0)
    positives = (counts * rate).sum(axis=0)
    negatives = total - positives
    of_class, of_rest = float(positives.sum()), float(negatives.sum())
    if min(of_class, of_rest) < FEWEST_OF_EITHER:
        return None
    value = float(auc(negatives, positives))
    below = negatives.cumsum() - negatives / 2
    above = of_class - positives.cumsum() + positives / 2
    # The increase of the area with one more record of a bin that belongs to the class.
    slope = (below - above) / (of_class * of_rest) - value * (1 / of_class - 1 / of_rest)
    return Estimate(value, math.sqrt(drawn_variance(counts * slope, counts * slope**2, rates, row)))


def drawn_variance(weights: Floats, squares: Floats, rates: CalibratedRates, row: int) -> float:
    """Return the variance of a weighted sum of whether records belong to class `row`.

    `weights`, shape (2, bins), are the sums of weights over the records of a bin, and `squares` the sums of their
    squares. Each record's true class is drawn independently; the error of a rate is shared by all records of its pool.
    """
    variance = float((squares * rates.variance[row]).sum())
    for by_bin, records, spread, pool in zip(
        weights, rates.records[row], rates.variance[row], rates.pool[row], strict=True
    ):
        # The bins of a pool all have the same value.
        shared = np.divide(spread, records, out=np.zeros(len(records)), where=records > 0)
        first = np.unique(pool, return_index=True)[1]
        variance += float((np.square(np.bincount(pool, by_bin)) * shared[first]).sum())
    return variance
