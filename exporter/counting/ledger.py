"""The ledger: the tallies of all statistics, for each series and segment, in total and by the panes of windows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from exporter.batch import LOGGED, Batch, Reads, SegmentSeries, Series
from exporter.counting.plan import Plan
from exporter.stats import Statistic
from exporter.tallies.grouping import Group, grouped, parts, split
from exporter.tallies.panes import Panes
from exporter.tallies.snapshot import Snapshot
from exporter.tallies.tally import AnySeries, AnyTallies, StatisticArrays, accumulate, copy, only

# Of all tallies of a batch.
MOST_CELLS = 2_000_000


class Ledger:
    """Tallies by a plan. `segments` tells the name and value of each segment that every series has a tally of."""

    def __init__(self, plan: Plan, state: Snapshot, segments: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._totals: AnyTallies = copy(state.totals)
        self.panes = Panes(plan.windows, plan.remembered, state.windows, state.history)
        self._known_segments = segments
        self._begin(plan)

    def adopt(self, plan: Plan, kept: Collection[str]) -> None:
        """Go on by another plan; what is not `kept` begins at zero."""
        self._totals = only(kept, self._totals)
        self.panes = self.panes.adopted(plan.windows, plan.remembered, kept)
        self._begin(plan)

    def _begin(self, plan: Plan) -> None:
        self._plan = plan
        cells = sum(statistic.zero().size for statistic in plan.statistics)
        self._most_groups = max(1, MOST_CELLS // max(1, cells))

    def begin(self, known: Iterable[Series]) -> None:
        """Give each known series, and each that there is, a tally of every statistic."""
        for series in known:
            self._row(series)
        for any_series in list(self._totals):
            self._row(any_series)

    @property
    def totals(self) -> AnyTallies:
        """All since the start, which later tallies do not change."""
        return copy(self._totals)

    def add(self, batch: Batch, now: float, reads: Sequence[Reads] = LOGGED) -> None:
        """Add what the statistics that read such records make of a batch that came at epoch time `now`."""
        batch, groups = grouped(batch, self._plan.windows, now)
        self._tally(_reading(reads, self._plan.statistics), reads, batch, groups, now)
        segmented = _reading(reads, self._plan.segmented)
        for segment, values in zip(self._plan.segments, batch.segments, strict=True):
            self._tally(segmented, reads, *split(batch, groups, segment.name, values), now)

    def _tally(
        self,
        statistics: Sequence[Statistic],
        reads: Sequence[Reads],
        batch: Batch,
        groups: Sequence[Group],
        now: float,
    ) -> None:
        """Add what each statistic makes of the batch to the totals and to each window's pane."""
        for series in dict.fromkeys(group.series for group in groups):
            if series not in self._totals:
                self._row(series)
        for part, some in parts(batch, groups, self._most_groups):
            _add(statistics, {kind: part.read_as(kind) for kind in reads}, self._rows(some, now))

    def _rows(self, groups: Sequence[Group], now: float) -> list[list[StatisticArrays]]:
        """Return what each group is added to: its series' totals, and its panes that are in view."""
        rows = [[self._totals[group.series]] for group in groups]
        for index, window in enumerate(self._plan.windows):
            first = window.first_in_view(now)
            for group, held in zip(groups, rows, strict=True):
                if group.panes[index] >= first:
                    held.append(self.panes.row(window, group.panes[index], group.series))
        return rows

    def _row(self, series: AnySeries) -> None:
        """Give a series a tally of every statistic, at zero where there is none, and its known segments too."""
        row = self._totals.setdefault(series, {})
        for statistic in self._plan.statistics if isinstance(series, Series) else self._plan.segmented:
            if statistic.name not in row:
                row[statistic.name] = statistic.zero()
        if isinstance(series, Series):
            for segment in self._known_segments():
                self._row(SegmentSeries(*series, *segment))


def _reading(reads: Sequence[Reads], statistics: Iterable[Statistic]) -> list[Statistic]:
    return [statistic for statistic in statistics if statistic.reads in reads]


def _add(
    statistics: Sequence[Statistic], read: Mapping[Reads, Batch], rows: Sequence[Sequence[StatisticArrays]]
) -> None:
    for statistic in statistics:
        records = read[statistic.reads]
        if not len(records):
            continue
        for held, added in zip(rows, statistic.tally(records), strict=True):
            for row in held:
                accumulate(row, statistic.name, added)
