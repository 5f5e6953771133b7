"""Coverage: the share of a window's predictions whose ground truth has arrived."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.batch import Series
from exporter.derived.view import View, WindowTallies
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS, Tallied


@dataclass(frozen=True)
class Coverage:
    """`model_ground_truth_coverage`; the tallies of `predictions` and `labelled` sum to the counts of either."""

    predictions: Tallied
    labelled: Tallied

    def share(self, window: WindowTallies[Series]) -> float:
        """Return the share in a window; NaN without predictions."""
        predictions = window[self.predictions].sum()
        return float(window[self.labelled].sum() / predictions) if predictions else math.nan

    def collect(self, view: View) -> Iterator[Family]:
        family = GaugeFamily(
            "model_ground_truth_coverage",
            "Share of the predictions made in a window that have their ground truth.",
            (*BASE_LABELS, "window"),
        )
        for window in view.windows:
            family.extend([window.labels], [self.share(window)])
        yield family
