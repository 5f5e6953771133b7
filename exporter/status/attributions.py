"""What predictions are attributed to, beside what the reference's were."""

from __future__ import annotations

import math
from collections.abc import Mapping

from exporter.status.breakdown import Attribution, Attributions
from exporter.status.figures import NAN, Figures, flag, ratio


def attributions(figures: Figures, reference: Mapping[str, float]) -> Attributions | None:
    """Return them; None where the reference has none. `reference` is its mean absolute attribution by feature."""
    if not reference:
        return None
    share, rank, psi, drifted = (
        figures.by("feature_name", f"model_attribution_{name}") for name in ("share", "rank", "drift_psi", "drifted")
    )
    total = math.fsum(reference.values())
    ordered = sorted(reference, key=lambda name: -reference[name])
    found = [
        Attribution(
            name=name,
            share=share.get(name, NAN),
            reference_share=ratio(reference[name], total),
            rank=int(rank[name]) if name in rank else None,
            reference_rank=place,
            psi=psi.get(name, NAN),
            drifted=flag(drifted.get(name, NAN)),
        )
        for place, name in enumerate(ordered, 1)
    ]
    return Attributions(
        ndcg=figures.one("model_attribution_ranking_ndcg"),
        threshold=figures.one("model_threshold", metric="attribution_ranking_ndcg"),
        features=sorted(found, key=lambda each: each.rank or each.reference_rank),
    )
