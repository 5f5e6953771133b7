"""A committed snapshot as derived values, the status page and the schema log read it.

Sums over panes are computed on first use, and results that have several readers only once.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, wraps
from types import MethodType
from typing import Any, Generic, Protocol, TypeVar

from exporter.batch import Floats, SegmentSeries, Series
from exporter.state.snapshot import Snapshot
from exporter.stats import LabelNames, Statistic
from exporter.tallies import history
from exporter.tallies.tally import AnySeries, AnyTallies, S, StatisticArrays, Tally, add, base, of_kind
from exporter.tallies.vocabulary import CLASS_LABEL
from exporter.tallies.windows import Window

D = TypeVar("D")
T = TypeVar("T")

# By window and series, and by the number of the pane.
PanesByWindow = Mapping[tuple[str, AnySeries], Mapping[int, StatisticArrays]]


class WindowTallies(Generic[S]):
    """What a rolling window, such as "5m", contains of one series, or of one segment of a series.

    `panes` are its parts, and `names` the admitted values of labels. `judgements` are those of drift, by the name of a
    statistic. `weights` are those of outcomes, by predicted class; None for equal weights. `results` are those of
    `computed_once`.
    """

    def __init__(
        self,
        label: str,
        series: S,
        panes: Iterable[StatisticArrays],
        names: LabelNames,
        judgements: StatisticArrays | None = None,
        weights: Floats | None = None,
    ) -> None:
        self.label = label
        self.series = series
        self.names = names
        self.judgements = judgements or {}
        self.weights = weights
        self._panes = panes
        self._sums: dict[str, Floats] = {}
        self.results: dict[MethodType, Any] = {}

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the base labels and of `window`."""
        return (*self.series, self.label)

    @property
    def classes(self) -> tuple[str, ...]:
        """The admitted classes, in the order of tallies."""
        return self.names.get(CLASS_LABEL, ())

    def __getitem__(self, statistic: Statistic) -> Floats:
        """Return the sum of a statistic over the window; it is shared and must not be changed."""
        name = statistic.name
        if name not in self._sums:
            self._sums[name] = _sum((pane[name] for pane in self._panes if name in pane), statistic)
        return self._sums[name]

    def named(self, label: str) -> WindowTallies[S]:
        """Return the window with another label; it shares everything else."""
        window = copy.copy(self)
        window.label = label
        return window

    def weighted(self, weights: Floats | None) -> WindowTallies[S]:
        """Return the window with weights of outcomes; it shares everything else."""
        window = copy.copy(self)
        window.weights = weights
        return window

    def judged(self, judgements: Mapping[str, AnyTallies]) -> WindowTallies[S]:
        """Return the window with other judgements, by window and series; it shares everything else."""
        window = copy.copy(self)
        window.judgements = _of_window(judgements, self.label, self.series)
        return window


SeriesWindow = WindowTallies[Series]


class HasResults(Protocol):
    """A window or a view."""

    results: dict[MethodType, Any]


R = TypeVar("R", bound=HasResults)


def computed_once(method: Callable[[D, R], T]) -> Callable[[D, R], T]:
    """Make a method of a derived value compute its result once per window, or per view, for all callers."""

    @wraps(method)
    def shared(self: D, of: R) -> T:
        bound = MethodType(method, self)
        if bound not in of.results:
            of.results[bound] = method(self, of)
        result: T = of.results[bound]
        return result

    return shared


