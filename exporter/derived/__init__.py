"""What tallies mean: pure functions of counts, one file for one of them, and the gauges they are told in.

Nothing here keeps anything. What windows hold is counted by `stats`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from exporter.batch import SegmentSeries
from exporter.families import Family
from exporter.tally import Row, Tallies


class Derived(Protocol):
    """What rolling tallies mean: a gauge a window."""

    def collect(self, windows: Mapping[str, Tallies]) -> Iterator[Family]:
        """Return metric families; `windows` holds the tallies of each window by its label."""
        ...


class DerivedOfPast(Protocol):
    """What rolling tallies mean beside those of before."""

    def collect(self, windows: Mapping[str, Tallies], past: Mapping[tuple[str, str], Tallies]) -> Iterator[Family]:
        """Return metric families; `past` holds what windows held before, by their label and how long before."""
        ...


class DerivedOfSegments(Protocol):
    """What rolling tallies of segments mean."""

    def collect(self, windows: Mapping[str, Mapping[SegmentSeries, Row]]) -> Iterator[Family]:
        """Return metric families; `windows` holds the tallies of each window by its label."""
        ...


class Judge(Protocol):
    """What tells of a window whether features are absent from it; `reads` names the statistics it needs."""

    @property
    def reads(self) -> tuple[str, ...]: ...

    def judge(self, row: Row) -> Iterator[tuple[str, bool]]:
        """Yield the features of which the tallies of a window can tell it, and whether they are absent."""
        ...


class Bin(NamedTuple):
    """A bin, and its share of the values in a window, and in the reference; NaN where there are none."""

    name: str
    share: float
    reference_share: float


class Pictures(Protocol):
    """What pictures of variables are drawn from; `reads` names the statistic it needs."""

    @property
    def reads(self) -> str: ...

    @property
    def of_features(self) -> bool:
        """Whether the variables are features, or the outputs of the model."""
        ...

    def bins(self, row: Row) -> Iterator[tuple[str, list[Bin]]]:
        """Yield each variable with those of its bins that are not empty on both sides."""
        ...

    def course(self, stack: Row) -> Mapping[str, list[float]]:
        """Return the PSI of each variable at several times, NaN for want of records; tallies have an axis for time."""
        ...
