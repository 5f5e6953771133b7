"""What tallies mean: pure functions of counts, one file for one of them, and the gauges they are told in.

Nothing here keeps anything. What windows hold is counted by `stats`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from exporter.batch import SegmentSeries, Series
from exporter.families import Family
from exporter.tallies.tally import StatisticArrays, TalliesBySeries, Tally


class Derived(Protocol):
    """What rolling tallies mean: a gauge a window."""

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        """Return metric families; `windows` holds the tallies of each window by its label."""
        ...


class DerivedOfClasses(Protocol):
    """What rolling tallies mean that are by class."""

    def collect(self, windows: Mapping[str, TalliesBySeries], classes: Sequence[str]) -> Iterator[Family]:
        """Return metric families; `classes` are the names of the classes admitted, in the order of tallies."""
        ...


class DerivedOfPast(Protocol):
    """What rolling tallies mean beside those of before."""

    def collect(
        self, windows: Mapping[str, TalliesBySeries], past: Mapping[tuple[str, str], TalliesBySeries]
    ) -> Iterator[Family]:
        """Return metric families; `past` holds what windows held before, by their label and how long before."""
        ...


class DerivedOfPanes(Protocol):
    """What the panes of the longest window mean; `reads` names the statistic."""

    @property
    def reads(self) -> str: ...

    def collect(self, panes: Mapping[Series, Sequence[Tally]], classes: Sequence[str]) -> Iterator[Family]:
        """Return metric families; `panes` holds the tallies of those that are in view, in the order of time."""
        ...


class DerivedOfSegments(Protocol):
    """What rolling tallies of segments mean."""

    def collect(self, windows: Mapping[str, Mapping[SegmentSeries, StatisticArrays]]) -> Iterator[Family]:
        """Return metric families; `windows` holds the tallies of each window by its label."""
        ...


class Judge(Protocol):
    """What tells of a window whether features are absent from it; `reads` names the statistics it needs."""

    @property
    def reads(self) -> tuple[str, ...]: ...

    def judge(self, row: StatisticArrays) -> Iterator[tuple[str, bool]]:
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

    def bins(self, row: StatisticArrays) -> Iterator[tuple[str, list[Bin]]]:
        """Yield each variable with those of its bins that are not empty on both sides."""
        ...

    def course(self, stack: StatisticArrays) -> Mapping[str, list[float]]:
        """Return the PSI of each variable at several times, NaN for want of records; tallies have an axis for time."""
        ...
