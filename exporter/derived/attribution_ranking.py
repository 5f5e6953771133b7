"""Attribution ranking: which features predictions are attributed to most, and whether that has changed.

A model may come to rely on other features even though its inputs and outputs look normal. The ranking of features by
mean absolute attribution is compared with the reference's by its normalised discounted cumulative gain:

    DCG = sum over features of gain / log2(1 + rank),  NDCG = DCG / the largest possible DCG

The gain is the reference's mean absolute attribution and the rank is the window's; tied features share the mean of
their discounts. 1 means the same order; features that were unimportant in the reference hardly count.
Reference: Jarvelin and Kekalainen (2002), Cumulated gain-based evaluation of IR techniques; with ties as McSherry and
Najork (2008), Computing information retrieval performance measures efficiently in the presence of tied scores.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from exporter.batch import Floats
from exporter.derived.drift import ranking
from exporter.derived.gauges import per_label, per_window
from exporter.derived.view import SeriesWindow, View, computed_once
from exporter.families import Families
from exporter.reference.profile import Attribution
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
    """By feature: mean absolute attributions, their shares of the total, and ranks from 1; and the NDCG."""

    mean_abs: dict[str, float]
    share: dict[str, float]
    rank: dict[str, int]
    ndcg: float


NO_RESULT = RankingResult({}, {}, {}, math.nan)


@dataclass(frozen=True)
class AttributionRanking:
    """The ranking of features by mean absolute attribution, and its agreement with the reference's.

    No value with fewer than MIN_SAMPLES records with attributions in a window.
    """

    reference: Mapping[str, Attribution]
    absolute: AbsoluteAttributions

    @computed_once
    def result(self, window: SeriesWindow) -> RankingResult:
        """Return the ranking of a window, or NO_RESULT with too few records."""
        tally, features = window[self.absolute], tuple(self.reference)
        sums, count = tally[:-1], float(tally[-1])
        if count < MIN_SAMPLES:
            return NO_RESULT
        total = sums.sum()
        gains = np.array([attribution.mean_abs for attribution in self.reference.values()])
        return RankingResult(
            mean_abs=dict(zip(features, (sums / count).tolist(), strict=True)),
            share=dict(zip(features, (sums / total).tolist(), strict=True)) if total > 0 else {},
            rank={features[at]: place for place, at in enumerate(ranking(sums), 1)},
            ndcg=ndcg(gains, sums),
        )

    def collect(self, view: View) -> Families:
        for name, text in (
            ("mean_abs", "Mean absolute attribution to a feature in a window, in the unit of the attributions."),
            ("share", "Share of a feature in all absolute attributions of a window, 0 to 1."),
            ("rank", "Rank of a feature by its mean absolute attribution in a window; 1 is the largest."),
        ):
            yield per_label(f"model_attribution_{name}", text, view.windows, partial(self._values, name))
        text = "Agreement (NDCG) of the ranking of features by attribution with the reference's, 0 to 1."
        yield per_window("model_attribution_ranking_ndcg", text, view.windows, lambda each: self.result(each).ndcg)

    def _values(self, name: str, window: SeriesWindow) -> Mapping[str, float]:
        values: Mapping[str, float] = getattr(self.result(window), name)
        return values
