"""The course of a window: what it held at times before, from the panes of the next longer window.

So it takes no memory of its own, and is there after a restart. Of the longest window it is that of a fifth of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from exporter.batch import Floats, Ints, Series
from exporter.state.snapshot import Snapshot
from exporter.tallies.tally import StatisticArrays, Tally
from exporter.tallies.windows import PANES, Window

# Every second pane is the end of a point, so that there are 30 at most.
STEP = 2
PART_OF_LONGEST = 5


@dataclass(frozen=True, slots=True)
class Course:
    """`stacks` hold tallies by series and statistic, shape (points, *its own).

    A point holds the `seconds` before its one of `times`; `over` is the label of the window that all lie in.
    """

    over: str = ""
    times: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    stacks: Mapping[Series, StatisticArrays] = field(default_factory=dict)


def course(snapshot: Snapshot, windows: Sequence[Window], window: Window, names: Collection[str]) -> Course:
    """Return how the tallies of some statistics went in a window."""
    longer = min((other for other in windows if other.seconds > window.seconds), key=_seconds, default=window)
    pane_seconds = longer.seconds / PANES
    span = PANES // PART_OF_LONGEST if longer is window else max(1, round(window.seconds / pane_seconds))
    ends = np.arange(PANES, span - 1, -STEP)[::-1]
    first = longer.first_in_view(snapshot.time)
    times = np.minimum((first + ends) * pane_seconds, snapshot.time)
    panes: list[dict[Series, list[StatisticArrays]]] = [{} for _ in range(PANES)]
    series: dict[Series, None] = {}
    for number, tallies in snapshot.windows.get(longer.label, {}).items():
        if number >= first:
            # What is dated ahead is in view too.
            at = panes[min(number - first, PANES - 1)]
            for key, row in tallies.items():
                if isinstance(key, Series):
                    series[key] = None
                    at.setdefault(key, []).append(row)
    stacks: dict[Series, StatisticArrays] = {key: {} for key in series}
    for key, row in stacks.items():
        for name in names:
            held = [[tallies[name] for tallies in pane.get(key, ()) if name in tallies] for pane in panes]
            if any(held):
                row[name] = _rolled(held, ends, span)
    starts = (first + ends - span) * pane_seconds
    return Course(longer.label, tuple(times.tolist()), tuple((times - starts).tolist()), stacks)


def begin(snapshot: Snapshot, windows: Sequence[Window], series: Series, names: Collection[str]) -> float:
    """Return when the first record came, in epoch seconds and to a pane, or -inf where no window still holds it."""

    def records(rows: Collection[StatisticArrays]) -> float:
        return float(sum(row[name].sum() for row in rows for name in names if name in row))

    total = records([snapshot.totals[series]])
    for window in sorted(windows, key=_seconds):
        held = {
            number: tallies[series]
            for number, tallies in snapshot.windows.get(window.label, {}).items()
            if series in tallies
        }
        if held and records(held.values()) == total:
            return min(held) * window.seconds / PANES
    return -np.inf


def _rolled(panes: Sequence[Sequence[Tally]], ends: Ints, span: int) -> Floats:
    """Return the sums of `span` panes up to each end; a pane has some tallies, of which the shorter are filled up."""
    *outer, width = max((tally.shape for pane in panes for tally in pane), key=lambda shape: shape[-1])
    total = np.zeros((len(panes) + 1, *outer, width))
    for at, pane in enumerate(panes, start=1):
        for tally in pane:
            total[at, ..., : tally.shape[-1]] += tally
    np.cumsum(total, axis=0, out=total)
    rolled: Floats = total[ends] - total[ends - span]
    return rolled


def _seconds(window: Window) -> float:
    return window.seconds
