"""Residuals: how far predictions that are values were from the truth, as sums and by bins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np

from exporter.batch import Batch, Floats, Ints, Series
from exporter.families import Family
from exporter.reference.profile import Numeric
from exporter.stats import Names
from exporter.tallies.tally import COUNTS, Tally

# Beyond it a difference counts as this, or the sum of a few squares would be infinite.
LARGEST = 1e140
# What scikit-learn divides by instead of a smaller truth.
LEAST = np.finfo(np.float64).eps
PER_OCTAVE = 8
SMALLEST, GREATEST = -10, 7
_ABOVE = 2.0 ** (np.arange(SMALLEST * PER_OCTAVE, GREATEST * PER_OCTAVE + 1) / PER_OCTAVE)
EDGES: Floats = np.concatenate((-_ABOVE[::-1], _ABOVE))


class Sums(NamedTuple):
    """What a tally holds of outcomes: of residuals, of the truth's differences from the reference's mean, and squares.

    `ratios` are of absolute residuals to absolute truths.
    """

    number: float
    residuals: float
    absolute: float
    squares: float
    ratios: float
    differences: float
    squared_differences: float


class ResidualSums:
    """Sums, shape (7,), in the order of Sums. A residual is the prediction less the truth."""

    name = "residual_sums"
    reads: Literal["outcomes"] = "outcomes"

    def __init__(self, prediction: Numeric) -> None:
        self._mean = prediction.mean

    def __repr__(self) -> str:
        return f"ResidualSums({self._mean})"

    def zero(self) -> Floats:
        return np.zeros(len(Sums._fields))

    def tally(self, batch: Batch) -> Floats:
        residual, truth, group = _residuals(batch)
        absolute = np.abs(residual)
        difference = np.clip(truth - self._mean, -LARGEST, LARGEST)
        columns = [
            np.ones(len(group)),
            residual,
            absolute,
            np.square(residual),
            absolute / np.maximum(np.abs(truth), LEAST),
            difference,
            np.square(difference),
        ]
        return np.stack([np.bincount(group, values, batch.groups) for values in columns], axis=1).astype(np.float64)

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Totals since the start are of no use here."""
        return iter(())


class ResidualBins:
    """Counts of residuals by bin, shape (bins,): bin i holds those r with edges[i-1] <= r < edges[i].

    Edges are multiples of the standard deviation of the reference's predictions.
    """

    name = "residual_bins"
    reads: Literal["outcomes"] = "outcomes"

    def __init__(self, prediction: Numeric) -> None:
        self.edges: Floats = EDGES * (prediction.stddev or 1.0)
        self._scale = prediction.stddev

    def __repr__(self) -> str:
        return f"ResidualBins({self._scale})"

    def zero(self) -> Floats:
        return np.zeros(len(self.edges) + 1)

    def tally(self, batch: Batch) -> Tally:
        residual, _, group = _residuals(batch)
        bins = len(self.edges) + 1
        cells = group * bins + np.searchsorted(self.edges, residual, side="right")
        return np.bincount(cells, minlength=batch.groups * bins).reshape(batch.groups, bins).astype(COUNTS)

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Totals since the start are of no use here."""
        return iter(())


def _residuals(batch: Batch) -> tuple[Floats, Floats, Ints]:
    """Return the residual, the truth and the group of each outcome of which both values are finite."""
    _, truth = batch.truth
    told = np.isfinite(batch.value) & np.isfinite(truth)
    truth = truth[told]
    return np.clip(batch.value[told] - truth, -LARGEST, LARGEST), truth, batch.group[told]
