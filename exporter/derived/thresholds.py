"""Thresholds: the limits that alerts compare metrics with, exported for each series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.derived.view import View
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS


@dataclass(frozen=True)
class Thresholds:
    """`model_threshold`; `limits` are by metric."""

    limits: Mapping[str, float]

    def collect(self, view: View) -> Families:
        family = GaugeFamily("model_threshold", "Limit of a metric that alerts compare with.", (*BASE_LABELS, "metric"))
        for series in view.series:
            for metric, limit in self.limits.items():
                family.add((*series, metric), limit)
        yield family
