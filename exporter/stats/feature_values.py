"""Feature values: how many each feature has, and sums of small hashes of numbers, which show if all are the same.

The moments do not show it if all numbers are far from the reference, or so close to each other that squares of their
differences are 0. The bins do not show how many of the values of `missing` are a category with this name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exporter.batch import NON_FINITE, Batch, Bools, Floats
from exporter.reference.profile import Profile
from exporter.stats import Statistic
from exporter.tallies.tally import Tally

# Sums of squared hashes of so many bits are exact for 2**29 values.
BITS = 12
# 2**64 divided by the golden ratio: Knuth (1973), The art of computer programming 3, multiplicative hashing.
FACTOR = np.uint64(0x9E3779B97F4A7C15)


class ValueSums(NamedTuple):
    """Sums over the values of each feature, shape (features,).

    `present` counts the values that are neither missing nor marked as not finite, and `finite` the finite numbers.
    `hashes` and `squares` are sums of the hashes of finite numbers, and of squared hashes.
    """

    present: Floats
    finite: Floats
    hashes: Floats
    squares: Floats

    @classmethod
    def of(cls, tally: Floats) -> ValueSums:
        return cls(*tally.T)

    @property
    def have_one_hash(self) -> Bools:
        """Whether all finite numbers of each feature have the same hash."""
        same: Bools = self.finite * self.squares == self.hashes**2
        return same


class FeatureValues(Statistic):
    """ValueSums of numeric features, then of categorical ones, shape (features, 4)."""

    name = "feature_values"

    def __init__(self, profile: Profile) -> None:
        self.identity = profile.reference_id
        self.shape = (len(profile.ordered), len(ValueSums._fields))

    def tally(self, batch: Batch) -> Tally:
        numbers, finite = batch.numbers, np.isfinite(batch.numbers)
        hashes = hashed(numbers)
        if not finite.all():
            hashes[~finite] = 0.0
        absent = batch.absent()
        if batch.marks is not None:
            absent |= batch.marks == NON_FINITE
        sums = np.zeros((batch.groups, *self.shape))
        sums[..., 0] = batch.sizes()[:, None] - batch.count(absent[: self.shape[0]])
        sums[:, : len(numbers), 1] = batch.sizes()[:, None] - batch.count(~finite)
        sums[:, : len(numbers), 2] = batch.summed(hashes)
        sums[:, : len(numbers), 3] = batch.summed(np.square(hashes))
        return sums


def hashed(numbers: Floats) -> Floats:
    """Return a whole number below 2**BITS for each number; -0.0 has that of 0.0."""
    # Adding 0.0 changes -0.0 only.
    bits = (numbers + 0.0).view(np.uint64)
    bits *= FACTOR
    bits >>= np.uint64(64 - BITS)
    return bits.astype(np.float64)
