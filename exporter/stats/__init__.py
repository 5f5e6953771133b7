"""Statistics: each a frozen configuration and pure functions over tallies; one file for one of them.

The laws that every statistic keeps (tests/test_laws.py holds them all to it):

    tally(x + y) == tally(x) + tally(y)      for batches x, y
    tally(of nothing) == zero()

What is rolling, split by segment, merged or checkpointed is so by the engine; a statistic never knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol

from prometheus_client.metrics_core import Metric

from exporter.batch import Batch, Floats, Series
from exporter.tally import Row, Tallies, Tally

BASE_LABELS = ("model_name", "model_version")

# The names admitted for each label, by label; a tally's index along a label axis is an index in here.
Names = Mapping[str, tuple[str, ...]]


class Statistic(Protocol):
    """What is counted. `reads` says which records are: predictions, or errors."""

    @property
    def name(self) -> str: ...

    @property
    def reads(self) -> Literal["predictions", "errors"]: ...

    def zero(self) -> Floats:
        """Return the tally of nothing, as float64."""
        ...

    def tally(self, batch: Batch) -> Tally:
        """Return what each group of the batch adds; shape (batch.groups, *zero().shape)."""
        ...

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Metric]:
        """Return the running totals as metric families."""
        ...


class Derived(Protocol):
    """What rolling tallies mean: a gauge a window."""

    def collect(self, windows: Mapping[str, Tallies]) -> Iterator[Metric]:
        """Return metric families; `windows` holds the tallies of each window by its label."""
        ...


class Judge(Protocol):
    """What tells of a window whether features are absent from it; `reads` names the statistics it needs."""

    @property
    def reads(self) -> tuple[str, ...]: ...

    def judge(self, row: Row) -> Iterator[tuple[str, bool]]:
        """Yield the features of which the tallies of a window can tell it, and whether they are absent."""
        ...
