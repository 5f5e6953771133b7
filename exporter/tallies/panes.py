"""The panes of all windows: what each holds now, and of what has rolled out of it what it is compared with later."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from exporter.tallies import history
from exporter.tallies.tally import AnySeries, AnyTallies, StatisticArrays, compact, copy, only
from exporter.tallies.windows import Window

# By a window's label, and the number of a pane, or of a quarter of the window.
ByWindow = Mapping[str, Mapping[int, AnyTallies]]


class Panes:
    """`remembered` names the statistics that are kept of what has rolled out of a window that has a `before`."""

    def __init__(
        self, windows: Sequence[Window], remembered: Collection[str], held: ByWindow, rolled_out: ByWindow
    ) -> None:
        self._windows = windows
        self._remembered = frozenset(remembered)
        self._held = _copy({window.label: held.get(window.label, {}) for window in windows})
        self._rolled_out = _copy(
            {window.label: rolled_out.get(window.label, {}) for window in windows if window.before}
        )

    def adopted(self, windows: Sequence[Window], remembered: Collection[str], kept: Collection[str]) -> Panes:
        """Return those that go on with other windows: of windows that are as before, the statistics that are `kept`."""
        before = {(window.label, window.seconds) for window in self._windows}
        same = {window.label for window in windows if (window.label, window.seconds) in before}
        held, rolled_out = (
            {
                label: {number: only(kept, tallies) for number, tallies in by_number.items()}
                for label, by_number in by_window.items()
                if label in same
            }
            for by_window in (self._held, self._rolled_out)
        )
        return Panes(windows, remembered, held, rolled_out)

    def row(self, window: Window, pane: int, series: AnySeries) -> StatisticArrays:
        """Return what a pane holds of a series, or of a segment of one, to be added to."""
        panes = self._held[window.label]
        if pane not in panes:
            # What came before it hardly grows any more.
            for tallies in panes.values():
                compact(tallies)
            panes[pane] = {}
        return panes[pane].setdefault(series, {})

    def settle(self, now: float) -> None:
        """Let go of what is out of view at epoch time `now`."""
        for window in self._windows:
            panes, first = self._held[window.label], window.first_in_view(now)
            for pane in [pane for pane in panes if pane < first]:
                if window.before:
                    history.remember(self._rolled_out[window.label], pane, panes[pane], self._remembered)
                del panes[pane]
            if window.before:
                history.forget(self._rolled_out[window.label], window, now)

    @property
    def held(self) -> ByWindow:
        """What each window holds, which later tallies do not change."""
        return _copy(self._held)

    @property
    def rolled_out(self) -> ByWindow:
        """What is remembered of each window, which later tallies do not change."""
        return _copy(self._rolled_out)


def _copy(by_window: ByWindow) -> dict[str, dict[int, AnyTallies]]:
    return {
        label: {number: copy(tallies) for number, tallies in by_number.items()}
        for label, by_number in by_window.items()
    }
