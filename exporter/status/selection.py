"""What the status document shows: one window of one model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from exporter.batch import Series
from exporter.derived import Measures
from exporter.derived.thresholds import Thresholds
from exporter.derived.view import View, WindowTallies
from exporter.status.sparkline import Sparkline
from exporter.tallies.windows import Window


@dataclass(frozen=True)
class Selection:
    """One model's window of a view, and the points of its sparklines."""

    measures: Measures
    view: View
    window: Window
    tallies: WindowTallies[Series]
    sparkline: Sparkline

    @property
    def series(self) -> Series:
        return self.tallies.series

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """The limits that alerts compare with, by metric."""
        return dict(self.measures.one(Thresholds).limits)


def ratio(part: float, whole: float) -> float:
    """Return part / whole, or NaN if the whole is 0."""
    return part / whole if whole else float("nan")
