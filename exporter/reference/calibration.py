"""Calibration: how often records of the reference belonged to a class, by the score that the model gave that class.

It applies to other records as long as a score means the same for them. Performance can then be estimated before labels
arrive; a change in the relation between score and ground truth (concept drift) invalidates the estimate.
References: Barlow et al. (1972), Statistical inference under order restrictions; Zadrozny and Elkan (2002),
Transforming classifier scores into accurate multiclass probability estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from exporter.batch import Floats, Ints
from exporter.reference.counts import Count, are_ascending

MAX_BINS = 128


class ScoredClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The records of the reference by their score of one class.

    Bin i contains the scores s with edges[i-1] <= s < edges[i]; the first and the last bin are open. `predicted` counts
    the records for which the class was predicted, `rest` the others; `..._true` counts those that belonged to it.
    """

    edges: list[float]
    predicted: list[Count]
    predicted_true: list[Count]
    rest: list[Count]
    rest_true: list[Count]

    def problem(self) -> str | None:
        """Return the first inconsistency, if there is any."""
        if len(self.predicted) > MAX_BINS:
            return f"expected at most {MAX_BINS} bins, got {len(self.predicted)}"
        if not are_ascending(self.edges):
            return "expected `edges` in ascending order"
        for counts, true in ((self.predicted, self.predicted_true), (self.rest, self.rest_true)):
            if not len(counts) == len(true) == len(self.edges) + 1:
                return f"expected counts of {len(self.edges) + 1} bins"
            if any(part > whole for part, whole in zip(true, counts, strict=True)):
                return "expected no more records of the class than records"
        return None


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The classes of the reference's predictions, in their order, from a sample of `rows` records with ground truth."""

    rows: Count
    classes: dict[str, ScoredClass]

    def problem(self) -> str | None:
        """Return the first inconsistency, if there is any."""
        if not self.classes or self.rows < 1:
            return "expected at least one class and one row"
        problems = ((name, scored.problem()) for name, scored in self.classes.items())
        return next((f"classes.{name}: {problem}" for name, problem in problems if problem), None)

    @property
    def bins(self) -> int:
        """The largest number of bins of any class."""
        return max(len(scored.predicted) for scored in self.classes.values())


@dataclass(frozen=True)
class CalibratedRates:
    """How often a class is the true one, by class, by whether it is predicted (0 or 1), and by bin of its score.

    `rate` is NaN where the reference has no such record. Bins are pooled so that the rate never decreases as the score
    grows: `pool` is the number of a bin's pool, `records` is the number of reference records in that pool, and
    `variance` is the variance of whether one record belongs to the class.
    """

    rate: Floats
    variance: Floats
    records: Floats
    pool: Ints

    @classmethod
    def of(cls, calibration: Calibration) -> CalibratedRates:
        """Fit the rates to a calibration's counts."""
        shape = (len(calibration.classes), 2, calibration.bins)
        rate, variance, records = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
        pool = np.zeros(shape, np.int64)
        for row, scored in enumerate(calibration.classes.values()):
            pairs = ((scored.rest, scored.rest_true), (scored.predicted, scored.predicted_true))
            for column, (counts, true) in enumerate(pairs):
                total, hits = np.array(counts, np.float64), np.array(true, np.float64)
                pools = pooled(hits, total)
                if not len(pools):
                    continue
                at = (row, column, slice(len(pools)))
                records[at] = np.bincount(pools, total)[pools]
                hits_of_pool = np.bincount(pools, hits)[pools]
                rate[at] = hits_of_pool / records[at]
                # A count of 0 among few records does not mean a rate of 0.
                smoothed = (hits_of_pool + 0.5) / (records[at] + 1)
                variance[at] = smoothed * (1 - smoothed)
                pool[at] = pools
        return cls(rate, variance, records, pool)


def pooled(hits: Floats, total: Floats) -> Ints:
    """Return the number of each bin's pool, from 0, such that hits / total never decreases; empty without records.

    This is the pool-adjacent-violators algorithm: of all non-decreasing rates, those of the pools have the least
    squared error. An empty bin joins the last non-empty bin before it, or else the first non-empty bin.
    """
    pools: list[tuple[float, float, int]] = []
    for bin_number in np.flatnonzero(total).tolist():
        hit, count = float(hits[bin_number]), float(total[bin_number])
        first = bin_number if pools else 0
        while pools and pools[-1][0] * count >= hit * pools[-1][1]:
            pool_hits, pool_total, first = pools.pop()
            hit, count = hit + pool_hits, count + pool_total
        pools.append((hit, count, first))
    if not pools:
        return np.empty(0, np.int64)
    starts = np.array([first for *_, first in pools])
    numbers: Ints = np.searchsorted(starts, np.arange(len(total)), "right") - 1
    return numbers
