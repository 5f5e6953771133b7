"""Outliers: the share of each numeric feature's values that lie beyond two quantiles of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exporter.batch import Bools, Floats
from exporter.derived.gauges import per_label
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families, GaugeFamily
from exporter.reference.profile import Numeric
from exporter.stats import BASE_LABELS
from exporter.stats.feature_cuts import FeatureCuts

FEWEST_VALUES = 100


def cells_within(feature: Numeric, tails: tuple[float, float]) -> tuple[int, int]:
    """Return the first cell between two quantiles, and the one after the last.

    The limits are the cuts nearest to the quantiles, or the open ends; of two that are equally near, the inner one.
    """
    counts = np.array(feature.cut_counts, np.float64)
    if not counts.sum():
        return 0, len(counts)
    below = np.concatenate(([0.0], counts.cumsum())) / counts.sum()
    # argmin returns the first of several minima; for the lower limit, the inner one is the last.
    low = len(below) - 1 - int(np.abs(below[::-1] - tails[0]).argmin())
    return low, int(np.abs(below - tails[1]).argmin())


@dataclass(frozen=True)
class OutlierRatio:
    """`model_feature_outlier_ratio`, and the reference's own; `tails` are the two quantiles.

    No value with fewer than FEWEST_VALUES of a feature in a window.
    """

    cuts: FeatureCuts
    tails: tuple[float, float]

    def ratio(self, window: SeriesWindow) -> dict[str, float]:
        """Return the outlier ratio of each numeric feature; NaN with too few values."""
        cells = window[self.cuts]
        shares = np.where(cells.sum(axis=-1) >= FEWEST_VALUES, self._share(cells), np.nan)
        return dict(zip(self.cuts.features, shares.tolist(), strict=True))

    def collect(self, view: View) -> Families:
        yield per_label(
            "feature_name",
            "model_feature_outlier_ratio",
            "Share of a feature's values in a rolling window that lie beyond quantiles of the reference.",
            view.windows,
            self.ratio,
        )
        reference = GaugeFamily(
            "model_feature_reference_outlier_ratio",
            "Share of the reference's values of a feature beyond the quantiles that its outliers are counted by.",
            (*BASE_LABELS, "feature_name"),
        )
        for series in view.series:
            expected = np.nan_to_num(self._share(self.cuts.reference)).tolist()
            reference.extend([(*series, feature) for feature in self.cuts.features], expected)
        yield reference

    def _share(self, cells: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            share: Floats = np.where(self._is_beyond, cells, 0.0).sum(axis=-1) / cells.sum(axis=-1)
        return share

    @cached_property
    def _is_beyond(self) -> Bools:
        """Which cells lie beyond the limits, shape (numeric features, cells)."""
        within = [cells_within(feature, self.tails) for feature in self.cuts.features.values()]
        at = np.arange(self.cuts.cells)
        return np.array([(at < low) | (at >= high) for low, high in within], np.bool_).reshape(-1, self.cuts.cells)
