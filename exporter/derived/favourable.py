"""The share of favourable predictions, such as approvals, which may differ between segments."""

import math
from dataclasses import dataclass
from typing import Any

from exporter.derived.gauges import per_window
from exporter.derived.view import View, WindowTallies
from exporter.families import Families
from exporter.stats import SEGMENTS, SERIES, Scope
from exporter.stats.label_counts import LabelCounts


@dataclass(frozen=True)
class FavourableRatio:
    """`model_favourable_ratio`: the share of the class `favourable` among the counted `predictions`."""

    predictions: LabelCounts
    favourable: str
    scope: Scope = SERIES

    def share(self, window: WindowTallies[Any]) -> float:
        """Return the share in a window; NaN without predictions."""
        counts = self.predictions.counts(window[self.predictions], window.names)
        total = sum(counts.values())
        return counts.get(self.favourable, 0.0) / total if total else math.nan

    def collect(self, view: View) -> Families:
        windows: tuple[WindowTallies[Any], ...] = view.segments if self.scope == SEGMENTS else view.windows
        text = "Share of predictions in a window that are of the favourable class, 0 to 1."
        yield per_window(self.scope.name("model_favourable_ratio"), text, windows, self.share, self.scope)
