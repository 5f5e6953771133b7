"""A random sample of values or rows that depends only on their order."""

import numpy as np
from numpy.typing import NDArray

from exporter.batch import Floats
from exporter.reference.projections import splitmix64

SAMPLE = 65_536


class Sample:
    """A uniform random sample of `size` values or rows: those whose positions have the lowest hashes."""

    def __init__(self, size: int = SAMPLE) -> None:
        self._size = size
        self._seen = 0
        self._values: list[Floats] = []
        self._ranks: list[NDArray[np.uint64]] = []
        self._limit = np.uint64(2**64 - 1)

    def add(self, values: Floats) -> None:
        """Take the next values, shape (n,), or rows, shape (n, columns)."""
        ranks = splitmix64(np.arange(self._seen, self._seen + len(values), dtype=np.uint64))
        self._seen += len(values)
        chosen = ranks <= self._limit
        self._values.append(values[chosen])
        self._ranks.append(ranks[chosen])
        if sum(map(len, self._ranks)) > 2 * self._size:
            self._shrink()

    def values(self) -> Floats:
        """Return the sample in random order; at least one value must have been added."""
        self._shrink()
        return self._values[0][np.argsort(self._ranks[0])]

    def _shrink(self) -> None:
        values, ranks = np.concatenate(self._values), np.concatenate(self._ranks)
        if len(values) > self._size:
            lowest = np.argpartition(ranks, self._size - 1)[: self._size]
            values, ranks = values[lowest], ranks[lowest]
            self._limit = ranks.max()
        self._values, self._ranks = [values], [ranks]
