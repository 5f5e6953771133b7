"""The tallies of all statistics, by series and segment: totals since the start, and the panes of windows."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain

from exporter.batch import LOGGED, Batch, Reads, SegmentSeries, Series
from exporter.engine.plan import ModelPlan, Plan
from exporter.state.snapshot import Snapshot, TalliesByWindow
from exporter.stats import Statistic
from exporter.store_error import StoreError
from exporter.tallies.grouping import Group, grouped, parts, split
from exporter.tallies.history import forget, remember
from exporter.tallies.tally import (
    AnySeries,
    AnyTallies,
    StatisticArrays,
    Tally,
    accumulate,
    base,
    compact,
    copy,
    subtract,
)
from exporter.tallies.windows import Window

# In all tallies of a batch.
MAX_CELLS = 2_000_000

# Arrays to add to, and the names of the statistics that they have, if not all.
Target = tuple[StatisticArrays, frozenset[str] | None]
Targets = Callable[[Sequence[Group], float], list[list[Target]]]
Change = Callable[[StatisticArrays, str, Tally], None]


class Panes:
    """Tallies by window and pane. `remembered` names the statistics that are kept when they roll out of a window.

    Only windows that are compared with their past have a history.
    """

    def __init__(
        self, windows: Sequence[Window], remembered: Collection[str], panes: TalliesByWindow, history: TalliesByWindow
    ) -> None:
        self._windows = windows
        self._remembered = frozenset(remembered)
        self._panes = _copy({window.label: panes.get(window.label, {}) for window in windows})
        self._history = _copy({window.label: history.get(window.label, {}) for window in windows if window.before})

    @property
    def panes(self) -> TalliesByWindow:
        """The panes of each window, which later tallies do not change."""
        return _copy(self._panes)

    @property
    def history(self) -> TalliesByWindow:
        """The quarters of each window's past, which later tallies do not change."""
        return _copy(self._history)

    @property
    def tallies(self) -> Iterator[AnyTallies]:
        """The tallies of every pane and quarter."""
        for by_number in (*self._panes.values(), *self._history.values()):
            yield from by_number.values()

    def arrays(self, window: Window, pane: int, series: AnySeries) -> StatisticArrays:
        """Return the arrays of a series in a pane, to be added to."""
        panes = self._panes[window.label]
        if pane not in panes:
            # Older panes hardly grow any more.
            for tallies in panes.values():
                compact(tallies)
            panes[pane] = AnyTallies()
        return panes[pane].setdefault(series, {})

    def settle(self, now: float) -> None:
        """Remove what is out of view at epoch time `now`."""
        for window in self._windows:
            panes, first = self._panes[window.label], window.first_in_view(now)
            for pane in [pane for pane in panes if pane < first]:
                if window.before:
                    remember(self._history[window.label], pane, panes[pane], self._remembered)
                del panes[pane]
            if window.before:
                forget(self._history[window.label], window, now)


