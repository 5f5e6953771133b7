"""Outcomes: counts of predictions by predicted and actual class, the confusion matrix as counters."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from exporter.batch import Batch, Floats, Ints, Reads
from exporter.families import CounterFamily, Families
from exporter.stats import SERIES, LabelNames, Scope, Statistic, count_cells
from exporter.tallies.tally import S, Tally
from exporter.tallies.vocabulary import CLASS_LABEL

# With up to this many classes, all pairs are exported from the start; with more, once they have occurred.
MOST_KNOWN = 10


@dataclass(frozen=True)
class Outcomes(Statistic):
    """Counts by predicted and actual class, in the order of `cell`.

    Pairs of `known` classes are exported from the start at 0, so that Prometheus sees their first increase.
    """

    known: frozenset[str] = field(default=frozenset(), repr=False)
    scope: Scope = field(default=SERIES, repr=False)
    name = "model_outcomes_total"
    reads: Reads = "outcomes"
    shape = (0,)

    def tally(self, batch: Batch) -> Tally:
        actual, _ = batch.truth
        predicted, true = batch.prediction.codes, actual.codes
        usable = (predicted >= 0) & (true >= 0)
        cells = cell(predicted[usable], true[usable])
        width = (int(np.maximum(predicted, true).max(initial=-1)) + 1) ** 2
        return count_cells(cells, batch.group[usable], batch.groups, (width,))

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        labels = (*self.scope.labels, "predicted", "actual")
        family = CounterFamily(self.scope.name(self.name), "Predictions joined with their ground truth.", labels)
        classes = names.get(CLASS_LABEL, ())
        is_known = np.array([len(self.known) <= MOST_KNOWN and name in self.known for name in classes], np.bool_)
        from_the_start = np.outer(is_known, is_known)
        for series, tally in tallies.items():
            counts = matrix(tally, len(classes))
            for predicted, actual in np.argwhere((counts > 0) | from_the_start).tolist():
                family.add((*series, classes[predicted], classes[actual]), counts[predicted, actual])
        yield family


def cell(predicted: Ints, actual: Ints) -> Ints:
    """Return the position in a tally of pairs of classes; the first K classes take the first K * K positions.

    A tally can grow only along its last axis, so each newly admitted class adds a corner around those before it.
    """
    corner = np.maximum(predicted, actual)
    cells: Ints = corner * corner + np.where(predicted < corner, predicted, corner + actual)
    return cells


def by_predicted(tally: Floats, classes: int) -> Floats:
    """Return the counts by predicted class, of so many classes: the sums of the rows of `matrix`, without it."""
    counts: Floats = np.bincount(_predicted(tally.shape[-1]), tally, classes).astype(np.float64)
    return counts


@cache
def _predicted(cells: int) -> Ints:
    """Return the predicted class of each position in a tally."""
    positions = np.arange(cells)
    corner = np.sqrt(positions).astype(np.int64)
    place = positions - corner * corner
    return np.where(place < corner, place, corner)


def matrix(tally: Floats, classes: int | None = None) -> Floats:
    """Return the counts by predicted class (row) and actual class (column), for at least `classes` classes."""
    counted = math.isqrt(tally.shape[-1])
    size = max(counted, classes or 0)
    counts = np.zeros((size, size))
    rows, columns = np.indices((counted, counted))
    counts[:counted, :counted] = tally[cell(rows, columns)]
    return counts
