"""A column of vectors: a first pass determines the bins of its projections, a second one counts all rows in them."""

import math

import numpy as np

from exporter.batch import Floats
from exporter.offline.profiling.column import Column, Vectors
from exporter.offline.profiling.numeric import running_sums
from exporter.offline.profiling.sample import Sample
from exporter.reference.profile import Vector
from exporter.reference.projections import directions

PROJECTIONS = 16
BINS = 10
DIGITS = 9
# Its square is finite; a vector with a larger number counts as not finite.
LARGEST = 1e100
# As a share of the greatest coordinate; closer coordinates may be those of one vector, rounded to 32 bits.
SAME = 1e-6


class VectorSketch:
    """The first pass over a column: the lengths of its vectors and, if all are equal, a sample of projections."""

    def __init__(self) -> None:
        self.lengths: set[int] = set()
        self.count = 0
        self.first: Floats | None = None
        self.varies = False
        self._sample = Sample()

    def add(self, vectors: Vectors) -> None:
        """Take the next vectors."""
        self.lengths |= vectors.keys()
        self.count += sum(map(len, vectors.values()))
        if len(self.lengths) != 1 or not vectors:
            return
        (length,) = self.lengths
        values = _finite(vectors[length])
        if not len(values):
            return
        if self.first is None:
            self.first = values[0]
        self.varies = self.varies or bool((values != self.first).any())
        self._sample.add(_projected(values, directions(length, PROJECTIONS)))

    def edges(self) -> list[list[float]]:
        """Return the edges between about BINS bins of each projection; at least one vector must be finite."""
        return [_edges(np.sort(column)) for column in self._sample.values().T]


class VectorTally:
    """The second pass: exact counts over all rows, their mean and spread."""

    def __init__(self, sketch: VectorSketch) -> None:
        (self._length,) = sketch.lengths
        self._directions = directions(self._length, PROJECTIONS)
        self._edges = sketch.edges()
        self._counts = [np.zeros(len(edges) + 1, np.int64) for edges in self._edges]
        self._other = 0
        # Deviations from a vector of the column lose no digits if the mean is far from 0.
        self._center = np.zeros(self._length) if sketch.first is None else sketch.first
        self._sums = np.zeros(self._length + 1)

    def add(self, column: Column) -> None:
        """Count the next vectors."""
        vectors = column.vectors.get(self._length)
        if vectors is None:
            return
        values = _finite(vectors)
        self._other += len(vectors) - len(values)
        for index, coordinates in enumerate(_projected(values, self._directions).T):
            cells = np.searchsorted(self._edges[index], coordinates, side="right")
            self._counts[index] += np.bincount(cells, minlength=len(self._counts[index]))
        deviations = values - self._center
        self._sums = running_sums(self._sums, np.vstack((deviations.T, (deviations**2).sum(axis=1))))

    def feature(self, rows: int) -> Vector:
        """Return the feature of data with `rows` rows; `other` counts the vectors that are not finite."""
        count = int(self._counts[0].sum())
        mean, square = self._sums[:-1] / count, self._sums[-1] / count
        return Vector(
            dimension=self._length,
            mean=[_rounded(value) for value in (self._center + mean).tolist()],
            spread=_rounded(math.sqrt(max(square - float(mean @ mean), 0.0))),
            missing=rows - count - self._other,
            other=self._other,
            edges=self._edges,
            counts=[counts.tolist() for counts in self._counts],
        )


def _finite(vectors: Floats) -> Floats:
    good = (np.abs(vectors) <= LARGEST).all(axis=1)
    return vectors if good.all() else vectors[good]


def _projected(vectors: Floats, onto: Floats) -> Floats:
    """Return coordinates, shape (n, directions), without a matrix product, whose last digits depend on n."""
    coordinates: Floats = np.einsum("nd,kd->nk", vectors, onto)
    return coordinates


def _edges(ascending: Floats) -> list[float]:
    """Return edges near the quantiles, each in a gap between two coordinates.

    If many vectors are equal (such as those of empty texts), an edge at that point would divide them by rounding alone.
    """
    gaps = np.flatnonzero(np.diff(ascending) > SAME * np.abs(ascending).max()) + 1
    if not len(gaps):
        return []
    wanted = np.arange(1, BINS) * len(ascending) / BINS
    after = np.searchsorted(gaps, wanted).clip(1, len(gaps) - 1) if len(gaps) > 1 else np.zeros(len(wanted), np.int64)
    before = np.maximum(after - 1, 0)
    nearest = np.unique(
        np.where(np.abs(gaps[before] - wanted) <= np.abs(gaps[after] - wanted), gaps[before], gaps[after])
    )
    return [_rounded(value) for value in ((ascending[nearest - 1] + ascending[nearest]) / 2).tolist()]


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
