"""The parts of what is computed, as they are put together."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporter.derived import (
    Derived,
    DerivedOfClasses,
    DerivedOfPanes,
    DerivedOfPast,
    DerivedOfSegments,
    Judge,
    Pictures,
)
from exporter.exposition.collector import Segmented
from exporter.stats import Scoped, Statistic


@dataclass
class Measures:
    """What is computed: the statistics, what is derived from them, and what of both is told of segments too.

    `tallied` are the statistics of segments, of which `of_segments` are shown. `remembered` names those of which
    `changes` reads what has rolled out of a window.
    """

    statistics: list[Statistic]
    derived: list[Derived]
    of_segments: list[Scoped]
    derived_of_segments: list[DerivedOfSegments]
    tallied: list[Statistic]
    judge: Judge | None = None
    changes: DerivedOfPast | None = None
    remembered: frozenset[str] = frozenset()
    of_classes: list[DerivedOfClasses] = field(default_factory=list)
    of_panes: list[DerivedOfPanes] = field(default_factory=list)
    pictures: list[Pictures] = field(default_factory=list)

    @property
    def segmented(self) -> Segmented:
        return Segmented(self.of_segments, self.derived_of_segments, self.tallied)
