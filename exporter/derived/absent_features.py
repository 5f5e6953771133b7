"""Absent features: those that no record of a window has, though records of the reference had them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.chance import unanimous
from exporter.families import Family, GaugeFamily
from exporter.reference.profile import Feature, Profile, Vector, missing_share
from exporter.stats import BASE_LABELS
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.record_quality import RecordQuality
from exporter.tallies.tally import StatisticArrays, TalliesBySeries


@dataclass(frozen=True)
class AbsentFeatures:
    """`model_feature_absent`: whether a feature is absent or null in all records of a window.

    No value where the window holds so few records that it may be chance: fewer than 100, or than makes it one in a
    million by the reference's own share of missing values.
    """

    profile: Profile
    quality: FeatureQuality
    records: RecordQuality

    @property
    def reads(self) -> tuple[str, ...]:
        return self.quality.name, self.records.name

    def judge(self, row: StatisticArrays) -> Iterator[tuple[str, bool]]:
        """Yield the features of which the tallies of a window can tell it, and whether they are absent."""
        records = float(row[self.records.name][0])
        missing = row[self.quality.name][:, 0].tolist()
        features: Mapping[str, Feature | Vector] = {**self.profile.ordered, **self.profile.vectors}
        for (name, feature), absent in zip(features.items(), missing, strict=True):
            if records >= unanimous(missing_share(feature)):
                yield name, absent == records

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        family = GaugeFamily(
            "model_feature_absent",
            "Whether a feature is absent or null in all records of a rolling window.",
            (*BASE_LABELS, "feature_name", "window"),
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                for feature, is_absent in self.judge(row):
                    family.add((*series, feature, label), is_absent)
        yield family
