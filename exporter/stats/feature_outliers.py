"""Feature outliers: how many values of each numeric feature lie beyond two quantiles of the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from exporter.batch import Batch, Floats, Series
from exporter.profile import Numeric, Profile
from exporter.stats import BASE_LABELS, Names
from exporter.tally import COUNTS, Tallies, Tally

FEWEST_VALUES = 100


def limits(feature: Numeric, tails: tuple[float, float]) -> tuple[float, float, float]:
    """Return the two limits nearest to quantiles, and the reference's share of values beyond them.

    Below the lower and at or above the upper one is beyond. They are cuts of the profile, whose shares are known
    exactly, or infinite where no cut is nearer; of equally near ones the inner.
    """
    counts = np.array(feature.cut_counts, np.float64)
    total = counts.sum()
    if not total:
        return -np.inf, np.inf, 0.0
    at = np.array([-np.inf, *feature.cuts, np.inf])
    below = np.concatenate(([0.0], counts.cumsum()))
    # Of equals argmin gives the first: of the lower limit's candidates the last is the inner one.
    low = len(at) - 1 - int(np.abs(below[::-1] / total - tails[0]).argmin())
    high = int(np.abs(below / total - tails[1]).argmin())
    return float(at[low]), float(at[high]), float((below[low] + total - below[high]) / total)


class FeatureOutliers:
    """The tally, shape (numeric features, 2), is how many values are finite, and how many of these lie beyond.

    `tails` are the two quantiles.
    """

    name = "feature_outliers"
    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile, tails: tuple[float, float]) -> None:
        self._identity = (profile.reference_id, tuple(tails))
        self.features = tuple(profile.numeric)
        found = np.array([limits(feature, tails) for feature in profile.numeric.values()]).reshape(-1, 3)
        self._low, self._high = found[:, :1], found[:, 1:2]
        self._reference = found[:, 2].tolist()

    def __repr__(self) -> str:
        return f"FeatureOutliers{self._identity}"

    def zero(self) -> Floats:
        return np.zeros((len(self.features), 2))

    def tally(self, batch: Batch) -> Tally:
        counts = np.empty((batch.groups, len(self.features), 2), COUNTS)
        unusable = ~np.isfinite(batch.numbers)
        beyond = (batch.numbers < self._low) | (batch.numbers >= self._high)
        if batch.marks is not None:
            # Only these may be infinite.
            beyond &= ~unusable
        counts[..., 0] = batch.sizes()[:, None] - batch.count(unusable)
        counts[..., 1] = batch.count(beyond)
        return counts

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "model_feature_reference_outlier_ratio",
            "Share of the reference's values of a feature beyond the quantiles that its outliers are counted by.",
            labels=(*BASE_LABELS, "feature_name"),
        )
        for series in tallies:
            for feature, share in zip(self.features, self._reference, strict=True):
                family.add_metric((*series, feature), share)
        yield family


@dataclass(frozen=True)
class OutlierRatio:
    """`model_feature_outlier_ratio`: no value where a window holds fewer than FEWEST_VALUES of a feature."""

    outliers: FeatureOutliers

    def collect(self, windows: Mapping[str, Tallies]) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "model_feature_outlier_ratio",
            "Share of a feature's values in a rolling window that lie beyond quantiles of the reference.",
            labels=(*BASE_LABELS, "feature_name", "window"),
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                counts = row[self.outliers.name].tolist()
                for feature, (values, beyond) in zip(self.outliers.features, counts, strict=True):
                    if values >= FEWEST_VALUES:
                        family.add_metric((*series, feature, label), beyond / values)
        yield family
