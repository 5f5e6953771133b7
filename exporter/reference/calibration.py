"""Calibration: how often records of the reference were of a class, by the score that the model gave it.

What it says of a score is right on average wherever the same score means the same. So a model's performance is known
before its truth is, unless that is what has changed: the relation of score and truth (concept drift).
References: Barlow et al. (1972), Statistical inference under order restrictions; Zadrozny and Elkan (2002),
Transforming classifier scores into accurate multiclass probability estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np

from exporter.batch import Floats, Ints

MAX_BINS = 128


class ScoredClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The records of the reference by their score of one class.

    Bin i holds the scores s with edges[i-1] <= s < edges[i]; the first and the last are open. Of the records that the
    class was `predicted` of, and of the `rest`, each bin has their count, and of how many it was the truth.
    """

    edges: list[float]
    predicted: list[int]
    predicted_true: list[int]
    rest: list[int]
    rest_true: list[int]

    def problem(self) -> str | None:
        """Say what contradicts itself, if anything."""
        if len(self.predicted) > MAX_BINS:
            return f"expected at most {MAX_BINS} bins, got {len(self.predicted)}"
        if any(b <= a for a, b in pairwise(self.edges)):
            return "expected `edges` in ascending order"
        for counts, true in ((self.predicted, self.predicted_true), (self.rest, self.rest_true)):
            if not len(counts) == len(true) == len(self.edges) + 1:
                return f"expected counts of {len(self.edges) + 1} bins"
            if any(not 0 <= part <= whole for part, whole in zip(true, counts, strict=True)):
                return "expected no more records of the class than records"
        return None


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The classes of the reference's predictions, in their order, from a sample of `rows` records that have a truth."""

    rows: int
    classes: dict[str, ScoredClass]

    def problem(self) -> str | None:
        """Say what contradicts itself, if anything."""
        if not self.classes or self.rows < 1:
            return "expected at least one class and one row"
        problems = ((name, scored.problem()) for name, scored in self.classes.items())
        return next((f"classes.{name}: {problem}" for name, problem in problems if problem), None)

    @property
    def bins(self) -> int:
        """How many bins the class has that has most."""
        return max(len(scored.predicted) for scored in self.classes.values())


@dataclass(frozen=True)
class Rates:
    """How often a class is the truth, by class, whether it is not or is predicted (0 or 1), and bin of its score.

    `rate` is NaN where the reference has no such record. Bins are pooled so that it does not fall while the score
    grows: `pool` numbers the pool of each, `records` says how many of the reference are in it, and `variance` is that
    of a record's truth.
    """

    rate: Floats
    variance: Floats
    records: Floats
    pool: Ints

    @classmethod
    def of(cls, calibration: Calibration) -> Rates:
        """Fit the rates to a calibration's counts."""
        shape = (len(calibration.classes), 2, calibration.bins)
        rate, variance, records = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
        pool = np.zeros(shape, np.int64)
        for row, scored in enumerate(calibration.classes.values()):
            of_both = ((scored.rest, scored.rest_true), (scored.predicted, scored.predicted_true))
            for column, (counts, true) in enumerate(of_both):
                total, hits = np.array(counts, np.float64), np.array(true, np.float64)
                pools = pooled(hits, total)
                if not len(pools):
                    continue
                at = (row, column, slice(len(pools)))
                records[at] = np.bincount(pools, total)[pools]
                of_class = np.bincount(pools, hits)[pools]
                rate[at] = of_class / records[at]
                # None of few records is no proof that there are none.
                likely = (of_class + 0.5) / (records[at] + 1)
                variance[at] = likely * (1 - likely)
                pool[at] = pools
        return cls(rate, variance, records, pool)


def pooled(hits: Floats, total: Floats) -> Ints:
    """Return the pool of each bin, from 0, so that hits / total does not fall from one to the next; empty without any.

    The pool-adjacent-violators algorithm: of all rates that do not fall, those of the pools have the least squared
    error. A bin that holds nothing belongs to the one before it that does, or else to the first that does.
    """
    pools: list[tuple[float, float, int]] = []
    for bin_number in np.flatnonzero(total).tolist():
        hit, count = float(hits[bin_number]), float(total[bin_number])
        first = bin_number if pools else 0
        while pools and pools[-1][0] * count >= hit * pools[-1][1]:
            more, others, first = pools.pop()
            hit, count = hit + more, count + others
        pools.append((hit, count, first))
    if not pools:
        return np.empty(0, np.int64)
    starts = np.array([first for *_, first in pools])
    numbers: Ints = np.searchsorted(starts, np.arange(len(total)), "right") - 1
    return numbers
