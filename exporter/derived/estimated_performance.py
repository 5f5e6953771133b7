"""Estimated performance: how good a model is as far as its scores tell, before any truth has come.

Each prediction adds the chance that it is right, which the reference's calibration gives its score, to what would be
the confusion matrix (confidence-based performance estimation). It is right as long as the same score means the same.
Where that is what changes (concept drift), it cannot know, and says what was before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exporter.batch import Floats
from exporter.derived.estimated_auc import drawn_variance, estimated_auc
from exporter.families import Family, GaugeFamily
from exporter.reference import confusion
from exporter.reference.calibration import Rates
from exporter.stats import BASE_LABELS
from exporter.stats.score_bins import ScoreBins
from exporter.tallies.tally import StatisticArrays, TalliesBySeries

FEWEST_PREDICTIONS = 100
# Of the predictions of a window, this share has to have a score that the reference knows.
FEWEST_JUDGED = 0.9
# Names of confusion.Rates, and what they tell.
FIGURES = {
    "precision": "Of a window's predictions of a class, the share that is right, as their scores tell.",
    "recall": "Of what is of a class in a window, the share that is predicted, as the scores tell.",
    "f1": "Harmonic mean of precision and recall in a window, as the scores tell.",
}


@dataclass(frozen=True)
class Expected:
    """What is expected of n predictions, by class: how many were `predicted`, of these `right`, and of others `missed`.

    `variance` is that of what is right. Where `is_whole` is not set, not all of what was missed is known.
    """

    predicted: Floats
    right: Floats
    missed: Floats
    variance: Floats
    is_whole: bool

    @classmethod
    def of(cls, counts: Floats, rates: Rates) -> Expected:
        """Return what is expected of the tally of stats.ScoreBins."""
        judged = np.where(np.isnan(rates.rate), 0.0, counts)
        expected = (judged * np.nan_to_num(rates.rate)).sum(axis=-1)
        predicted = judged[:, 1].sum(axis=-1)
        only_predicted = judged * np.array([[0.0], [1.0]])
        return cls(
            predicted=predicted,
            right=expected[:, 1],
            missed=expected[:, 0],
            variance=np.array([drawn_variance(of, of, rates, row) for row, of in enumerate(only_predicted)]),
            is_whole=bool((judged.sum(axis=(1, 2)) == counts[:, 1].sum()).all()),
        )

    @property
    def size(self) -> float:
        return float(self.predicted.sum())

    @property
    def support(self) -> Floats:
        return self.right + self.missed

    @property
    def accuracy(self) -> float:
        return float(self.right.sum()) / self.size

    @property
    def rates(self) -> confusion.Rates:
        return confusion.Rates.of_totals(self.predicted, self.support, self.right)

    def weighted(self, metric: str) -> float:
        """Return the average of a figure over classes, each by how often it is expected."""
        # Of truths that the reference never predicts, all is missed.
        known = min(1.0, float(self.support.sum()) / self.size)
        return self.rates.weighted(getattr(self.rates, metric)) * known

    @property
    def stderr(self) -> dict[str, float]:
        """The standard errors of the accuracy and the weighted figures, to first order."""
        slopes = self._slopes() if self.is_whole else {"accuracy": np.ones(len(self.right))}
        variances = {metric: float((np.square(slope) * self.variance).sum()) for metric, slope in slopes.items()}
        return {metric: math.sqrt(variance) / self.size for metric, variance in variances.items()}

    def _slopes(self) -> dict[str, Floats]:
        """Return by how much n times a figure grows with one more right prediction of each class.

        It would be of another class, were it not right: of each by how much it is missed already.
        """
        others = np.where(np.eye(len(self.missed)), 0.0, self.missed)
        total = others.sum(axis=1, keepdims=True)
        share = np.divide(others, total, out=np.zeros_like(others), where=total > 0)
        precision, f1 = np.nan_to_num(self.rates.precision), np.nan_to_num(self.rates.f1)
        with np.errstate(invalid="ignore", divide="ignore"):
            by_predicted = np.nan_to_num(self.support / self.predicted, posinf=0.0)
            by_either = np.nan_to_num(self.support / (self.predicted + self.support))
        of_f1 = f1 * (1 - by_either)
        every = np.ones(len(self.right))
        return {
            "accuracy": every,
            "precision": by_predicted + precision - (share * precision).sum(axis=1),
            "recall": every,
            "f1": 2 * by_either + of_f1 - (share * of_f1).sum(axis=1),
        }


@dataclass(frozen=True)
class EstimatedPerformance:
    """`model_estimated_*`; `predictions` names the statistic whose tally sums to the number of predictions.

    No value under FEWEST_PREDICTIONS that the calibration can judge, or where these are not FEWEST_JUDGED of all.
    """

    bins: ScoreBins
    predictions: str

    @cached_property
    def _rates(self) -> Rates:
        return Rates.of(self.bins.calibration)

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        labels = (*BASE_LABELS, "window")
        accuracy = GaugeFamily(
            "model_estimated_accuracy", "Share of predictions in a window that are right, as their scores tell.", labels
        )
        of_class = {
            metric: GaugeFamily(
                f"model_estimated_{metric}",
                text,
                (*labels, "average", "class"),
            )
            for metric, text in FIGURES.items()
        }
        area = GaugeFamily(
            "model_estimated_auc", "Area under the ROC curve of a window's predictions, as their scores tell.", labels
        )
        stderr = GaugeFamily(
            "model_estimated_stderr",
            "Standard error of an estimated figure: by the size of the window and by that of the reference.",
            (*labels, "metric"),
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                expected = self._expected(row)
                if expected is None:
                    continue
                key = (*series, label)
                accuracy.add(key, expected.accuracy)
                for metric, family in of_class.items():
                    values = getattr(expected.rates, metric)
                    if expected.is_whole:
                        family.add((*key, "weighted", ""), expected.weighted(metric))
                        family.add((*key, "macro", ""), expected.rates.macro(values))
                    if expected.is_whole or metric == "precision":
                        family.extend([(*key, "", name) for name in self.bins.classes], values.tolist())
                errors = expected.stderr
                if expected.is_whole and (areas := self._areas(row)):
                    area.add(key, areas[0])
                    errors["auc"] = areas[1]
                stderr.extend([(*key, metric) for metric in errors], errors.values())
        yield from (accuracy, *of_class.values(), area, stderr)

    def _expected(self, row: StatisticArrays) -> Expected | None:
        """Return what is expected of a window; None where it cannot be known."""
        expected = Expected.of(row[self.bins.name].astype(np.float64), self._rates)
        enough = max(FEWEST_PREDICTIONS, FEWEST_JUDGED * row[self.predictions].sum())
        return expected if expected.size >= enough else None

    def _areas(self, row: StatisticArrays) -> tuple[float, float] | None:
        """Return the mean area of the classes, each against the rest, and the mean of their errors.

        The error of the mean is no greater than that; of two classes both areas are the same.
        """
        counts = row[self.bins.name].astype(np.float64)
        areas = [area for number in range(len(counts)) if (area := estimated_auc(counts[number], self._rates, number))]
        if not areas:
            return None
        return float(np.mean([area.value for area in areas])), float(np.mean([area.stderr for area in areas]))
