"""A numeric column: a first pass determines its bins, a second one counts all rows in them.

Memory does not grow with the rows: the bins come from a random sample if there are more values than it holds, and
their counts are exact all the same. The sample depends only on the order of the values.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.batch import Floats
from exporter.offline.profiling.column import Column, as_floats
from exporter.offline.profiling.sample import Sample
from exporter.reference.profile import MAX_BINS, Numeric

CUTS = 127
# Beyond this power of two, squares and differences are taken of scaled values, or their sums would overflow.
LARGE_EXPONENT = 400
# Moments are updated with this many values at a time.
CHUNK = 8192


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
            merged = np.union1d(self._few, _unknown(values, self._few))
            self._few = merged if len(merged) < CUTS else None
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

    def cuts(self) -> Floats:
        """Return CUTS fine quantiles, equal ones merged; every value of a column with fewer distinct ones."""
        return self._quantiles(CUTS + 1) if self._few is None else _each(self._few, 0.0)

    def _quantiles(self, parts: int) -> Floats:
        scaled = np.ldexp(self._sample.values(), -self.exponent)
        return np.unique(np.ldexp(np.quantile(scaled, np.linspace(0, 1, parts + 1)[1:-1]), self.exponent))


class MomentSums(NamedTuple):
    """The number of values, their mean and the sum of squared deviations from it."""

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def plus(self, values: Floats) -> MomentSums:
        """Return the sums with more values, numerically stable.

        Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for computing sample variances.
        """
        n = len(values)
        if not n:
            return self
        mean = float(values.mean())
        delta = mean - self.mean
        total = self.number + n
        squares = float(((values - mean) ** 2).sum()) + delta * delta * self.number * n / total
        return MomentSums(total, self.mean + delta * n / total, self.squares + squares)

    @property
    def stddev(self) -> float:
        """The standard deviation of the population (divided by n)."""
        return math.sqrt(self.squares / self.number) if self.number else 0.0


class Moments:
    """The moments of finite values, the same to the last digit however the values are divided into blocks."""

    def __init__(self) -> None:
        self._sums = MomentSums()
        self._rest = np.empty(0)

    def add(self, values: Floats) -> None:
        """Add the next values, shape (n,)."""
        self._rest = np.concatenate((self._rest, values))
        while len(self._rest) >= CHUNK:
            self._sums = self._sums.plus(self._rest[:CHUNK])
            self._rest = self._rest[CHUNK:]

    @property
    def sums(self) -> MomentSums:
        return self._sums.plus(self._rest)


class NumericTally:
    """The second pass: exact counts over all rows between the edges and between the cuts, and moments."""

    def __init__(self, sketch: NumericSketch, edges: Floats, cuts: Floats) -> None:
        self._sketch = sketch
        self._edges = edges
        self._cuts = cuts
        self._grid = np.union1d(edges, cuts)
        self._counts = np.zeros(len(self._grid) + 1, np.int64)
        self._all, self._lower, self._upper = Moments(), Moments(), Moments()
        self._other = 0

    def add(self, column: Column) -> None:
        """Count the next values."""
        values = finite(column.numbers)
        self._other += len(column.numbers) - len(values) + column.other_than_numbers
        cells = np.searchsorted(self._grid, values, side="right")
        self._counts += np.bincount(cells, minlength=len(self._counts))
        scaled = np.ldexp(values, -self._sketch.exponent)
        self._all.add(scaled)
        self._lower.add(scaled[values < self._cuts[0]])
        self._upper.add(scaled[values >= self._cuts[-1]])

    def feature(self, rows: int) -> Numeric:
        """Return the feature of data with `rows` rows; `other` counts the values that are not finite numbers."""
        moments, lower, upper = self._all.sums, self._lower.sums, self._upper.sums
        return Numeric(
            edges=self._edges.tolist(),
            counts=self._between(self._edges),
            missing=rows - moments.number - self._other,
            other=self._other,
            mean=self._unscaled(moments.mean),
            stddev=self._unscaled(moments.stddev),
            min=self._sketch.low,
            max=self._sketch.high,
            cuts=self._cuts.tolist(),
            cut_counts=self._between(self._cuts),
            # An empty tail has no mean; its cut stands for the values that a window may have there.
            tail_means=(
                self._unscaled(lower.mean) if lower.number else float(self._cuts[0]),
                self._unscaled(upper.mean) if upper.number else float(self._cuts[-1]),
            ),
        )

    def _between(self, edges: Floats) -> list[int]:
        below = self._counts.cumsum()
        at = np.append(np.searchsorted(self._grid, edges), len(self._grid))
        counts: list[int] = np.diff(below[at], prepend=0).tolist()
        return counts

    def _unscaled(self, value: float) -> float:
        return math.ldexp(value, self._sketch.exponent)


def finite(numbers: NDArray[Any]) -> Floats:
    """Return the finite numbers as floats; -0.0 as 0.0, so that a minimum does not depend on their order."""
    values = as_floats(numbers) + 0.0
    good = np.isfinite(values)
    return values if good.all() else values[good]


def _unknown(values: Floats, known: Floats) -> Floats:
    """Return the values that are not in `known`, which is ascending."""
    if not len(known):
        return values
    nearest = known[np.minimum(np.searchsorted(known, values), len(known) - 1)]
    unknown: Floats = values[nearest != values]
    return unknown


def _each(values: Floats, gap: float) -> Floats:
    """Return edges that give each of the ascending values its own bin, the last of which is at least `gap` wide."""
    last = float(values[-1])
    upper = max(math.nextafter(last, math.inf), last + gap)
    return np.append(values, upper) if math.isfinite(upper) else values
