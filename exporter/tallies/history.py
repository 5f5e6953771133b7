"""History: the past of a window in quarters of its length, as long as later windows are compared with it.

Only the tallies of a few statistics are kept, and none of segments. A quarter is complete once all its panes have
rolled out of the window.
"""

from collections.abc import Collection, Mapping

import numpy as np

from exporter.batch import Series
from exporter.tallies.tally import AnyTallies, TalliesBySeries, accumulate, merge, of_kind
from exporter.tallies.windows import PANES, Window

QUARTERS = 4
Quarters = Mapping[int, AnyTallies]


def quarter_of(pane: int) -> int:
    """Return the quarter that a pane is in."""
    return pane // (PANES // QUARTERS)


def remember(quarters: dict[int, AnyTallies], pane: int, tallies: AnyTallies, names: Collection[str]) -> None:
    """Add the tallies of the statistics in `names` to the quarter of a pane that has rolled out."""
    quarter = quarters.setdefault(quarter_of(pane), AnyTallies())
    for series, arrays in of_kind(Series, tallies).items():
        for name in names & arrays.keys():
            # The counts of many panes need a larger type than those of one.
            accumulate(quarter.setdefault(series, {}), name, arrays[name].astype(np.float64))


def forget(quarters: dict[int, AnyTallies], window: Window, now: float) -> None:
    """Remove quarters that are too old to be compared with at epoch time `now`."""
    oldest = _last_complete(window, now, max((seconds for _, seconds in window.before), default=0.0)) - QUARTERS
    for quarter in [quarter for quarter in quarters if quarter < oldest]:
        del quarters[quarter]


def past(quarters: Quarters, window: Window, now: float, seconds: float) -> TalliesBySeries:
    """Return the tallies of the window `seconds` ago, to a quarter of the window."""
    end = _last_complete(window, now, seconds) + 1
    return merge(of_kind(Series, quarters.get(quarter, AnyTallies())) for quarter in range(end - QUARTERS, end))


def _last_complete(window: Window, now: float, seconds: float) -> int:
    """Return the last quarter that had ended `seconds` ago."""
    return int((now - seconds) // (window.seconds / QUARTERS)) - 1
