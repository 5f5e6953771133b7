"""What a confusion matrix says of a classifier: counts by predicted class (row) and actual class (column).

As scikit-learn defines it. What is divided by nothing is NaN, and counts as 0 in an average over classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exporter.batch import Floats
from exporter.reference.baseline import Figure


class Rates(NamedTuple):
    """Of each class, shape (classes,); NaN where undefined. `predicted` and `actual` are how often it was either."""

    predicted: Floats
    actual: Floats
    precision: Floats
    recall: Floats
    f1: Floats

    @classmethod
    def of(cls, counts: Floats) -> Rates:
        return cls.of_totals(counts.sum(axis=1), counts.sum(axis=0), counts.diagonal())

    @classmethod
    def of_totals(cls, predicted: Floats, actual: Floats, right: Floats) -> Rates:
        """Return the rates of classes of which so many were predicted, the truth, and both."""
        with np.errstate(invalid="ignore"):
            return cls(predicted, actual, right / predicted, right / actual, 2 * right / (predicted + actual))

    def weighted(self, values: Floats) -> float:
        """Return the average over classes, each by how often it is the truth."""
        return float((np.nan_to_num(values) * self.actual).sum() / self.actual.sum())

    def macro(self, values: Floats) -> float:
        """Return the plain average over the classes that were predicted or the truth."""
        return float(np.nan_to_num(values)[self.predicted + self.actual > 0].mean())


def figures(counts: Floats) -> dict[str, Figure]:
    """Return accuracy, and the weighted precision, recall and F1, with their standard errors; empty without outcomes.

    Standard errors are by the delta method: outcomes are a sample of a multinomial distribution over the cells, and to
    the first order a figure is the mean over outcomes of its derivative by the share of their cell.
    """
    n = counts.sum()
    if not n:
        return {}
    share = counts / n
    rates = Rates.of(share)
    right = np.eye(len(counts))
    precision, f1 = np.nan_to_num(rates.precision), np.nan_to_num(rates.f1)
    either = rates.predicted + rates.actual
    with np.errstate(divide="ignore", invalid="ignore"):
        by_right = np.nan_to_num(rates.actual / rates.predicted, posinf=0.0)
        by_either = np.nan_to_num(rates.actual / either)
    slopes = {
        "accuracy": right,
        "precision": right * by_right + precision - (by_right * precision)[:, None],
        "recall": right,
        "f1": 2 * right * by_either + f1 * (1 - by_either) - (f1 * by_either)[:, None],
    }
    values = {
        "accuracy": float(share.diagonal().sum()),
        "precision": rates.weighted(rates.precision),
        "recall": rates.weighted(rates.recall),
        "f1": rates.weighted(rates.f1),
    }
    # Rounding may bring it above 1.
    return {name: Figure(min(1.0, value), _stderr(share, slopes[name], float(n))) for name, value in values.items()}


def _stderr(share: Floats, slope: Floats, n: float) -> float:
    mean = (share * slope).sum()
    return float(np.sqrt((share * np.square(slope - mean)).sum() / n))
