"""Statistics: each a frozen configuration and pure functions over tallies; one file for one of them.

The laws that every statistic keeps (tests/test_laws.py holds them all to it):

    tally(x + y) == tally(x) + tally(y)      for batches x, y
    tally(of nothing) == zero()

What is rolling, split by segment, merged or checkpointed is so by the engine; a statistic never knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from exporter.batch import Batch, Floats, Reads, SegmentSeries, Series
from exporter.families import Family
from exporter.tallies.tally import S, Tally

BASE_LABELS = Series._fields


@dataclass(frozen=True)
class Scope:
    """What tallies are of, series or segments of them: the base labels of its metrics, and how their names begin."""

    labels: tuple[str, ...]
    prefix: str

    def name(self, metric: str) -> str:
        """Return what a metric of series is called in this scope."""
        return self.prefix + metric.removeprefix(SERIES.prefix)


SERIES = Scope(BASE_LABELS, "model_")
SEGMENTS = Scope(SegmentSeries._fields, "model_segment_")

# The names admitted for each label, by label; a tally's index along a label axis is an index in here.
Names = Mapping[str, tuple[str, ...]]


class Statistic(Protocol):
    """What is counted. `reads` says which records are."""

    @property
    def name(self) -> str: ...

    @property
    def reads(self) -> Reads: ...

    def zero(self) -> Floats:
        """Return the tally of nothing, as float64."""
        ...

    def tally(self, batch: Batch) -> Tally:
        """Return what each group of the batch adds; shape (batch.groups, *zero().shape)."""
        ...

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Return the running totals as metric families."""
        ...


class Scoped(Statistic, Protocol):
    """A statistic that can be told of series, or of segments of them."""

    def collect(self, tallies: Mapping[S, Floats], names: Names) -> Iterator[Family]: ...
