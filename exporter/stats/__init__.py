"""Statistics: what is counted, one file per statistic.

Every statistic obeys these laws (tests/stats/test_laws.py checks them all):

    tally(x + y) == tally(x) + tally(y)      for batches x and y
    tally(empty batch) == zero()

The engine provides rolling windows, segments, merging and checkpoints; a statistic knows nothing of them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.batch import Batch, Floats, Ints, Reads, SegmentSeries, Series
from exporter.families import Families
from exporter.tallies.tally import COUNTS, S, Tally

BASE_LABELS = Series._fields


@dataclass(frozen=True)
class Scope:
    """What a metric describes, a series or a segment of one: its base labels and the prefix of its name."""

    labels: tuple[str, ...]
    prefix: str

    def name(self, metric: str) -> str:
        """Return the name in this scope of a metric that is named for series."""
        return self.prefix + metric.removeprefix(SERIES.prefix)


SERIES = Scope(BASE_LABELS, "model_")
SEGMENTS = Scope(SegmentSeries._fields, "model_segment_")

# The admitted values of each label; a position along a tally's label axis is an index into these.
LabelNames = Mapping[str, tuple[str, ...]]


class Statistic:
    """The base of all statistics: frozen configuration and pure functions of batches and tallies.

    `reads` is the kind of records that are tallied. `shape` is that of the tally of one series. Tallies are stored
    under `name`, and `identity` changes when stored tallies would mean something else, as with another reference.
    """

    name: str
    reads: Reads = "predictions"
    shape: tuple[int, ...]
    identity: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity})"

    def zero(self) -> Floats:
        """Return the tally of no records, as float64."""
        return np.zeros(self.shape)

    def tally(self, batch: Batch) -> Tally:
        """Return what each group of the batch adds; shape (batch.groups, *shape)."""
        raise NotImplementedError

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        """Yield the totals since the start of series, or of segments of series, as metric families.

        By default there are none, because for most statistics only windows matter.
        """
        return iter(())


def count_cells(cells: Ints, group: Ints, groups: int, shape: tuple[int, ...]) -> Tally:
    """Return how often each cell of an array of `shape` occurs in each group; shape (groups, *shape).

    `cells` are positions in the flattened array, and `group` has the group of each.
    """
    size = math.prod(shape)
    counts = np.bincount((group * size + cells).ravel(), minlength=groups * size)
    return counts.reshape(groups, *shape).astype(COUNTS)


def padded(rows: Sequence[Sequence[float]], fill: float) -> Floats:
    """Return rows of different lengths as an array of shape (rows, longest row)."""
    width = max(map(len, rows), default=0)
    return np.array([[*row, *[fill] * (width - len(row))] for row in rows], np.float64).reshape(len(rows), width)
