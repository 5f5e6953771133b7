"""Reproducible pseudo-random numbers: hashes of positions, the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def splitmix64(positions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return hashes of positions by splitmix64 (Steele, Lea, Flood 2014), which is a bijection."""
    z = (positions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
