"""Window samples: how many predictions or outcomes each rolling window contains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.derived.view import View, WindowTallies
from exporter.families import Family, GaugeFamily
from exporter.stats import SEGMENTS, SERIES, Scope, Tallied
from exporter.tallies.tally import S


@dataclass(frozen=True)
class WindowSamples:
    """The number of samples in a window, which is the sum of the tally of `counted`."""

    counted: Tallied
    scope: Scope = SERIES
    metric: str = "model_window_samples"
    help: str = "Predictions that a rolling window holds."

    def count(self, window: WindowTallies[S]) -> float:
        """Return the number of samples in a window."""
        return float(window[self.counted].sum())

    def collect(self, view: View) -> Iterator[Family]:
        family = GaugeFamily(self.scope.name(self.metric), self.help, (*self.scope.labels, "window"))
        windows: Sequence[WindowTallies[Any]] = view.segments if self.scope == SEGMENTS else view.windows
        for window in windows:
            family.add(window.labels, self.count(window))
        yield family
