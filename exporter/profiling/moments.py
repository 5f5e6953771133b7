"""Mean and standard deviation of a stream, numerically stable.

Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for computing sample variances.
"""

from __future__ import annotations

import math

from exporter.batch import Floats


class Moments:
    """The count, the mean and the sum of squared deviations from it."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0

    def add(self, values: Floats) -> None:
        """Add finite values, shape (n,)."""
        n = len(values)
        if not n:
            return
        mean = float(values.mean())
        delta = mean - self.mean
        total = self.count + n
        self._squares += float(((values - mean) ** 2).sum()) + delta * delta * self.count * n / total
        self.mean += delta * n / total
        self.count = total

    @property
    def stddev(self) -> float:
        """The standard deviation of the population: divided by n."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0
