"""Drift against the past: how far each feature has moved from an earlier time, or from another version's traffic.

Drift from the training data may have been there for long, so the same hour of the day before can be a better reference.
A shadow version should see what the live version sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.derived.drift import DriftCalculator
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS


@dataclass(frozen=True)
class DriftAgainstPast:
    """Each window against the past ones of the view, and against that of each model's `live_version`, if it is set."""

    calculator: DriftCalculator
    live_version: str | None = None

    def collect(self, view: View) -> Families:
        labels = (*BASE_LABELS, "feature_name", "window", "against")
        psi, critical, changed = families = [
            GaugeFamily(name, text, labels)
            for name, text in (
                ("model_feature_change_psi", "Population stability index of a feature in a window against another."),
                ("model_feature_change_psi_critical", "What that PSI may reach by chance at these sample sizes."),
                ("model_feature_changed", "Whether a feature has changed: by more than its limit and chance."),
            )
        ]
        for window, against, other in (*view.past, *self._live(view)):
            result = self.calculator.compare(
                self.calculator.distributions(window), self.calculator.distributions(other)
            )
            keys = [(*window.series, variable, window.label, against) for variable in self.calculator.variables]
            psi.extend(keys, result.psi.tolist())
            critical.extend(keys, result.psi_critical.tolist())
            changed.extend(keys, result.verdict.tolist())
        yield from families

    def _live(self, view: View) -> Iterator[tuple[SeriesWindow, str, SeriesWindow]]:
        if self.live_version is None:
            return
        windows = {window.labels: window for window in view.windows}
        for window in view.windows:
            live = window.series._replace(model_version=self.live_version)
            if live != window.series and (*live, window.label) in windows:
                yield window, f"version {self.live_version}", windows[*live, window.label]