class TallyStore:
    """Tallies by a plan, starting from a snapshot. Every series has a tally of each statistic.

    `plan_of` returns what is counted of a series. `known_series` exist from the start, and every series has tallies of
    its `known_segments`, by name and value. Raises StoreError if the snapshot has tallies of another shape, which their
    statistics could not add to.
    """

    def __init__(
        self,
        plan: Plan,
        state: Snapshot,
        plan_of: Callable[[Series], ModelPlan],
        known_series: Iterable[Series],
        known_segments: Callable[[Series], Collection[tuple[str, str]]],
    ) -> None:
        self._windows = plan.windows
        self._plan_of = plan_of
        self._known_segments = known_segments
        _check_shapes(plan_of, state)
        self._totals = copy(state.totals)
        self.panes = Panes(plan.windows, plan.remembered, state.windows, state.history)
        for series in (*known_series, *state.totals):
            self._add_series(series)

    @property
    def totals(self) -> AnyTallies:
        """All tallies since the start, which later tallies do not change."""
        return copy(self._totals)

    def accept(self, batch: Batch, now: float, reads: Sequence[Reads] = LOGGED) -> None:
        """Add records of one plan, which arrived at epoch time `now`, to the statistics that read such records."""
        self._change(batch, now, reads, partial(self._targets, has_totals=True), accumulate)

    def revise(self, before: Batch, after: Batch, now: float) -> None:
        """Replace outcomes in windows; the totals, which must not step back, stay as they are."""
        targets = partial(self._targets, has_totals=False)
        self._change(before, now, ("outcomes",), targets, subtract)
        self._change(after, now, ("outcomes",), targets, accumulate)

    def _change(self, batch: Batch, now: float, reads: Sequence[Reads], targets: Targets, change: Change) -> None:
        plan = self._plan_of(batch.series.names[batch.series.codes[0]])
        batch, groups = grouped(batch, self._windows, now)
        self._tally(_reading(reads, plan.statistics), reads, batch, groups, now, targets, change)
        segmented = _reading(reads, plan.segmented)
        for segment, values in zip(plan.segments, batch.segments, strict=True):
            of_values = split(batch, groups, segment.name, values)
            self._tally(segmented, reads, *of_values, now, targets, change)

    def forget(self, gone: Collection[Series]) -> None:
        """Forget series and their segments."""
        for tallies in (self._totals, *self.panes.tallies):
            for series in [series for series in tallies if base(series) in gone]:
                del tallies[series]

    def _tally(
        self,
        statistics: Sequence[Statistic],
        reads: Sequence[Reads],
        batch: Batch,
        groups: Sequence[Group],
        now: float,
        targets: Targets,
        change: Change,
    ) -> None:
        """Change the targets of a batch's groups by its tallies."""
        for series in dict.fromkeys(group.series for group in groups):
            if series not in self._totals:
                self._add_series(series)
        cells = sum(statistic.zero().size for statistic in statistics)
        for part, some in parts(batch, groups, max(1, MAX_CELLS // max(1, cells))):
            _apply(change, statistics, {kind: part.read_as(kind) for kind in reads}, targets(some, now))

    def _targets(self, groups: Sequence[Group], now: float, *, has_totals: bool) -> list[list[Target]]:
        """Return what each group is added to: its series' totals, and its panes that are in view.

        Windows of some statistics have tallies of protected segments only.
        """
        targets: list[list[Target]] = [[(self._totals[group.series], None)] if has_totals else [] for group in groups]
        for index, window in enumerate(self._windows):
            first, some = window.first_in_view(now), window.statistics
            for group, of_group in zip(groups, targets, strict=True):
                if group.panes[index] >= first and (some is None or self._is_in_all_windows(group.series)):
                    of_group.append((self.panes.arrays(window, group.panes[index], group.series), some))
        return targets

    def _is_in_all_windows(self, series: AnySeries) -> bool:
        return series.segment is None or series.segment in self._plan_of(base(series)).protected

    def _add_series(self, series: AnySeries) -> None:
        """Add the zero of each statistic that a series has no total of; and those of its known segments."""
        arrays = self._totals.setdefault(series, {})
        plan = self._plan_of(base(series))
        for statistic in plan.statistics if isinstance(series, Series) else plan.segmented:
            if statistic.name not in arrays:
                arrays[statistic.name] = statistic.zero()
        if isinstance(series, Series):
            for segment in self._known_segments(series):
                self._add_series(SegmentSeries(*series, *segment))


def _check_shapes(plan_of: Callable[[Series], ModelPlan], state: Snapshot) -> None:
    @cache
    def shapes_of(series: Series) -> dict[str, tuple[int, ...]]:
        plan = plan_of(series)
        return {statistic.name: statistic.zero().shape for statistic in (*plan.statistics, *plan.segmented)}

    by_pane = chain.from_iterable(panes.values() for panes in (*state.windows.values(), *state.history.values()))
    for tallies in (state.totals, *by_pane):
        for series, arrays in tallies.items():
            shapes = shapes_of(base(series))
            for name, tally in arrays.items():
                # The last axis of a statistic of labels grows from 0.
                *outer, last = shapes.get(name, tally.shape or (0,))
                if tally.ndim == 0 or [*tally.shape[:-1]] != outer or last not in (0, tally.shape[-1]):
                    reason = f"tallies of {name} in the checkpoint have another shape"
                    raise StoreError(f"{reason}; move it away to start counters at zero")


def _reading(reads: Sequence[Reads], statistics: Iterable[Statistic]) -> list[Statistic]:
    return [statistic for statistic in statistics if statistic.reads in reads]


def _apply(
    change: Change, statistics: Sequence[Statistic], read: Mapping[Reads, Batch], targets: Sequence[Sequence[Target]]
) -> None:
    for statistic in statistics:
        records = read[statistic.reads]
        if not len(records):
            continue
        for of_group, added in zip(targets, statistic.tally(records), strict=True):
            for arrays, some in of_group:
                if some is None or statistic.name in some:
                    change(arrays, statistic.name, added)


def _copy(by_window: TalliesByWindow) -> dict[str, dict[int, AnyTallies]]:
    return {
        label: {number: copy(tallies) for number, tallies in by_number.items()}
        for label, by_number in by_window.items()
    }
