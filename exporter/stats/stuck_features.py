"""Stuck features: those that have one single value in a whole window, though the reference's varied.

Whether all values are the same cannot be added up, but this can: with a number h(x) for each value x, n of them are
all of one h exactly where n * sum(h^2) == sum(h)^2. h is a hash of 12 bits, so that the sums are whole and exact up to
500 million records; two values share one h by a chance of 1 in 4096, which matters to a window only if it has no
third.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from exporter.batch import Batch, Encoded, Floats, Series
from exporter.chance import unanimous
from exporter.profile import Profile, commonest_share
from exporter.stats import BASE_LABELS, Names
from exporter.tally import Tallies

BITS = 12
# The golden ratio as a 64-bit fraction: Knuth's multiplicative hash.
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
SHIFT = np.uint64(64 - BITS)


def hashes(numbers: Floats) -> NDArray[np.uint64]:
    """Return a whole number below 2**BITS for each number, the same for the same; NaN's means nothing."""
    # Adding 0 makes -0.0 the same as 0.0.
    mixed: NDArray[np.uint64] = (numbers + 0.0).view(np.uint64)
    mixed *= MULTIPLIER
    mixed >>= SHIFT
    return mixed


class FeatureHashes:
    """The tally, shape (features, 3), is the number of values, the sum of their hashes, and of the squares of these.

    What is of the wrong type, or not finite, is no value.
    """

    name = "feature_hashes"
    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile) -> None:
        self._reference_id = profile.reference_id
        self.features = tuple(profile.ordered)

    def __repr__(self) -> str:
        return f"FeatureHashes({self._reference_id})"

    def zero(self) -> Floats:
        return np.zeros((len(self.features), 3))

    def tally(self, batch: Batch) -> Floats:
        hashed = np.empty((len(self.features), len(batch)))
        hashed[: len(batch.numbers)] = hashes(batch.numbers)
        for row, column in enumerate(batch.categories, len(batch.numbers)):
            hashed[row] = _hashes_of(column)
        absent = batch.absent()
        if batch.marks is not None:
            absent |= batch.marks != 0
        if np.count_nonzero(absent):
            hashed[absent] = 0
        sums = np.empty((batch.groups, len(self.features), 3))
        sums[..., 0] = batch.sizes()[:, None] - batch.count(absent)
        sums[..., 1] = batch.total(hashed)
        hashed *= hashed
        sums[..., 2] = batch.total(hashed)
        return sums

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Metric]:
        yield from ()


@dataclass(frozen=True)
class StuckFeatures:
    """`model_feature_stuck`: whether all values of a feature in a window are the same.

    No value where the window has so few that it may be chance: fewer than 100, or than makes it one in a million by
    the share of the reference's commonest value. So none for what has never varied.
    """

    profile: Profile
    hashed: FeatureHashes

    def collect(self, windows: Mapping[str, Tallies]) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "model_feature_stuck",
            "Whether all values of a feature in a rolling window are the same.",
            labels=(*BASE_LABELS, "feature_name", "window"),
        )
        enough = {name: unanimous(commonest_share(feature)) for name, feature in self.profile.ordered.items()}
        for label, tallies in windows.items():
            for series, row in tallies.items():
                for (name, fewest), sums in zip(enough.items(), row[self.hashed.name].tolist(), strict=True):
                    count, total, squares = sums
                    if count >= fewest:
                        family.add_metric((*series, name, label), count * squares == total * total)
        yield family


def _hashes_of(column: Encoded[str]) -> Floats:
    return np.array([*map(_hash_of, column.names), 0.0])[column.codes]


@lru_cache(maxsize=10_000)
def _hash_of(name: str) -> float:
    return float(zlib.crc32(name.encode()) >> (32 - BITS))
