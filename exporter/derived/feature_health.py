"""Feature health: statistics of each feature's values in a rolling window, regardless of the reference's values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exporter.batch import Bools, Floats
from exporter.derived.gauges import per_label
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families, SummaryFamily
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

    def missing_ratio(self, window: SeriesWindow) -> dict[str, float]:
        """Return the share of each feature's values that are missing; NaN without records."""
        counts = window[self.bins]
        with np.errstate(invalid="ignore"):
            return dict(zip(self.bins.features, (counts[:, -2] / counts.sum(axis=-1)).tolist(), strict=True))

    def mean(self, window: SeriesWindow) -> dict[str, float]:
        """Return the mean of each numeric feature; NaN without values."""
        means = feature_moments.mean(FeatureSums.of(window[self.moments]), self.moments.means)
        return dict(zip(self.cuts.features, means.tolist(), strict=True))

    def stddev(self, window: SeriesWindow) -> dict[str, float]:
        """Return the standard deviation of each numeric feature; NaN without values."""
        deviations = feature_moments.stddev(FeatureSums.of(window[self.moments]))
        return dict(zip(self.cuts.features, deviations.tolist(), strict=True))

    def distinct_categories(self, window: SeriesWindow) -> dict[str, float]:
        """Return how many categories of the reference each categorical feature has; all others count as one."""
        numeric = len(self.cuts.features)
        categories = np.delete(window[self.bins][numeric:], -2, axis=-1)
        return dict(zip(self.bins.features[numeric:], np.count_nonzero(categories, axis=-1).tolist(), strict=True))

    def collect(self, view: View) -> Families:
        name = "feature_name"
        text = "Mean of a feature in a window."
        yield per_label(name, "model_feature_mean", text, view.windows, self.mean)
        text = "Standard deviation of a feature in a window."
        yield per_label(name, "model_feature_stddev", text, view.windows, self.stddev)
        labels = (*BASE_LABELS, name, "window", "quantile")
        quantile = SummaryFamily("model_feature_quantile", "Quantile of a feature in a window.", labels)
        for window in view.windows:
            # OpenMetrics demands that the quantiles of one feature are adjacent.
            keys = [(*window.series, name, window.label, str(q)) for name in self.cuts.features for q in QUANTILES]
            quantile.extend(keys, self._quantiles(window).T.ravel().tolist())
        yield quantile
        text = "Share of a feature's values in a window that are missing, 0 to 1."
        yield per_label(name, "model_feature_missing_ratio", text, view.windows, self.missing_ratio)
        text = "Categories of the reference that a window holds; all others together count as one."
        yield per_label(name, "model_feature_distinct_categories", text, view.windows, self.distinct_categories)

    def _quantiles(self, window: SeriesWindow) -> Floats:
        """Return the QUANTILES of each numeric feature, shape (quantiles, features)."""
        cells, sums = window[self.cuts], FeatureSums.of(window[self.moments])
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
