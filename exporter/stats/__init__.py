"""Statistics: frozen configuration plus pure functions over tallies, one file per statistic.

Every statistic obeys these laws (tests/test_laws.py checks them all):

    tally(x + y) == tally(x) + tally(y)      for batches x and y
    tally(empty batch) == zero()

The engine provides rolling windows, segments, merging and checkpoints; a statistic knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from exporter.batch import Batch, Floats, Reads, SegmentSeries, Series
from exporter.families import Families
from exporter.tallies.tally import S, Tally

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


class Tallied(Protocol):
    """What there are tallies of, under the name of the statistic."""

    @property
    def name(self) -> str: ...

    def zero(self) -> Floats:
        """Return the tally of no records, as float64."""
        ...


class Statistic(Tallied, Protocol):
    """What is counted. `reads` is the kind of records that are tallied."""

    @property
    def reads(self) -> Reads: ...

    def tally(self, batch: Batch) -> Tally:
        """Return what each group of the batch adds; shape (batch.groups, *zero().shape)."""
        ...

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        """Yield the totals since the start of series, or of segments of series, as metric families."""
        ...


class OfReference:
    """A mixin for statistics whose tallies mean something else with another reference."""

    reference_id: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reference_id})"


class NotExported:
    """A mixin for statistics whose totals are not exported, because only their windows matter."""

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        return iter(())
