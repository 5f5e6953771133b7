"""The area under the ROC curve that is expected of predictions of which the truth is not known, and its error."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from exporter.batch import Floats
from exporter.derived.auc import auc
from exporter.reference.calibration import Rates

FEWEST_OF_EITHER = 1.0


class Estimate(NamedTuple):
    """A figure and its standard error."""

    value: float
    stderr: float


def estimated_auc(counts: Floats, rates: Rates, row: int) -> Estimate | None:
    """Return the expected area for class `row`, one against the rest; None where either may well not be there.

    `counts` has shape (2, bins), and all of them have a rate. It is the area of the counts that are expected of the
    class and of the rest. The error is its own to first order, when the truth of each record is drawn by its rate, and
    the rates by the records of the reference that they are known from.
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
    # By how much it grows with each record of a bin that is of the class after all.
    slope = (below - above) / (of_class * of_rest) - value * (1 / of_class - 1 / of_rest)
    return Estimate(value, math.sqrt(drawn_variance(counts * slope, counts * slope**2, rates, row)))


def drawn_variance(weights: Floats, squares: Floats, rates: Rates, row: int) -> float:
    """Return the variance of a weighted sum of truths of class `row`; both have shape (2, bins).

    `weights` are the sums over the records of a bin, and `squares` of their squares: the truth of each record is drawn
    for itself, and an error of a rate is that of all records of its pool.
    """
    variance = float((squares * rates.variance[row]).sum())
    for of_kind, records, spread, pool in zip(
        weights, rates.records[row], rates.variance[row], rates.pool[row], strict=True
    ):
        # The same for all bins of a pool.
        shared = np.divide(spread, records, out=np.zeros(len(records)), where=records > 0)
        first = np.unique(pool, return_index=True)[1]
        variance += float((np.square(np.bincount(pool, of_kind)) * shared[first]).sum())
    return variance
