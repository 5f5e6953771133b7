"""The overdispersion of a log: how many records count as one independent record.

Records near each other may be alike, because of retries, batches, or many requests of one user. The counts of a stretch
of records then vary more than those of independent records. Each stretch is compared with the next one, so that slow
changes, such as those over a day, and the order of sorted data hardly matter.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from exporter.batch import Floats
from exporter.tails import chi2_critical, chi2_tail

FEWEST_STRETCHES = 20
# Stretches must be longer than the runs of records that are alike, and shorter than the cycles of a day.
FEWEST_ROWS, MOST_ROWS = 50, 1024
USUAL_STRETCHES = 100
# Rarer values are taken together, as usual for chi-squared.
FEWEST_IN_BIN = 5
SIGNIFICANCE = 0.01
CONFIDENCE = 0.95
DECIMALS = 2


class Binned(Protocol):
    """The tally of a column."""

    @property
    def by_bin(self) -> Floats:
        """The number of values so far in each bin, which stay the same bins, shape (bins,)."""
        ...


def rows_of_stretch(rows: int) -> int:
    """Return how many rows a stretch of data with `rows` rows has."""
    return min(max(rows // USUAL_STRETCHES, FEWEST_ROWS), MOST_ROWS)


class StretchDispersion:
    """The second pass over consecutive stretches of rows; `tallies` are those of columns, by name."""

    def __init__(self, tallies: Mapping[str, Binned], rows: int) -> None:
        self._tallies = tallies
        self._rows = rows
        self._pending = 0
        self._stretches = 0
        self._before: dict[str, Floats] = {name: tally.by_bin for name, tally in tallies.items()}
        self._last: dict[str, Floats] = {}
        # Chi-squared and its degrees of freedom.
        self._sums = {name: np.zeros(2) for name in tallies}

    def add(self, rows: int) -> None:
        """Note that the tallies have taken the next rows."""
        self._pending += rows
        if self._pending < self._rows:
            return
        counts = {name: tally.by_bin for name, tally in self._tallies.items()}
        stretch = {name: _with_missing(counts[name] - self._before[name], self._pending) for name in counts}
        self._before, self._pending = counts, 0
        self._stretches += 1
        # Every second one is compared with the one before, so that the comparisons are independent.
        if self._stretches % 2:
            self._last = stretch
        else:
            for name in self._sums:
                self._sums[name] = self._sums[name] + chi_squared(self._last[name], stretch[name])

    def factor(self) -> tuple[float, str] | None:
        """Return the overdispersion and the column that has it; None if chance explains all, or of too few rows.

        It is the upper limit of its confidence interval, of the columns whose counts vary by more than chance explains.
        """
        tested = {name: sums for name, sums in self._sums.items() if sums[1] > 0}
        if self._stretches < FEWEST_STRETCHES or not tested:
            return None
        found = {
            name: value / float(chi2_critical(freedom, CONFIDENCE))
            for name, (value, freedom) in tested.items()
            if float(chi2_tail(freedom, value)) < SIGNIFICANCE / len(tested)
        }
        if not found:
            return None
        name = max(found, key=lambda name: found[name])
        return round(max(float(found[name]), 1.0), DECIMALS), name


def chi_squared(a: Floats, b: Floats) -> Floats:
    """Return Pearson's chi-squared of the counts of two samples by bin, and its degrees of freedom; shape (2,).

    Bins with few values on both sides together are one bin.

    >>> chi_squared(np.array([30.0, 70.0, 0.0]), np.array([50.0, 50.0, 0.0])).round(4).tolist()
    [8.3333, 1.0]
    """
    both = a + b
    is_rare = both < FEWEST_IN_BIN
    a, b = (np.append(side[~is_rare], side[is_rare].sum()) for side in (a, b))
    expected = (a + b) / (a + b).sum()
    used = expected > 0
    terms = [(side[used] - expected[used] * side.sum()) ** 2 / (expected[used] * side.sum()) for side in (a, b)]
    return np.array([np.sum(terms), np.count_nonzero(used) - 1.0])


def _with_missing(counts: Floats, rows: int) -> Floats:
    return np.append(counts, rows - counts.sum())
