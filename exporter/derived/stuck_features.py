"""Stuck features: those that have one single value in a whole window, though the reference's varied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Bools, Floats
from exporter.chance import unanimous
from exporter.families import Family, GaugeFamily
from exporter.reference.profile import Profile, commonest_share
from exporter.stats import BASE_LABELS, feature_moments
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_moments import FeatureMoments, Sums
from exporter.tallies.tally import StatisticArrays, TalliesBySeries


@dataclass(frozen=True)
class StuckFeatures:
    """`model_feature_stuck`: whether all values of a feature in a window are the same.

    No value where the window has so few that it may be chance: fewer than 100, or than makes it one in a million by
    the share of the reference's commonest value. So none for what has never varied. Numbers are the same where their
    deviation is that of rounding; categories that the reference does not know, or of the wrong type, may be several.
    """

    profile: Profile
    bins: FeatureBins
    moments: FeatureMoments

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        family = GaugeFamily(
            "model_feature_stuck",
            "Whether all values of a feature in a rolling window are the same.",
            (*BASE_LABELS, "feature_name", "window"),
        )
        fewest = np.array([unanimous(commonest_share(feature)) for feature in self.profile.ordered.values()])
        for label, tallies in windows.items():
            for series, row in tallies.items():
                values, same = self._judged(row)
                told = np.where(values >= fewest, same, np.nan)
                family.extend([(*series, feature, label) for feature in self.bins.features], told.tolist())
        yield family

    def _judged(self, row: StatisticArrays) -> tuple[Floats, Bools]:
        """Return how many values each feature has, and whether they are all the same."""
        sums = Sums.of(row[self.moments.name])
        categories = row[self.bins.name][len(self.moments.means) :]
        own, other = categories[:, :-2], categories[:, -1]
        values = np.concatenate((sums.number, own.sum(axis=-1) + other))
        is_one = (np.count_nonzero(own, axis=-1) == 1) & (other == 0)
        return values, np.concatenate((feature_moments.stddev(sums) == 0, is_one))
