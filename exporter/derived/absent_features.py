"""Absent features: features that no record of a window has, though records of the reference had them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from exporter.chance import unanimous
from exporter.derived.gauges import per_label
from exporter.derived.view import SeriesWindow, View, once_per_window
from exporter.families import Families
from exporter.reference.profile import Profile, missing_share
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.record_quality import RecordQuality


@dataclass(frozen=True)
class AbsentFeatures:
    """`model_feature_absent`: whether a feature is absent or null in all records of a window.

    No value if the window has too few records: fewer than 100, or so few that the reference's share of missing values
    would explain it with a probability above one in a million.
    """

    profile: Profile
    quality: FeatureQuality
    records: RecordQuality

    @once_per_window
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
        yield per_label(
            "feature_name",
            "model_feature_absent",
            "Whether a feature is absent or null in all records of a rolling window.",
            view.windows,
            self.absent,
        )
