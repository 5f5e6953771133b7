"""Scores by truth: the distribution of each class's score, where that class is the true one and where it is not."""

from __future__ import annotations

from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats
from exporter.reference.class_scores import class_scores, classes_of
from exporter.reference.profile import Categorical
from exporter.stats import NotExported
from exporter.tallies.tally import COUNTS, Tally

# Bins between 1/32 and 31/32 have the same width. Towards 0 and 1, six bins halve the distance, and beyond 2**-24 one
# bin does, because the scores of overconfident models and of models of rare events lie there.
_MIDDLE = np.arange(8, 249) / 256
_TAIL = 2.0 ** -np.concatenate((5 + np.arange(1, 19 * 6 + 1) / 6, np.arange(25, 53)))
EDGES: Floats = np.concatenate((_TAIL[::-1], _MIDDLE, 1 - _TAIL))
BINS = len(EDGES) + 1


class ScoresByTruth(NotExported):
    """Counts by class of the reference, by whether it is the true class (0 or 1), and by bin of its score.

    Bin i counts the scores s with EDGES[i-1] <= s < EDGES[i]. A class without a score is not counted.
    """

    name = "scores_by_truth"
    reads: Literal["outcomes"] = "outcomes"

    def __init__(self, prediction: Categorical) -> None:
        self.classes = classes_of(prediction)

    def __repr__(self) -> str:
        return f"ScoresByTruth({self.classes})"

    def zero(self) -> Floats:
        return np.zeros((len(self.classes), 2, BINS))

    def tally(self, batch: Batch) -> Tally:
        scores, truth = class_scores(batch, self.classes)
        shape = (batch.groups, *self.zero().shape)
        rows, records = np.nonzero(~np.isnan(scores) & (batch.truth[0].codes >= 0))
        bins = np.searchsorted(EDGES, scores[rows, records], side="right")
        cells = ((batch.group[records] * len(self.classes) + rows) * 2 + (truth[records] == rows)) * BINS + bins
        return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape).astype(COUNTS)
