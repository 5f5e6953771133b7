"""Residuals: differences of predicted values from their ground truth, as sums and by bins."""

from typing import NamedTuple

import numpy as np

from exporter.batch import Batch, Floats, Ints
from exporter.reference.profile import Numeric
from exporter.stats import Statistic, count_cells
from exporter.tallies.tally import Tally

# Larger differences count as this, because a few of their squares would sum to infinity.
LARGEST = 1e140
# scikit-learn divides by this in place of a smaller true value.
LEAST = np.finfo(np.float64).eps
PER_OCTAVE = 8
SMALLEST, GREATEST = -10, 7
# Without a reference, in units of the predictions: from a millionth to a trillion.
SMALLEST_UNIT, GREATEST_UNIT = -20, 40


def _edges(smallest: int, greatest: int) -> Floats:
    above = 2.0 ** (np.arange(smallest * PER_OCTAVE, greatest * PER_OCTAVE + 1) / PER_OCTAVE)
    return np.concatenate((-above[::-1], above))


EDGES, UNIT_EDGES = _edges(SMALLEST, GREATEST), _edges(SMALLEST_UNIT, GREATEST_UNIT)


class ResidualSums(NamedTuple):
    """Sums over outcomes.

    `differences` are those of true values from the mean of the reference's predictions, if there is one; `ratios` are
    absolute residuals divided by absolute true values.
    """

    number: float
    residuals: float
    absolute: float
    squares: float
    ratios: float
    differences: float
    squared_differences: float


class Residuals(Statistic):
    """ResidualSums, shape (7,). A residual is the prediction minus the true value."""

    name = "residual_sums"
    reads = "outcomes"
    shape = (len(ResidualSums._fields),)

    def __init__(self, prediction: Numeric | None) -> None:
        self._mean = prediction.mean if prediction else 0.0

    def __repr__(self) -> str:
        # As it is stored.
        return f"ResidualSums({self._mean})"

    def tally(self, batch: Batch) -> Floats:
        residual, truth, group = _residuals(batch)
        absolute = np.abs(residual)
        with np.errstate(over="ignore"):
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
        return np.stack([np.bincount(group, column, batch.groups) for column in columns], axis=1).astype(np.float64)


class ResidualBins(Statistic):
    """Counts of residuals by bin, shape (bins,); bin i counts the r with edges[i-1] <= r < edges[i].

    Edges are multiples of the standard deviation of the reference's predictions, if there is a reference.
    """

    name = "residual_bins"
    reads = "outcomes"

    def __init__(self, prediction: Numeric | None) -> None:
        with np.errstate(over="ignore"):
            self.edges: Floats = EDGES * (prediction.stddev or 1.0) if prediction else UNIT_EDGES
        self.identity = str(prediction and prediction.stddev)
        self.shape = (len(self.edges) + 1,)

    def tally(self, batch: Batch) -> Tally:
        residual, _, group = _residuals(batch)
        return count_cells(np.searchsorted(self.edges, residual, side="right"), group, batch.groups, self.shape)


def _residuals(batch: Batch) -> tuple[Floats, Floats, Ints]:
    """Return the residual, the true value and the group of each outcome whose values are both finite."""
    _, truth = batch.truth
    usable = np.isfinite(batch.value) & np.isfinite(truth)
    truth = truth[usable]
    with np.errstate(over="ignore"):
        residual = np.clip(batch.value[usable] - truth, -LARGEST, LARGEST)
    return residual, truth, batch.group[usable]
