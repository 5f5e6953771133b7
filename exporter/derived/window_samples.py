"""Window samples: how many predictions, or outcomes, each rolling window holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.families import Family, GaugeFamily
from exporter.stats import SERIES, Scope
from exporter.tallies.tally import S, StatisticArrays


@dataclass(frozen=True)
class WindowSamples:
    """A gauge of what a window holds; `counted` names the statistic whose tally sums to the number of it."""

    counted: str
    scope: Scope = SERIES
    metric: str = "model_window_samples"
    help: str = "Predictions that a rolling window holds."

    def collect(self, windows: Mapping[str, Mapping[S, StatisticArrays]]) -> Iterator[Family]:
        family = GaugeFamily(
            self.scope.name(self.metric),
            self.help,
            (*self.scope.labels, "window"),
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                family.add((*series, label), row[self.counted].sum())
        yield family
