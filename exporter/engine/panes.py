"""The panes of all windows: what each window contains, and what later windows are compared with."""

from collections.abc import Collection, Sequence

from exporter.state.snapshot import TalliesByWindow
from exporter.tallies.history import forget, remember
from exporter.tallies.tally import AnySeries, AnyTallies, StatisticArrays, compact, copy
from exporter.tallies.windows import Window


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


def _copy(by_window: TalliesByWindow) -> dict[str, dict[int, AnyTallies]]:
    return {
        label: {number: copy(tallies) for number, tallies in by_number.items()}
        for label, by_number in by_window.items()
    }
