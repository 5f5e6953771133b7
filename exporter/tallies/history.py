"""History: what has rolled out of a window, kept in quarters of it for as long as later ones are compared with it.

Only the tallies of a few statistics are kept, and none of segments. A quarter is whole once all its panes have rolled
out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from exporter.batch import Series
from exporter.tallies.tally import AnyTallies, TalliesBySeries, accumulate, merge, of_kind
from exporter.tallies.windows import PANES, Window

QUARTERS = 4
Quarters = Mapping[int, AnyTallies]


def quarter_of(pane: int) -> int:
    """Return the quarter that a pane is in."""
    return pane // (PANES // QUARTERS)


def remember(quarters: dict[int, AnyTallies], pane: int, tallies: AnyTallies, names: Collection[str]) -> None:
    """Add a pane that has rolled out to its quarter: what it holds of the statistics in `names`."""
    held = quarters.setdefault(quarter_of(pane), {})
    for series, row in of_kind(Series, tallies).items():
        for name in names & row.keys():
            accumulate(held.setdefault(series, {}), name, row[name])


def forget(quarters: dict[int, AnyTallies], window: Window, now: float) -> None:
    """Forget what is too old to be compared with at epoch time `now`."""
    oldest = _last_whole(window, now, max((seconds for _, seconds in window.before), default=0.0)) - QUARTERS
    for quarter in [quarter for quarter in quarters if quarter < oldest]:
        del quarters[quarter]


def past(quarters: Quarters, window: Window, now: float, seconds: float) -> TalliesBySeries:
    """Return what the window held `seconds` ago, to a quarter of it."""
    last = _last_whole(window, now, seconds)
    return merge(of_kind(Series, quarters.get(quarter, {})) for quarter in range(last - QUARTERS + 1, last + 1))


def _last_whole(window: Window, now: float, seconds: float) -> int:
    """Return the last quarter that had ended `seconds` ago."""
    return int((now - seconds) // (window.seconds / QUARTERS)) - 1