class View:
    """What a snapshot contains of some series of one model.

    `names` are the admitted values of labels, and `panes` those in view, by window and series. `outcome_window` is the
    one of half-days, if there is ground truth.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        rolling_windows: Sequence[Window],
        series: Sequence[Series],
        names: LabelNames,
        panes: PanesByWindow,
        outcome_window: Window | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.rolling_windows = rolling_windows
        self.series = series
        self.names = names
        self.outcome_window = outcome_window
        self.results: dict[MethodType, Any] = {}
        self._panes = panes

    @property
    def classes(self) -> tuple[str, ...]:
        """The admitted classes, in the order of tallies."""
        return self.names.get(CLASS_LABEL, ())

    @property
    def shortest(self) -> Window:
        return min(self.rolling_windows, key=lambda window: window.seconds)

    @property
    def longest(self) -> Window:
        return max(self.rolling_windows, key=lambda window: window.seconds)

    def totals(self, kind: type[S], statistic: Statistic) -> dict[S, Floats]:
        """Return the totals of a statistic since the start, of each series or segment of one that has been tallied."""
        rows = ((series, self.snapshot.totals[series]) for series in self._of_kind(kind))
        # A snapshot of another configuration may lack it.
        return {series: row[statistic.name] for series, row in rows if statistic.name in row}

    @cached_property
    def windows(self) -> tuple[SeriesWindow, ...]:
        """Each window of each series."""
        return self._windows(self.series)

    @cached_property
    def segments(self) -> tuple[WindowTallies[SegmentSeries], ...]:
        """Each window of each segment of a series."""
        return self._windows(self._of_kind(SegmentSeries))

    def past(self) -> Iterator[tuple[SeriesWindow, str, SeriesWindow]]:
        """Yield windows, how long ago they are compared with ("1d"), and what is remembered of them at that time."""
        windows = {window.labels: window for window in self.windows}
        for window in self.rolling_windows:
            quarters = self.snapshot.history.get(window.label, {})
            for ago, seconds in window.before:
                then = history.past(quarters, window, self.snapshot.time, seconds)
                for series in self.series:
                    if series in then:
                        tallies = WindowTallies(window.label, series, [then[series]], self.names)
                        yield windows[*series, window.label], ago, tallies

    def panes(self, window: Window, series: AnySeries) -> dict[int, StatisticArrays]:
        """Return the panes of a window that are in view, by number, in the order of time."""
        return dict(sorted(self._panes.get((window.label, series), {}).items()))

    def judged(self, snapshot: Snapshot) -> View:
        """Return the view of a snapshot with the same tallies and other judgements; sums and results are shared."""
        view = copy.copy(self)
        view.snapshot = snapshot
        view.results = {}
        view.windows = tuple(window.judged(snapshot.judgements) for window in self.windows)
        view.segments = tuple(window.judged(snapshot.judgements) for window in self.segments)
        return view

    def _windows(self, series: Sequence[S]) -> tuple[WindowTallies[S], ...]:
        return tuple(
            WindowTallies(
                window.label,
                each,
                self._panes.get((window.label, each), {}).values(),
                self.names,
                _of_window(self.snapshot.judgements, window.label, each),
            )
            for window in self.rolling_windows
            for each in series
        )

    def _of_kind(self, kind: type[S]) -> tuple[S, ...]:
        of_both: Sequence[AnySeries] = (*self.series, *self.segment_series)
        return tuple(series for series in of_both if isinstance(series, kind))

    @cached_property
    def segment_series(self) -> tuple[SegmentSeries, ...]:
        """The segments that have been tallied."""
        own = {*self.series}
        return tuple(series for series in of_kind(SegmentSeries, self.snapshot.totals) if base(series) in own)


def panes_in_view(snapshot: Snapshot, rolling_windows: Sequence[Window]) -> PanesByWindow:
    """Return the panes of a snapshot that are in view by window and series, and by number."""
    found: defaultdict[tuple[str, AnySeries], dict[int, StatisticArrays]] = defaultdict(dict)
    for window in rolling_windows:
        first = window.first_in_view(snapshot.time)
        for number, tallies in snapshot.windows.get(window.label, {}).items():
            for series, row in tallies.items() if number >= first else ():
                found[window.label, series][number] = row
    return found


def _of_window(judgements: Mapping[str, AnyTallies], label: str, series: AnySeries) -> StatisticArrays:
    return judgements.get(label, AnyTallies()).get(series, {})


def _sum(tallies: Iterable[Tally], statistic: Statistic) -> Floats:
    total = statistic.zero()
    for tally in tallies:
        if tally.shape == total.shape:
            total += tally  # the array is ours alone
        else:
            total = add(total, tally)
    return total
