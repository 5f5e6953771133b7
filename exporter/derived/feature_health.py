"""Feature health: what the values of each feature in a rolling window are like, whatever the reference's were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.batch import Bools, Floats, Series
from exporter.families import Family, GaugeFamily, SummaryFamily
from exporter.stats import BASE_LABELS, feature_moments
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import FeatureMoments, Sums
from exporter.tallies.tally import StatisticArrays, TalliesBySeries

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class FeatureHealth:
    """Moments and quantiles of numeric features, categories of the others, and the share that is missing of all.

    Quantiles are exact to the cell between two of the reference's fine quantiles.
    """

    bins: FeatureBins
    cuts: FeatureCuts
    moments: FeatureMoments

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
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
        numeric = self.bins.features[: len(self.moments.means)]
        for label, tallies in windows.items():
            for series, row in tallies.items():
                sums = Sums.of(row[self.moments.name])
                _tell(mean, series, numeric, (label,), feature_moments.mean(sums, self.moments.means))
                _tell(stddev, series, numeric, (label,), feature_moments.stddev(sums))
                # Quantiles of one feature stand together, as OpenMetrics demands.
                keys = [(*series, name, label, str(q)) for name in numeric for q in QUANTILES]
                quantile.extend(keys, self._quantiles(row, sums).T.ravel().tolist())
                counts = row[self.bins.name]
                with np.errstate(invalid="ignore"):
                    _tell(missing, series, self.bins.features, (label,), counts[:, -2] / counts.sum(axis=-1))
                held = np.count_nonzero(np.delete(counts, -2, axis=-1), axis=-1)[len(numeric) :]
                _tell(distinct, series, self.bins.features[len(numeric) :], (label,), held.astype(np.float64))
        yield from (mean, stddev, quantile, missing, distinct)

    def _quantiles(self, row: StatisticArrays, sums: Sums) -> Floats:
        """Return the QUANTILES of each numeric feature, shape (quantiles, features)."""
        cells = row[self.cuts.name]
        with np.errstate(invalid="ignore", divide="ignore"):
            low = self.moments.first - sums.below / cells[:, 0]
            high = self.moments.last + sums.above / self.cuts.above(cells)
        return np.array([quantiles(cells, self.cuts.cuts, low, high, self.cuts.steps, q) for q in QUANTILES])


def quantiles(cells: Floats, cuts: Floats, low: Floats, high: Floats, steps: Bools, q: float) -> Floats:
    """Return the q-quantile of each feature from its counts between cuts; NaN where there are none.

    Within a cell values are taken to be spread evenly, or with `steps` to lie at its lower cut; below the first and
    above the last cut, at their means `low` and `high`. `cells` has the shape (features, cells), the others fit it.
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


def _tell(family: GaugeFamily, series: Series, names: Sequence[str], labels: tuple[str, ...], values: Floats) -> None:
    family.extend([(*series, name, *labels) for name in names], values.tolist())
