"""AUC: how well the scores of a rolling window separate a class from all others.

The area under the ROC curve is the probability that a record of the class has a higher score than one of another class,
where ties count half: Mann and Whitney (1947). Scores in the same bin count as ties. With p and q the shares of the two
groups in each bin, the error is at most half the sum of p * q over the bins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.derived.gauges import ClassFigure, per_class
from exporter.derived.view import SeriesWindow, View
from exporter.families import Family
from exporter.stats.scores_by_truth import ScoresByTruth


def auc(others: Floats, of_class: Floats) -> Floats:
    """Return the AUC of counts by bin of the score, along the last axis; NaN if either side is empty.

    >>> float(auc(np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 3.0])).round(4))
    0.9583
    """
    below = others.cumsum(axis=-1) - others / 2
    with np.errstate(invalid="ignore"):
        area: Floats = (of_class * below).sum(axis=-1) / (of_class.sum(axis=-1) * others.sum(axis=-1))
    return area


@dataclass(frozen=True)
class Auc:
    """`model_auc` of each class against the rest, and averages over classes; no value without outcomes of both.

    The weighted average is weighted by how often each class is the true one.
    """

    scores: ScoresByTruth

    def figure(self, window: SeriesWindow) -> ClassFigure | None:
        """Return the AUC of a window; None if no class has one."""
        others, of_class = np.moveaxis(window[self.scores], 1, 0)
        areas, weights = auc(others, of_class), of_class.sum(axis=-1)
        exists = ~np.isnan(areas)
        if not exists.any():
            return None
        weighted, macro = np.average(areas[exists], weights=weights[exists]), areas[exists].mean()
        return ClassFigure(float(weighted), float(macro), dict(zip(self.scores.classes, areas.tolist(), strict=True)))

    def collect(self, view: View) -> Iterator[Family]:
        text = "Area under the ROC curve of a class against the rest in a window, 0 to 1."
        yield per_class("model_auc", text, view.windows, self.figure)
