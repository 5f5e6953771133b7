"""Counts by bin of two distributions; the last axis is the bins of one variable."""

from __future__ import annotations

import numpy as np

from exporter.batch import Bools, Floats

# Jeffreys' prior: half a record more per bin keeps every share above 0, and the false-alarm rate as stated.
JEFFREYS = 0.5


def used(a: Floats, b: Floats) -> Bools:
    """Return which bins are not empty on both sides; comparisons leave the others out."""
    either: Bools = (a > 0) | (b > 0)
    return either


def shares(counts: Floats, bins: Bools, epsilon: float | None = None) -> Floats:
    """Return the smoothed share of each of the `bins`: (count + 0.5) / (n + 0.5 * B), or count / n + epsilon."""
    n: Floats = counts.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        if epsilon is not None:
            result: Floats = counts / n + epsilon
        else:
            result = (counts + JEFFREYS) / (n + JEFFREYS * bins.sum(axis=-1, keepdims=True))
    return result


def unless_empty(values: Floats, a: Floats, b: Floats) -> Floats:
    """Return the values, or NaN where one of the two sides has no counts."""
    empty = (a.sum(axis=-1) == 0) | (b.sum(axis=-1) == 0)
    return np.where(empty, np.nan, values)
