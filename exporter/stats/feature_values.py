"""Feature values: how many each feature has, and sums of small hashes of numbers, which show if all are the same.

The moments do not show it if all numbers are far from the reference, or so close to each other that squares of their
differences are 0. The bins do not show how many of the values of `missing` are a category with this name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exporter.batch import Batch, Bools, Floats
from exporter.encoded import Encoded
from exporter.reference.profile import MISSING_BIN, Profile
from exporter.stats import Statistic
from exporter.tallies.tally import Tally

# Sums of squared hashes of so many bits are exact for 2**29 values.
BITS = 12
# 2**64 divided by the golden ratio: Knuth (1973), The art of computer programming 3, multiplicative hashing.
FACTOR = np.uint64(0x9E3779B97F4A7C15)


class ValueSums(NamedTuple):
    """Sums over the values of each feature, shape (features,).

    `number` counts the finite numbers, or the categories; `hashes` and `squares` are sums of the hashes of numbers, and
    of squared hashes. `named_missing` counts the categories named "missing".
    """

    number: Floats
    hashes: Floats
    squares: Floats
    named_missing: Floats

    @classmethod
    def of(cls, tally: Floats) -> ValueSums:
        return cls(*tally.T)

    @property
    def have_one_hash(self) -> Bools:
        """Whether all numbers of each feature have the same hash."""
        same: Bools = self.number * self.squares == self.hashes**2
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
        sums = np.zeros((batch.groups, *self.shape))
        sums[:, : len(numbers), 0] = batch.count(finite)
        sums[:, : len(numbers), 1] = batch.summed(hashes)
        sums[:, : len(numbers), 2] = batch.summed(np.square(hashes))
        for row, column in enumerate(batch.categories, len(numbers)):
            sums[:, row, 0], sums[:, row, 3] = batch.count(np.stack((column.codes >= 0, _is_missing_bin(column)))).T
        return sums


def _is_missing_bin(column: Encoded[str]) -> Bools:
    """Return which values are the category "missing"."""
    is_named = [name == MISSING_BIN for name in column.names]
    return np.array([*is_named, False], np.bool_)[column.codes]


def hashed(numbers: Floats) -> Floats:
    """Return a whole number below 2**BITS for each number; -0.0 has that of 0.0."""
    # Adding 0.0 changes -0.0 only.
    bits = (numbers + 0.0).view(np.uint64)
    bits *= FACTOR
    bits >>= np.uint64(64 - BITS)
    return bits.astype(np.float64)
