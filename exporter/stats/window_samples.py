"""Window samples: how many predictions each rolling window holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from exporter.stats import SERIES, Scope
from exporter.tally import Tallies


@dataclass(frozen=True)
class WindowSamples:
    """`model_window_samples`; `counted` names the statistic whose tally sums to the number of predictions."""

    counted: str

    def collect(self, windows: Mapping[str, Tallies], scope: Scope = SERIES) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            scope.name("model_window_samples"),
            "Predictions that a rolling window holds.",
            labels=(*scope.labels, "window"),
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                family.add_metric((*series, label), float(row[self.counted].sum()))
        yield family
