"""Changes: how far each feature of a window has moved from what was served before, or by another version.

A change against the training data may be old news, and the same hour of yesterday a better reference; a shadow version
is to see what the live one sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Series
from exporter.derived.comparison import Comparison
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.tallies.tally import StatisticArrays, TalliesBySeries

# A field of Shift, the metric it is told in, and what it tells.
RESULTS = (
    ("psi", "model_feature_change_psi", "Population stability index of a feature in a window against another."),
    ("psi_critical", "model_feature_change_psi_critical", "What that PSI may reach by chance at these sample sizes."),
    ("drifted", "model_feature_changed", "Whether a feature has changed: by more than its limit and chance."),
)


@dataclass(frozen=True)
class Changes:
    """`live_version` is the version of each model that the others are compared with; None: none is."""

    comparison: Comparison
    live_version: str | None = None

    def collect(
        self, windows: Mapping[str, TalliesBySeries], past: Mapping[tuple[str, str], TalliesBySeries]
    ) -> Iterator[Family]:
        """Return metric families; `past` holds what windows held before, by their label and how long before."""
        labels = (*BASE_LABELS, "feature_name", "window", "against")
        families = {field: GaugeFamily(metric, text, labels) for field, metric, text in RESULTS}
        for window, against, series, row, other in (*_of_past(windows, past), *self._of_versions(windows)):
            shift = self.comparison.shift(self.comparison.distributions(row), self.comparison.distributions(other))
            keys = [(*series, variable, window, against) for variable in self.comparison.variables]
            for field, family in families.items():
                family.extend(keys, np.where(shift.is_enough, getattr(shift, field), np.nan).tolist())
        yield from families.values()

    def _of_versions(
        self, windows: Mapping[str, TalliesBySeries]
    ) -> Iterator[tuple[str, str, Series, StatisticArrays, StatisticArrays]]:
        for label, tallies in windows.items():
            for series, row in tallies.items():
                live = Series(series.model_name, self.live_version or "")
                if live in tallies and series != live:
                    yield label, f"version {live.model_version}", series, row, tallies[live]


def _of_past(
    windows: Mapping[str, TalliesBySeries], past: Mapping[tuple[str, str], TalliesBySeries]
) -> Iterator[tuple[str, str, Series, StatisticArrays, StatisticArrays]]:
    for (label, before), tallies in past.items():
        for series, row in windows[label].items():
            if series in tallies:
                yield label, before, series, row, tallies[series]
