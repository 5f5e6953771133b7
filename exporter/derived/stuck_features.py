"""Stuck features: features with a single value in a whole window, though the reference's values varied."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exporter.batch import Floats
from exporter.chance import unanimous
from exporter.derived.gauges import per_label
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families
from exporter.reference.profile import Profile, commonest_share
from exporter.stats import feature_moments
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_moments import FeatureMoments, FeatureSums


@dataclass(frozen=True)
class StuckFeatures:
    """`model_feature_stuck`: whether all values of a feature in a window are the same.

    No value if the window has too few values: fewer than 100, or so few that the share of the reference's commonest
    value would explain it with a probability above one in a million; hence none for a feature that never varied.
    Numbers are the same if their standard deviation is a rounding error. Categories outside the reference, and values
    of the wrong type, are never taken to be the same.
    """

    profile: Profile
    bins: FeatureBins
    moments: FeatureMoments

    def stuck(self, window: SeriesWindow) -> dict[str, float]:
        """Return whether each feature is stuck, 0 or 1; NaN with too few values."""
        sums = FeatureSums.of(window[self.moments])
        categories = window[self.bins][len(self.moments.means) :]
        own, other = categories[:, :-2], categories[:, -1]
        values = np.concatenate((sums.number, own.sum(axis=-1) + other))
        is_one = (np.count_nonzero(own, axis=-1) == 1) & (other == 0)
        same = np.concatenate((feature_moments.stddev(sums) == 0, is_one))
        return dict(zip(self.bins.features, np.where(values >= self._fewest, same, np.nan).tolist(), strict=True))

    @cached_property
    def _fewest(self) -> Floats:
        """The number of values needed of each feature."""
        return np.array([unanimous(commonest_share(feature)) for feature in self.profile.ordered.values()])

    def collect(self, view: View) -> Families:
        yield per_label(
            "feature_name",
            "model_feature_stuck",
            "Whether all values of a feature in a rolling window are the same.",
            view.windows,
            self.stuck,
        )
