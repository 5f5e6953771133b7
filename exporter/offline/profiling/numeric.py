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
# Beyond this power of two, squares and differences are taken of scaled values, or their sums would overflow.
LARGE_EXPONENT = 400


class NumericSketch:
    """The first pass over a column: its extremes, its distinct values while they are few, and a sample."""

    def __init__(self) -> None:
        self.finite = 0
        self.infinite = 0
        self.fractional = False
        self.low = math.inf
        self.high = -math.inf
        self._few: Floats | None = np.empty(0)
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
        if self._few is not None:
            distinct = np.union1d(self._few, values)
            self._few = distinct if len(distinct) < CUTS else None
        self._sample.add(values)

    @property
    def exponent(self) -> int:
        """The power of two by which values are divided before they are squared or subtracted; nearly always 0."""
        exponent = math.frexp(max(abs(self.low), abs(self.high)))[1]
        return exponent if exponent > LARGE_EXPONENT else 0

    def edges(self, bins: int, binning: str) -> Floats:
        """Return the edges between about `bins` bins; at least one value must be finite.

        `quantile`: equal numbers of values in each, equal edges merged; a column of at most `bins` distinct values
        gets a bin for each. `uniform`: equal widths, the inner edges of numpy.histogram_bin_edges. The value of a
        constant column always has a bin of its own.
        """
        most = min(bins, MAX_BINS - 2) if binning == "quantile" else 1
        if self._few is not None and len(self._few) <= most:
            gap = np.diff(np.ldexp(self._few, -self.exponent)).min() if len(self._few) > 1 else 0.0
            return _each(self._few, float(np.ldexp(gap, self.exponent)))
        if binning == "quantile":
            return self._quantiles(bins)
        low, high = (math.ldexp(value, -self.exponent) for value in (self.low, self.high))
        return np.unique(np.ldexp(np.linspace(low, high, bins + 1)[1:-1], self.exponent))

    def scaled_median(self) -> float:
        """Return a value near the median of the sample, divided by two to the power of `exponent`."""
        values = self._sample.values()
        return float(np.ldexp(np.partition(values, len(values) // 2)[len(values) // 2], -self.exponent))

    def cuts(self) -> Floats:
        """Return CUTS fine quantiles, equal ones merged; every value of a column with fewer distinct ones."""
        return self._quantiles(CUTS + 1) if self._few is None else _each(self._few, 0.0)

    def _quantiles(self, parts: int) -> Floats:
        scaled = np.ldexp(self._sample.values(), -self.exponent)
        return np.unique(np.ldexp(np.quantile(scaled, np.linspace(0, 1, parts + 1)[1:-1]), self.exponent))


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
    def counts(self) -> Floats:
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


def _each(values: Floats, gap: float) -> Floats:
    """Return edges that give each of the ascending values its own bin, the last of which is at least `gap` wide."""
    last = float(values[-1])
    upper = max(math.nextafter(last, math.inf), last + gap)
    return np.append(values, upper) if math.isfinite(upper) else values
