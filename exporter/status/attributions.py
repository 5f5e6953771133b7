"""Feature attributions of a window's predictions, next to the reference's."""

from __future__ import annotations

import math

import msgspec

from exporter.derived.attribution_ranking import AttributionRanking
from exporter.derived.drift import Drift
from exporter.stats.variable_kind import ATTRIBUTIONS
from exporter.status.selection import Selection, ratio
from exporter.status.variables import judged


class AttributionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A feature's share of all absolute attributions in the window, and its rank by it, and the reference's.

    Those of the window are null if it has too few records. `psi` and `drifted` describe the distribution of the
    feature's attributions.
    """

    name: str
    share: float
    reference_share: float
    rank: int | None
    reference_rank: int
    psi: float
    drifted: bool | None


class AttributionsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Attributions by rank, and how well the ranking agrees with the reference's (NDCG, 0 to 1).

    An agreement below `threshold` is too little.
    """

    ndcg: float
    threshold: float
    features: list[AttributionStatus]


def attributions(selection: Selection) -> AttributionsStatus | None:
    """Return the attributions; None if the reference has none."""
    ranking = selection.measures.find(AttributionRanking)
    if ranking is None:
        return None
    result = ranking.result(selection.tallies)
    drifts = judged(selection, selection.measures.one(Drift, kind=ATTRIBUTIONS))
    reference = {name: each.mean_abs for name, each in ranking.reference.items()}
    total = math.fsum(reference.values())
    found = [
        AttributionStatus(
            name=name,
            share=result.share.get(name, math.nan),
            reference_share=ratio(reference[name], total),
            rank=result.rank.get(name),
            reference_rank=place,
            psi=drifts[name].psi,
            drifted=drifts[name].drifted,
        )
        for place, name in enumerate(sorted(reference, key=lambda name: -reference[name]), 1)
    ]
    return AttributionsStatus(
        ndcg=result.ndcg,
        threshold=selection.thresholds["attribution_ranking_ndcg"],
        features=sorted(found, key=lambda each: each.rank or each.reference_rank),
    )
