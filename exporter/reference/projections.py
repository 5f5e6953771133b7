"""Random projections: a vector is reduced to a few numbers, which have bins like numeric features.

The directions are not stored, because they follow from the dimension alone, to the last digit on every machine.
Reference: Lopes, Jacob and Wainwright (2011), A more powerful two-sample test in high dimensions using random
projection.
"""

import numpy as np
from numpy.typing import NDArray

from exporter.batch import Floats

PIECE_BITS = 16
PIECES = 64 // PIECE_BITS


def directions(dimension: int, count: int) -> Floats:
    """Return random directions of unit length, shape (count, dimension).

    A coordinate is the sum of the four pieces of a hash. It is nearly normal, so all directions are nearly equally
    likely.
    """
    hashes = splitmix64(np.arange(count * dimension, dtype=np.uint64)).reshape(count, dimension)
    largest = (1 << PIECE_BITS) - 1
    pieces = [(hashes >> np.uint64(PIECE_BITS * piece)) & np.uint64(largest) for piece in range(PIECES)]
    # These are whole numbers, so the sum of their squares is exact in any order.
    coordinates = np.sum(pieces, axis=0).astype(np.float64) - PIECES * largest / 2
    unit: Floats = coordinates / np.sqrt((coordinates**2).sum(axis=1, keepdims=True))
    return unit


def splitmix64(positions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return hashes of positions by splitmix64 (Steele, Lea, Flood 2014), which is a bijection."""
    z = (positions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
