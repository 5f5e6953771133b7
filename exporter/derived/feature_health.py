"""Feature health: each feature's values in a rolling window, and whether something is wrong with them.

Statistics of the values, outliers, features that are absent or stuck at one value, and features that the reference does
not know.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exporter.batch import Bools, Floats, Series
from exporter.derived.gauges import per_label, per_series
from exporter.derived.view import SeriesWindow, View, computed_once
from exporter.families import Families, GaugeFamily, SummaryFamily
from exporter.reference.profile import Numeric, Profile, commonest_share, missing_share
from exporter.stats import BASE_LABELS, feature_moments
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import FeatureMoments, FeatureSums
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.feature_values import FeatureValues, ValueSums
from exporter.stats.record_quality import RecordQuality

QUANTILES = (0.05, 0.5, 0.95)
# The fewest values for an outlier ratio, and the fewest records or values that can show an absent or stuck feature.
FEWEST_VALUES = 100
CHANCE = 1e-6


def unanimous(share: float) -> float:
    """Return how many records must agree so that it is not chance, if `share` of the reference's records agree.

    At least FEWEST_VALUES, and so many that its probability, share ** records, is at most CHANCE; infinite if all
    records of the reference agree.

    >>> unanimous(0.0), unanimous(0.99), unanimous(1.0)
    (100, 1375, inf)
    """
    if share >= 1:
        return math.inf
    if share <= 0:
        return FEWEST_VALUES
    return max(FEWEST_VALUES, math.ceil(math.log(CHANCE) / math.log(share)))


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
            return _by_name(self.bins.features, counts[:, -2] / counts.sum(axis=-1))

    def mean(self, window: SeriesWindow) -> dict[str, float]:
        """Return the mean of each numeric feature; NaN without values."""
        means = feature_moments.mean(FeatureSums.of(window[self.moments]), self.moments.means)
        return _by_name(self.cuts.features, means)

    def stddev(self, window: SeriesWindow) -> dict[str, float]:
        """Return the standard deviation of each numeric feature; NaN without values."""
        return _by_name(self.cuts.features, feature_moments.stddev(FeatureSums.of(window[self.moments])))

    def distinct_categories(self, window: SeriesWindow) -> dict[str, float]:
        """Return how many categories of the reference each categorical feature has; all others count as one."""
        numeric = len(self.cuts.features)
        categories = np.delete(window[self.bins][numeric:], -2, axis=-1)
        return _by_name(self.bins.features[numeric:], np.count_nonzero(categories, axis=-1))

    def collect(self, view: View) -> Families:
        text = "Mean of a feature in a window."
        yield per_label("model_feature_mean", text, view.windows, self.mean)
        text = "Standard deviation of a feature in a window."
        yield per_label("model_feature_stddev", text, view.windows, self.stddev)
        labels = (*BASE_LABELS, "feature_name", "window", "quantile")
        quantile = SummaryFamily("model_feature_quantile", "Quantile of a feature in a window.", labels)
        for window in view.windows:
            # OpenMetrics demands that the quantiles of one feature are adjacent.
            keys = [(*window.series, name, window.label, str(q)) for name in self.cuts.features for q in QUANTILES]
            quantile.extend(keys, self._quantiles(window).T.ravel().tolist())
        yield quantile
        text = "Share of a feature's values in a window that are missing, 0 to 1."
        yield per_label("model_feature_missing_ratio", text, view.windows, self.missing_ratio)
        text = "Distinct categories in a window; categories that are not in the reference count as one."
        yield per_label("model_feature_distinct_categories", text, view.windows, self.distinct_categories)

    def _quantiles(self, window: SeriesWindow) -> Floats:
        """Return the QUANTILES of each numeric feature, shape (quantiles, features)."""
        cells, sums = window[self.cuts], FeatureSums.of(window[self.moments])
        with np.errstate(invalid="ignore", divide="ignore"):
            low = self.moments.first - sums.below / cells[:, 0]
            high = self.moments.last + sums.above / self.cuts.above(cells)
        return np.array([quantiles(cells, self.cuts.cuts, low, high, self.cuts.steps, q) for q in QUANTILES])


@dataclass(frozen=True)
class AbsentFeatures:
    """`model_feature_absent`: whether a feature is absent or null in all records of a window.

    No value if the window has so few records that the reference's share of missing values may explain it by chance.
    """

    profile: Profile
    quality: FeatureQuality
    records: RecordQuality

    @computed_once
    def absent(self, window: SeriesWindow) -> dict[str, bool]:
        """Return whether each feature is absent, for those with enough records."""
        records = float(window[self.records][0])
        missing = zip(self._fewest.items(), window[self.quality][:, 0].tolist(), strict=True)
        return {name: count == records for (name, fewest), count in missing if records >= fewest}

    @cached_property
    def _fewest(self) -> dict[str, float]:
        """The number of records needed for each feature."""
        features = {**self.profile.ordered, **self.profile.vectors}
        return {name: unanimous(missing_share(feature)) for name, feature in features.items()}

    def collect(self, view: View) -> Families:
        text = "Whether a feature is missing in all records of a window."
        yield per_label("model_feature_absent", text, view.windows, self.absent)


@dataclass(frozen=True)
class StuckFeatures:
    """`model_feature_stuck`: whether all values of a feature in a window are the same.

    No value if the window has so few values that the share of the reference's commonest value may explain it by chance;
    hence none for a feature that never varied. Numbers are the same if neither their standard deviation, but for
    rounding, nor their hashes differ. Categories outside the reference and values of a wrong type never are.
    """

    profile: Profile
    bins: FeatureBins
    moments: FeatureMoments
    values: FeatureValues

    def stuck(self, window: SeriesWindow) -> dict[str, float]:
        """Return whether each feature is stuck, 0 or 1; NaN with too few values."""
        sums, counted = FeatureSums.of(window[self.moments]), ValueSums.of(window[self.values])
        numeric = len(sums.number)
        categories = window[self.bins][numeric:]
        # A category named "missing" shares the bin of missing values.
        own = np.column_stack((categories[:, :-2], counted.named_missing[numeric:]))
        is_one_category = (np.count_nonzero(own, axis=-1) == 1) & (categories[:, -1] == 0)
        is_one_number = (feature_moments.stddev(sums) == 0) & counted.have_one_hash[:numeric]
        same = np.concatenate((is_one_number, is_one_category))
        return _by_name(self.bins.features, np.where(counted.number >= self._fewest, same, np.nan))

    @cached_property
    def _fewest(self) -> Floats:
        """The number of values needed of each feature."""
        return np.array([unanimous(commonest_share(feature)) for feature in self.profile.ordered.values()])

    def collect(self, view: View) -> Families:
        text = "Whether a feature has the same value in all records of a window."
        yield per_label("model_feature_stuck", text, view.windows, self.stuck)


@dataclass(frozen=True)
class OutlierRatio:
    """`model_feature_outlier_ratio`, and the reference's own: the share of values that lie beyond two quantiles of it.

    `tails` are the two quantiles. No value with fewer than FEWEST_VALUES of a feature in a window.
    """

    cuts: FeatureCuts
    tails: tuple[float, float]

    def ratio(self, window: SeriesWindow) -> dict[str, float]:
        """Return the outlier ratio of each numeric feature; NaN with too few values."""
        cells = window[self.cuts]
        return _by_name(self.cuts.features, np.where(cells.sum(axis=-1) >= FEWEST_VALUES, self._share(cells), np.nan))

    def collect(self, view: View) -> Families:
        text = "Share of a feature's values in a window beyond the outlier quantiles of the reference."
        yield per_label("model_feature_outlier_ratio", text, view.windows, self.ratio)
        text = "Share of a feature's values in the reference beyond the outlier quantiles."
        expected = _by_name(self.cuts.features, np.nan_to_num(self._share(self.cuts.reference)))
        yield per_series("model_feature_reference_outlier_ratio", text, view, "feature_name", expected)

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


class UnknownFeatureCount:
    """`model_unknown_features`: how many of them a sample of the last day's records contained."""

    def count(self, view: View, series: Series) -> int:
        """Return the number of unknown features of a series."""
        return len(view.snapshot.unknown.get(series, ()))

    def collect(self, view: View) -> Families:
        text = "Features that are not in the reference but in a sample of records of the last day."
        family = GaugeFamily("model_unknown_features", text, BASE_LABELS)
        for series in view.series:
            if series in view.snapshot.unknown:
                family.add(series, self.count(view, series))
        yield family


def _by_name(features: Iterable[str], values: Floats) -> dict[str, float]:
    return dict(zip(features, values.tolist(), strict=True))
