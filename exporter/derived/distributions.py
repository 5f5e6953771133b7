"""Distributions of variables, as counts by bin and by cell.

Variables are features, attributions, outputs or ground-truth labels; numeric ones come first. The last axis of an array
of counts is the bins, or the cells, of one variable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from exporter.batch import Bools, Floats

# Jeffreys' prior: half a record more per bin keeps every share above 0, and the false-alarm rate as stated.
JEFFREYS = 0.5
SAMPLES_PER_BIN = 10


@dataclass(frozen=True)
class Distributions:
    """Counts of all variables by bin, shape (variables, bins), and where the values of numeric variables lie.

    `cells` counts their values between the cuts, shape (numeric variables, cells). `below` and `above` are the sums of
    the distances of values below the first and above the last cut, shape (numeric variables,).
    """

    bins: Floats
    cells: Floats
    below: Floats
    above: Floats

    def divided(self, overdispersion: float) -> Distributions:
        """Return the counts of that many times fewer records."""
        if overdispersion == 1:
            return self
        return replace(self, bins=self.bins / overdispersion, cells=self.cells / overdispersion)

    @cached_property
    def cumulative(self) -> Floats:
        """The share of each numeric variable's values in each cell and those below it, NaN without values."""
        with np.errstate(divide="ignore", invalid="ignore"):
            result: Floats = self.cells.cumsum(axis=-1) / self.cells.sum(axis=-1, keepdims=True)
        return result


def used(a: Floats, b: Floats) -> Bools:
    """Return which bins are not empty on both sides; comparisons leave the others out."""
    either: Bools = (a > 0) | (b > 0)
    return either


def is_enough(a: Floats, b: Floats) -> Bools:
    """Return whether there are enough records of each variable on both sides, given counts by bin."""
    least = np.minimum(a.sum(axis=-1), b.sum(axis=-1))
    enough: Bools = (least > 0) & (least >= SAMPLES_PER_BIN * used(a, b).sum(axis=-1))
    return enough


def shares(counts: Floats) -> Floats:
    """Return the share of each bin, NaN without counts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return result


def smoothed_shares(counts: Floats, bins: Bools, epsilon: float | None = None) -> Floats:
    """Return the smoothed share of each of the `bins`: (count + 0.5) / (n + 0.5 * B), or count / n + epsilon."""
    if epsilon is not None:
        return shares(counts) + epsilon
    n: Floats = counts.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = (counts + JEFFREYS) / (n + JEFFREYS * bins.sum(axis=-1, keepdims=True))
    return result


def unless_empty(values: Floats, a: Floats, b: Floats) -> Floats:
    """Return the values, or NaN where one of the two sides has no counts."""
    empty = (a.sum(axis=-1) == 0) | (b.sum(axis=-1) == 0)
    return np.where(empty, np.nan, values)
