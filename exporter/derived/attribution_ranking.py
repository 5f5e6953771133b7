"""Attribution ranking: what predictions are attributed to most, and whether that is still what it was.

A model may go on to predict well-formed classes from well-formed features and yet come to lean on others. The ranking
of features by their mean absolute attribution is compared with the reference's by its normalised discounted cumulative
gain:

    DCG = sum over features of gain / log2(1 + rank),  NDCG = DCG / the greatest DCG that there is

The gain is the reference's mean absolute attribution, the rank is the window's; where several features share a place,
each gains the mean of them. 1 is the same order; what was unimportant in the reference hardly counts.
Reference: Jarvelin and Kekalainen (2002), Cumulated gain-based evaluation of IR techniques; with ties as McSherry and
Najork (2008), Computing information retrieval performance measures efficiently in the presence of tied scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.derived.drift_causes import ranking
from exporter.families import Family, GaugeFamily
from exporter.reference.profile import Attribution
from exporter.stats import BASE_LABELS
from exporter.stats.absolute_attributions import AbsoluteAttributions
from exporter.tallies.tally import TalliesBySeries

MIN_SAMPLES = 100


def ndcg(gains: Floats, scores: Floats) -> float:
    """Return the NDCG of the order of falling `scores`; NaN where there are fewer than two gains, or all are 0.

    >>> round(ndcg(np.array([3.0, 2.0, 1.0]), np.array([0.5, 0.9, 0.1])), 4)
    0.9225
    """
    discounts = 1 / np.log2(np.arange(len(gains)) + 2)
    best = float(np.sort(gains)[::-1] @ discounts)
    if len(gains) <= 1 or best == 0:
        return math.nan
    _, place, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    shared = np.add.reduceat(discounts, np.cumsum(sizes) - sizes) / sizes
    return min(1.0, float(gains @ shared[place]) / best)


@dataclass(frozen=True)
class AttributionRanking:
    """Mean absolute attribution, its share of all, its rank, and the NDCG of the ranking.

    No value where a window holds fewer than MIN_SAMPLES records that have attributions.
    """

    reference: Mapping[str, Attribution]
    absolute: AbsoluteAttributions

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        labels = (*BASE_LABELS, "feature_name", "window")
        mean = GaugeFamily(
            "model_attribution_mean_abs", "Mean absolute attribution to a feature in a window, in its own unit.", labels
        )
        share = GaugeFamily(
            "model_attribution_share", "Share of a feature in all absolute attributions of a window, 0 to 1.", labels
        )
        rank = GaugeFamily(
            "model_attribution_rank", "Place of a feature by its mean absolute attribution in a window, from 1.", labels
        )
        gain = GaugeFamily(
            "model_attribution_ranking_ndcg",
            "Agreement of that ranking with the reference's, 0 to 1: normalised discounted cumulative gain.",
            (*BASE_LABELS, "window"),
        )
        gains = np.array([attribution.mean_abs for attribution in self.reference.values()])
        for label, tallies in windows.items():
            for series, row in tallies.items():
                sums, count = row[self.absolute.name][:-1], float(row[self.absolute.name][-1])
                if count < MIN_SAMPLES:
                    continue
                keys = [(*series, feature, label) for feature in self.reference]
                mean.extend(keys, (sums / count).tolist())
                if (total := sums.sum()) > 0:
                    share.extend(keys, (sums / total).tolist())
                order = ranking(sums)
                rank.extend([keys[at] for at in order], np.arange(1.0, len(order) + 1).tolist())
                gain.extend([(*series, label)], [ndcg(gains, sums)])
        yield from (mean, share, rank, gain)
