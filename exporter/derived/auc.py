"""AUC: how well the scores of a rolling window tell a class from all others.

The area under the ROC curve is the chance that a record of the class has a higher score than one of the others, ties
counting half: Mann and Whitney (1947). Scores in one bin are ties. With p and q the shares of both in each bin, the
error of that is at most half the sum of p * q over the bins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.scores_by_truth import ScoresByTruth
from exporter.tallies.tally import TalliesBySeries


def auc(others: Floats, of_class: Floats) -> Floats:
    """Return the AUC of counts by bin of the score, along the last axis; NaN where either side is empty.

    >>> float(auc(np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 3.0])).round(4))
    0.9583
    """
    below = others.cumsum(axis=-1) - others / 2
    with np.errstate(invalid="ignore"):
        area: Floats = (of_class * below).sum(axis=-1) / (of_class.sum(axis=-1) * others.sum(axis=-1))
    return area


@dataclass(frozen=True)
class Auc:
    """`model_auc` of each class against the rest, and averages over those that have one; no value where there is none.

    The weighted average is by how often a class is the truth.
    """

    scores: ScoresByTruth

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        family = GaugeFamily(
            "model_auc",
            "Area under the ROC curve of a class against the rest in a window, 0 to 1.",
            (*BASE_LABELS, "window", "average", "class"),
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                others, of_class = np.moveaxis(row[self.scores.name], 1, 0)
                areas, weights = auc(others, of_class), of_class.sum(axis=-1)
                there = ~np.isnan(areas)
                if there.any():
                    weighted = np.average(areas[there], weights=weights[there])
                    family.add((*series, label, "weighted", ""), weighted)
                    family.add((*series, label, "macro", ""), areas[there].mean())
                    family.extend([(*series, label, "", name) for name in self.scores.classes], areas.tolist())
        yield family
