"""A numeric column: a first pass determines its bins, a second one counts all rows in them.

Memory does not grow with the rows: with more values than fit a random sample, the bins come from the sample, and their
counts are exact all the same. The sample depends only on the order of the values.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporter.batch import Floats
from exporter.offline.profiling.column import Column, as_floats
from exporter.offline.profiling.sample import Sample
from exporter.reference.profile import MAX_BINS, Numeric

CUTS = 127
# A column of so many distinct whole numbers may be one of codes, and has a bin for each.
CODES = 50
# With fewer rows on average, distinct whole numbers have no bins of their own, and with fewer rows, no value has.
FEWEST_ROWS = 20
# As parts of an equal share: the least of a value with a bin of its own, and of each bin of the other values.
ATOM = 0.5
SLICE = 0.2
# Beyond this power of two, squares and differences are taken of scaled values, or their sums would overflow.
LARGE_EXPONENT = 400


class NumericSketch:
    """The first pass over a column: its extremes, its distinct values while they are `few`, and a sample."""

    def __init__(self) -> None:
        self.finite = 0
        self.infinite = 0
        self.fractional = False
        self.low = math.inf
        self.high = -math.inf
        self.few: Floats | None = np.empty(0)
        self._sample = Sample()

    def add(self, numbers: NDArray[Any]) -> None:
        """Take the next numbers, shape (n,)."""
        values = finite(numbers)
        self.finite += len(values)
        self.infinite += len(numbers) - len(values)
        if not len(values):
            return
        self.fractional = self.fractional or bool((values % 1 != 0).any())
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        if self.few is not None:
            distinct = np.union1d(self.few, values)
            self.few = distinct if len(distinct) < CUTS else None
        self._sample.add(values)

    @property
    def exponent(self) -> int:
        """The power of two by which values are divided before they are squared or subtracted; nearly always 0."""
        exponent = math.frexp(max(abs(self.low), abs(self.high)))[1]
        return exponent if exponent > LARGE_EXPONENT else 0

    def edges(self, bins: int, binning: str) -> Floats:
        """Return the edges between about `bins` bins; at least one value must be finite.

        `uniform`: equal widths, the inner edges of numpy.histogram_bin_edges; the value of a constant column has a bin
        of its own. `quantile`: equal numbers of values in each, equal edges merged. A value has a bin of its own if it
        is one of at most `bins` distinct values, or CODES whole numbers, or if it has many rows.
        """
        if self.few is not None and len(self.few) <= (self._most_apart(bins) if binning == "quantile" else 1):
            return self._apart(self.few) if len(self.few) > 1 else _each(self.few)
        if binning == "quantile":
            return self._quantiles_and_atoms(bins)
        low, high = (math.ldexp(value, -self.exponent) for value in (self.low, self.high))
        return np.unique(np.ldexp(np.linspace(low, high, bins + 1)[1:-1], self.exponent))

    @property
    def distinct_share(self) -> float:
        """The share of distinct values in the sample; 0 without values."""
        values = self._sample.values() if self.finite else np.empty(0)
        return len(np.unique(values)) / len(values) if len(values) else 0.0

    def scaled_median(self) -> float:
        """Return a value near the median of the sample, divided by two to the power of `exponent`."""
        values = self._sample.values()
        return float(np.ldexp(np.partition(values, len(values) // 2)[len(values) // 2], -self.exponent))

    def cuts(self) -> Floats:
        """Return CUTS fine quantiles; every value of a column with fewer distinct ones.

        The second of equal quantiles is just above the value, so that a cell has either only this value or none of it.
        """
        if self.few is not None:
            return _each(self.few)
        quantiles, times = np.unique(self._quantiles(self._sample.values(), CUTS + 1), return_counts=True)
        cuts = np.union1d(quantiles, _next(quantiles[times > 1]))
        if cuts[-1] > quantiles[-1]:
            # Only the last cut of a column with few distinct values is just above the one before it.
            last = float(quantiles[-1])
            beyond = max(self.high, last + (last - self.low))
            cuts = np.append(cuts, beyond) if cuts[-1] < beyond < math.inf else quantiles
        return cuts

    def _most_apart(self, bins: int) -> int:
        """Return how many distinct values have a bin each."""
        most = min(bins, MAX_BINS - 2)
        has_codes = not self.fractional and self.few is not None and self.finite >= FEWEST_ROWS * len(self.few)
        return max(most, CODES) if has_codes else most

    def _quantiles_and_atoms(self, bins: int) -> Floats:
        """Return quantiles of the values that have few rows, and edges around each of the others, the atoms."""
        values = self._sample.values()
        distinct, counts = np.unique(values, return_counts=True)
        has_many = np.flatnonzero(counts >= max(ATOM * len(values) / bins, FEWEST_ROWS))
        atoms = distinct[has_many[np.argsort(-counts[has_many], kind="stable")][: min(bins, (MAX_BINS - 1) // 2)]]
        others = values[~np.isin(values, atoms)]
        if not len(others):
            return self._apart(np.sort(atoms))
        slices = bins
        if len(atoms):
            share = len(others) / len(values)
            slices = max(1, min(bins - len(atoms), MAX_BINS - 2 * len(atoms), int(share * bins / SLICE)))
        edges: Floats = np.unique(np.concatenate((atoms, _next(atoms), self._quantiles(others, slices))))
        return edges

    def _apart(self, values: Floats) -> Floats:
        """Return edges around each of the ascending values; between neighbours only if there is room for a bin."""
        above = self._above(values)
        with np.errstate(over="ignore"):
            widest = np.argsort(above[:-1] - values[1:], kind="stable")[: MAX_BINS - 2 - len(values)]
        return np.union1d(values, above[[*widest, -1]])

    def _above(self, values: Floats) -> Floats:
        """Return the upper edges of the bins of values: one more for whole numbers, otherwise the next float."""
        return _next(values) if self.fractional else np.maximum(_next(values), values + 1)

    def _quantiles(self, values: Floats, parts: int) -> Floats:
        """Return the edges between `parts` parts of the values with the same number in each."""
        scaled = np.ldexp(values, -self.exponent)
        quantiles: Floats = np.ldexp(np.quantile(scaled, np.linspace(0, 1, parts + 1)[1:-1]), self.exponent)
        return quantiles


class NumericTally:
    """The second pass: exact counts over all rows between the edges and between the cuts, and moments."""

    def __init__(self, sketch: NumericSketch, edges: Floats, cuts: Floats) -> None:
        self._sketch = sketch
        self._edges = edges
        self._cuts = cuts
        self._grid = np.union1d(edges, cuts)
        self._counts = np.zeros(len(self._grid) + 1, np.int64)
        self._other = 0
        # Moments are those of deviations from the median, which is at most a standard deviation away from the mean, so
        # that the difference of squares loses no digits.
        self._center = sketch.scaled_median()
        # Of deviations: all, their squares, those below the first cut and those from the last cut on.
        self._sums = np.zeros(4)

    def add(self, column: Column) -> None:
        """Count the next values."""
        values = finite(column.numbers)
        self._other += len(column.numbers) - len(values) + column.other_than_numbers
        cells = np.searchsorted(self._grid, values, side="right")
        self._counts += np.bincount(cells, minlength=len(self._counts))
        deviations = np.ldexp(values, -self._sketch.exponent) - self._center
        lower, upper = values < self._cuts[0], values >= self._cuts[-1]
        values = np.stack((deviations, deviations**2, deviations * lower, deviations * upper))
        self._sums = running_sums(self._sums, values)

    @property
    def by_bin(self) -> Floats:
        """The number of values in each bin, and of those that are not finite numbers."""
        return np.array([*self._between(self._edges), self._other], np.float64)

    def feature(self, rows: int) -> Numeric:
        """Return the feature of data with `rows` rows; `other` counts the values that are not finite numbers."""
        number, cut_counts = int(self._counts.sum()), self._between(self._cuts)
        mean, square = (self._sums[:2] / number).tolist()
        tails = zip(self._sums[2:].tolist(), (cut_counts[0], cut_counts[-1]), self._cuts[[0, -1]].tolist(), strict=True)
        # An empty tail has no mean; its cut stands for the values that a window may have there.
        lower, upper = (self._unscaled(total / count) if count else cut for total, count, cut in tails)
        return Numeric(
            edges=self._edges.tolist(),
            counts=self._between(self._edges),
            missing=rows - number - self._other,
            other=self._other,
            mean=self._unscaled(mean),
            stddev=math.ldexp(math.sqrt(max(square - mean**2, 0.0)), self._sketch.exponent),
            min=self._sketch.low,
            max=self._sketch.high,
            cuts=self._cuts.tolist(),
            cut_counts=cut_counts,
            tail_means=(lower, upper),
        )

    def _between(self, edges: Floats) -> list[int]:
        below = self._counts.cumsum()
        at = np.append(np.searchsorted(self._grid, edges), len(self._grid))
        counts: list[int] = np.diff(below[at], prepend=0).tolist()
        return counts

    def _unscaled(self, deviation: float) -> float:
        return math.ldexp(self._center + deviation, self._sketch.exponent)


def running_sums(sums: Floats, values: Floats) -> Floats:
    """Return `sums`, shape (k,), plus those of `values`, shape (k, n), the same for every division into blocks."""
    # One value after the other, because the last digit of a sum depends on the order of the additions.
    totals: Floats = np.add.accumulate(np.column_stack((sums, values)), axis=1)[:, -1].copy()
    return totals


def finite(numbers: NDArray[Any]) -> Floats:
    """Return the finite numbers as floats; -0.0 as 0.0, so that a minimum does not depend on their order."""
    values = as_floats(numbers) + 0.0
    good = np.isfinite(values)
    return values if good.all() else values[good]


def _each(values: Floats) -> Floats:
    """Return edges that give each of the ascending values a bin, from the value until before the next one."""
    return np.union1d(values, _next(values[-1:]))


def _next(values: Floats) -> Floats:
    """Return the next larger float of each value, or the largest one."""
    with np.errstate(over="ignore"):
        return np.minimum(np.nextafter(values, np.inf), np.finfo(np.float64).max)
