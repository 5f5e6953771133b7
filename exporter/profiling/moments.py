"""Mean and standard deviation of a stream, numerically stable.

Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for computing sample variances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats

CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Sums:
    """The count, the mean and the sum of squared deviations from it."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def plus(self, values: Floats) -> Sums:
        """Return the sums with more values."""
        n = len(values)
        if not n:
            return self
        mean = float(values.mean())
        delta = mean - self.mean
        total = self.count + n
        squares = float(((values - mean) ** 2).sum()) + delta * delta * self.count * n / total
        return Sums(total, self.mean + delta * n / total, self.squares + squares)


class Moments:
    """The moments of finite values, to the last digit the same in whichever pieces they come."""

    def __init__(self) -> None:
        self._sums = Sums()
        self._rest = np.empty(0)

    def add(self, values: Floats) -> None:
        """Add the next values, shape (n,)."""
        self._rest = np.concatenate((self._rest, values))
        while len(self._rest) >= CHUNK:
            self._sums = self._sums.plus(self._rest[:CHUNK])
            self._rest = self._rest[CHUNK:]

    @property
    def count(self) -> int:
        return self._sums.count + len(self._rest)

    @property
    def mean(self) -> float:
        return self._sums.plus(self._rest).mean

    @property
    def stddev(self) -> float:
        """The standard deviation of the population: divided by n."""
        sums = self._sums.plus(self._rest)
        return math.sqrt(sums.squares / sums.count) if sums.count else 0.0
