"""Window samples: how many predictions or outcomes a window contains, and how many predictions have ground truth."""

import math
from dataclasses import dataclass
from typing import Any

from exporter.derived.gauges import per_window
from exporter.derived.view import SeriesWindow, View, WindowTallies
from exporter.families import Families
from exporter.stats import SEGMENTS, SERIES, Scope, Statistic


@dataclass(frozen=True)
class WindowSamples:
    """The number of samples in a window, which is the sum of the tally of `counted`."""

    counted: Statistic
    scope: Scope = SERIES
    metric: str = "model_window_samples"
    help: str = "Predictions that a rolling window holds."

    def count(self, window: WindowTallies[Any]) -> float:
        """Return the number of samples in a window."""
        return float(window[self.counted].sum())

    def collect(self, view: View) -> Families:
        windows: tuple[WindowTallies[Any], ...] = view.segments if self.scope == SEGMENTS else view.windows
        yield per_window(self.scope.name(self.metric), self.help, windows, self.count, self.scope)


@dataclass(frozen=True)
class Coverage:
    """`model_ground_truth_coverage`; the tallies of `predictions` and `labelled` sum to the number of either."""

    predictions: Statistic
    labelled: Statistic

    def share(self, window: SeriesWindow) -> float:
        """Return the share of a window's predictions whose ground truth has arrived; NaN without predictions."""
        predictions = window[self.predictions].sum()
        return float(window[self.labelled].sum() / predictions) if predictions else math.nan

    def collect(self, view: View) -> Families:
        yield per_window(
            "model_ground_truth_coverage",
            "Share of the predictions made in a window that have their ground truth.",
            view.windows,
            self.share,
        )
