"""The expected area under the ROC curve of predictions without ground truth, and its standard error."""

from __future__ import annotations

import math

import numpy as np

from exporter.batch import Floats
from exporter.derived.auc import auc
from exporter.reference.baseline import Estimate
from exporter.reference.calibration import CalibratedRates

FEWEST_OF_EITHER = 1.0


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
