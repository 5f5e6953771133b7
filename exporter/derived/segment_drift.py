"""Segment drift: how far each feature of a segment's records has moved from the whole reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import SegmentSeries
from exporter.derived import psi
from exporter.derived.comparison import Judgement, is_enough
from exporter.families import Family, GaugeFamily
from exporter.stats import SEGMENTS
from exporter.stats.feature_bins import FeatureBins
from exporter.tallies.tally import StatisticArrays


@dataclass(frozen=True)
class SegmentDrift:
    """The PSI of each feature in each segment; no value where there are too few records."""

    bins: FeatureBins
    judgement: Judgement

    def collect(self, windows: Mapping[str, Mapping[SegmentSeries, StatisticArrays]]) -> Iterator[Family]:
        family = GaugeFamily(
            "model_segment_feature_drift_psi",
            "Population stability index of a feature of a segment in a window against the reference, unitless.",
            (*SEGMENTS.labels, "feature_name", "window"),
        )
        features, reference = self.bins.features, self.bins.reference
        for label, tallies in windows.items():
            for series, row in tallies.items():
                counts = row[self.bins.name]
                # Of what it is split by, a segment has one value alone.
                told = is_enough(counts / self.judgement.overdispersion, reference) & [
                    feature != series.segment for feature in features
                ]
                if told.any():
                    values = np.where(told, psi.psi(counts, reference, self.judgement.epsilon), np.nan)
                    family.extend([(*series, feature, label) for feature in features], values.tolist())
        yield family
