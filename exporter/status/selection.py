"""What the status document shows: one window of one model, with sparklines of what that window contained earlier.

Sparklines are made of the panes of the next longer window, so they need no memory of their own and survive a restart.
Those of the longest window show a fifth of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from exporter.batch import Floats, Series
from exporter.derived import Measures
from exporter.derived.context import FeatureThresholds, Thresholds
from exporter.derived.drift import Drift
from exporter.derived.judged_outcomes import LATEST, OutcomeJudge
from exporter.derived.view import SeriesWindow, View
from exporter.stats import Statistic
from exporter.stats.label_counts import LabelCounts
from exporter.stats.variable_kind import FEATURES
from exporter.tallies.tally import StatisticArrays
from exporter.tallies.windows import PANES, Window

# A point ends with every second pane, so that there are at most 30.
STEP = 2
PART_OF_LONGEST = 5
# A window of a model without a reference has enough records from here.
FEWEST_REQUESTS = 100
PSI_LIMIT = "feature_drift_psi"


class SparklineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The times of all sparklines, which lie in the window `over`; each value covers the `seconds` before its time."""

    over: str
    times: list[float]
    seconds: list[float]


class Sparkline:
    """The points of a window's sparklines."""

    def __init__(self, rolling_windows: Sequence[Window], window: Window, now: float) -> None:
        longer = [other for other in rolling_windows if other.seconds > window.seconds]
        self.over = min(longer, key=lambda other: other.seconds, default=window)
        pane_seconds = self.over.seconds / PANES
        self._first = self.over.first_in_view(now)
        self._span = max(1, round(window.seconds / pane_seconds)) if longer else PANES // PART_OF_LONGEST
        self._ends = np.arange(PANES, self._span - 1, -STEP)[::-1]
        self.times: Floats = np.minimum((self._first + self._ends) * pane_seconds, now)
        self.seconds: Floats = self.times - (self._first + self._ends - self._span) * pane_seconds

    @property
    def status(self) -> SparklineStatus:
        return SparklineStatus(over=self.over.label, times=self.times.tolist(), seconds=self.seconds.tolist())

    def sums(self, panes: Mapping[int, StatisticArrays], statistic: Statistic) -> Floats | None:
        """Return the sum of a statistic at each point, shape (points, ...); None if no pane is in view.

        `panes` are those of the window `over`.
        """
        tallies = {number: row[statistic.name] for number, row in panes.items() if statistic.name in row}
        if not tallies:
            return None
        *outer, width = max((tally.shape for tally in tallies.values()), key=lambda shape: shape[-1])
        total = np.zeros((PANES + 1, *outer, width))
        for number, tally in tallies.items():
            # Records with a time in the future belong to the last pane.
            total[min(number - self._first, PANES - 1) + 1, ..., : tally.shape[-1]] += tally
        np.cumsum(total, axis=0, out=total)
        sums: Floats = total[self._ends] - total[self._ends - self._span]
        return sums

    def windows(self, view: View, series: Series) -> list[SeriesWindow]:
        """Return what the window contained of a series at each point."""
        panes = view.panes(self.over, series)
        # Records with a time in the future belong to the last pane.
        last = self._first + PANES - 1
        return [
            SeriesWindow(
                self.over.label,
                series,
                [row for number, row in panes.items() if end - self._span <= min(number, last) - self._first < end],
                view.names,
            )
            for end in self._ends.tolist()
        ]


@dataclass(frozen=True)
class Selection:
    """One model's window of a view, and the points of its sparklines."""

    measures: Measures
    view: View
    window: Window
    tallies: SeriesWindow
    sparkline: Sparkline

    @property
    def series(self) -> Series:
        return self.tallies.series

    def counts(self, column: str) -> dict[str, float]:
        """Return the number of records in the window by value of a column that LabelCounts count."""
        statistic = self.measures.one(LabelCounts, column=column)
        return statistic.counts(self.tallies[statistic], self.view.names)

    def sums(self, statistic: Statistic) -> Floats | None:
        """Return the sum of a statistic at each point of the sparklines; None if nothing is in view."""
        return self.sparkline.sums(self.view.panes(self.sparkline.over, self.series), statistic)

    @cached_property
    def outcomes(self) -> SeriesWindow | None:
        """The window if its outcomes are judged, else the latest that is judged; None if there is none."""
        judge = self.measures.find(OutcomeJudge)
        windows = {each.labels: each for each in judge.windows(self.view)} if judge else {}
        return windows.get(self.tallies.labels) or windows.get((*self.series, LATEST))

    @cached_property
    def past_windows(self) -> list[SeriesWindow]:
        """What the window contained at each point of the sparklines."""
        return self.sparkline.windows(self.view, self.series)

    @property
    def has_enough_records(self) -> bool:
        """Whether the drift of a feature is judged in the window; without a reference, whether it has 100 requests."""
        drift = self.measures.find(Drift, kind=FEATURES)
        if drift is not None:
            return not np.isnan(drift.levels(self.tallies)).all()
        return sum(map(sum, (self.counts(column).values() for column in ("prediction", "error")))) >= FEWEST_REQUESTS

    def limit(self, feature: str) -> float:
        """Return the PSI from which the drift of a feature is major."""
        own = self.measures.find(FeatureThresholds)
        limits = own.limits.get(feature, {}) if own else {}
        return limits.get(PSI_LIMIT, self.thresholds[PSI_LIMIT])

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """The limits that alerts compare with, by metric."""
        return dict(self.measures.one(Thresholds).limits)


def ratio(part: float, whole: float) -> float:
    """Return part / whole, or NaN if the whole is 0."""
    return part / whole if whole else float("nan")
