"""Views to test derived values with: windows that contain given tallies."""

from collections.abc import Mapping, Sequence
from typing import Any

from exporter.derived.view import View, WindowTallies, panes_in_view
from exporter.state.snapshot import ModelLabels, Snapshot
from exporter.tallies.tally import StatisticArrays, base
from exporter.tallies.windows import Window
from exporter.units import Duration
from tests.records import DEFAULT, NOW


def view_of(
    windows: Mapping[str, Mapping[Any, StatisticArrays]], names: Mapping[str, Sequence[str]] | None = None
) -> View:
    """Return a view of windows, by label, whose only pane has these tallies by series."""
    rolling = [Window(label, Duration.parse(label).seconds) for label in windows]
    snapshot = Snapshot(
        time=NOW,
        totals={series: {} for tallies in windows.values() for series in tallies},
        windows={window.label: {window.first_in_view(NOW) + 1: dict(windows[window.label])} for window in rolling},
        labels={DEFAULT.model_name: ModelLabels({label: tuple(values) for label, values in (names or {}).items()})},
    )
    return whole(snapshot, rolling)


def whole(snapshot: Snapshot, rolling: Sequence[Window]) -> View:
    """Return a view of a whole snapshot, whose series are of one model."""
    names = next(iter(snapshot.labels.values())).names
    return View(
        snapshot, rolling, [*dict.fromkeys(map(base, snapshot.totals))], names, panes_in_view(snapshot, rolling)
    )


def window_of(row: StatisticArrays) -> WindowTallies[Any]:
    """Return a window with these tallies."""
    return WindowTallies("5m", DEFAULT, [row], {})
