"""Attribution ranking: which features predictions are attributed to most, and whether that has changed.

A model may come to rely on other features even though its inputs and outputs look normal. The ranking of features by
mean absolute attribution is compared with the reference's by its normalised discounted cumulative gain:

    DCG = sum over features of gain / log2(1 + rank),  NDCG = DCG / the largest possible DCG

The gain is the reference's mean absolute attribution and the rank is the window's; tied features share the mean of
their discounts. 1 means the same order; features that were unimportant in the reference hardly count.
Reference: Jarvelin and Kekalainen (2002), Cumulated gain-based evaluation of IR techniques; with ties as McSherry and
Najork (2008), Computing information retrieval performance measures efficiently in the presence of tied scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats, Series
from exporter.derived.drift import ranking
from exporter.derived.view import View, WindowTallies
from exporter.families import Family, GaugeFamily
from exporter.reference.profile import Attribution
from exporter.stats import BASE_LABELS
from exporter.stats.absolute_attributions import AbsoluteAttributions

MIN_SAMPLES = 100


def ndcg(gains: Floats, scores: Floats) -> float:
    """Return the NDCG of the order of descending `scores`; NaN with fewer than two gains, or if all are 0.

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
class RankingResult:
    """Mean absolute attributions, their shares of the total (NaN if that is 0), the features by rank, and the NDCG."""

    mean: list[float]
    share: list[float]
    ranked: list[str]
    ndcg: float


@dataclass(frozen=True)
class AttributionRanking:
    """The ranking of features by mean absolute attribution, and its agreement with the reference's.

    No value with fewer than MIN_SAMPLES records with attributions in a window.
    """

    reference: Mapping[str, Attribution]
    absolute: AbsoluteAttributions

    def result(self, window: WindowTallies[Series]) -> RankingResult | None:
        """Return the ranking of a window; None with too few records."""
        tally = window[self.absolute]
        sums, count = tally[:-1], float(tally[-1])
        if count < MIN_SAMPLES:
            return None
        total = sums.sum()
        features = tuple(self.reference)
        gains = np.array([attribution.mean_abs for attribution in self.reference.values()])
        return RankingResult(
            mean=(sums / count).tolist(),
            share=(sums / total).tolist() if total > 0 else [math.nan] * len(features),
            ranked=[features[at] for at in ranking(sums)],
            ndcg=ndcg(gains, sums),
        )

    def collect(self, view: View) -> Iterator[Family]:
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
        for window in view.windows:
            if result := self.result(window):
                keys = [(*window.series, feature, window.window) for feature in self.reference]
                mean.extend(keys, result.mean)
                share.extend(keys, result.share)
                ranked = [(*window.series, feature, window.window) for feature in result.ranked]
                rank.extend(ranked, np.arange(1.0, len(ranked) + 1).tolist())
                gain.extend([window.labels], [result.ndcg])
        yield from (mean, share, rank, gain)
