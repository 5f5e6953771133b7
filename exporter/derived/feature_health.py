"""Feature health: statistics of each feature's values in a rolling window, regardless of the reference's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.batch import Bools, Floats, Series
from exporter.derived.view import View, WindowTallies
from exporter.families import Family, GaugeFamily, SummaryFamily
from exporter.stats import BASE_LABELS, feature_moments
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import FeatureMoments, FeatureSums

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class FeatureHealth:
    """Moments and quantiles of numeric features, distinct categories of the others, and missing shares of all.

    Quantiles are exact to the cell between two of the reference's fine quantiles.
    """

    bins: FeatureBins
    cuts: FeatureCuts
    moments: FeatureMoments

    def missing_ratio(self, window: WindowTallies[Series]) -> Floats:
        """Return the share of each feature's values that are missing; NaN without records."""
        counts = window[self.bins]
        with np.errstate(invalid="ignore"):
            ratio: Floats = counts[:, -2] / counts.sum(axis=-1)
        return ratio

    def collect(self, view: View) -> Iterator[Family]:
        labels = (*BASE_LABELS, "feature_name", "window")
        mean = GaugeFamily("model_feature_mean", "Mean of a feature in a window.", labels)
        stddev = GaugeFamily("model_feature_stddev", "Standard deviation of a feature in a window.", labels)
        quantile = SummaryFamily("model_feature_quantile", "Quantile of a feature in a window.", (*labels, "quantile"))
        missing = GaugeFamily(
            "model_feature_missing_ratio", "Share of a feature's values in a window that are missing, 0 to 1.", labels
        )
        distinct = GaugeFamily(
            "model_feature_distinct_categories",
            "Categories of the reference that a window holds; all others together count as one.",
            labels,
        )
        number = len(self.moments.means)
        numeric, categorical = self.bins.features[:number], self.bins.features[number:]
        for window in view.windows:
            sums = FeatureSums.of(window[self.moments])
            mean.extend(_keys(window, numeric), feature_moments.mean(sums, self.moments.means).tolist())
            stddev.extend(_keys(window, numeric), feature_moments.stddev(sums).tolist())
            # OpenMetrics demands that the quantiles of one feature are adjacent.
            keys = [(*key, str(q)) for key in _keys(window, numeric) for q in QUANTILES]
            quantile.extend(keys, self._quantiles(window, sums).T.ravel().tolist())
            missing.extend(_keys(window, self.bins.features), self.missing_ratio(window).tolist())
            categories = np.delete(window[self.bins][number:], -2, axis=-1)
            distinct.extend(
                _keys(window, categorical), np.count_nonzero(categories, axis=-1).astype(np.float64).tolist()
            )
        yield from (mean, stddev, quantile, missing, distinct)

    def _quantiles(self, window: WindowTallies[Series], sums: FeatureSums) -> Floats:
        """Return the QUANTILES of each numeric feature, shape (quantiles, features)."""
        cells = window[self.cuts]
        with np.errstate(invalid="ignore", divide="ignore"):
            low = self.moments.first - sums.below / cells[:, 0]
            high = self.moments.last + sums.above / self.cuts.above(cells)
        return np.array([quantiles(cells, self.cuts.cuts, low, high, self.cuts.steps, q) for q in QUANTILES])


def quantiles(cells: Floats, cuts: Floats, low: Floats, high: Floats, steps: Bools, q: float) -> Floats:
    """Return the q-quantile of each feature from its counts between cuts; NaN without values.

    Values are taken to be spread evenly within a cell, or with `steps` to lie at its lower cut; those below the first
    and above the last cut are taken to lie at their means, `low` and `high`. `cells` has shape (features, cells).
    """
    total = cells.sum(axis=-1)
    below = cells.cumsum(axis=-1)
    at = np.argmax(below >= q * total[:, None], axis=-1)
    rows = np.arange(len(cells))
    before = below[rows, at] - cells[rows, at]
    left = cuts[rows, np.maximum(at - 1, 0)]
    right = cuts[rows, np.minimum(at, cuts.shape[-1] - 1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(steps, 0.0, (q * total - before) / cells[rows, at])
        inside = left + part * np.where(steps, 0.0, right - left)
    is_last = ~np.isfinite(right) | (at == cuts.shape[-1])
    value = np.where(at == 0, low, np.where(is_last, high, inside))
    return np.where(total > 0, value, np.nan)


def _keys(window: WindowTallies[Series], features: Sequence[str]) -> list[tuple[str, ...]]:
    return [(*window.series, feature, window.window) for feature in features]
