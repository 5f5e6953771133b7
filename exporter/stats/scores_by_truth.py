"""Scores by truth: how the score of each class is distributed where the class is the truth, and where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.reference.class_scores import classes_of, scored
from exporter.reference.profile import Categorical
from exporter.stats import Names
from exporter.tallies.tally import COUNTS, Tally

# Bins between 1/32 and 31/32 have the same width. Towards 0 and 1 six halve the distance, and from 2**-24 on one does,
# as far as a score is not 1 itself: models that are too sure of themselves, or look for what is rare, have them there.
_MIDDLE = np.arange(8, 249) / 256
_TAIL = 2.0 ** -np.concatenate((5 + np.arange(1, 19 * 6 + 1) / 6, np.arange(25, 53)))
EDGES: Floats = np.concatenate((_TAIL[::-1], _MIDDLE, 1 - _TAIL))
BINS = len(EDGES) + 1


class ScoresByTruth:
    """Counts by class of the reference, whether it is the truth (0 or 1), and bin of its score.

    Bin i holds the scores s with EDGES[i-1] <= s < EDGES[i]. Where a class has no score nothing is counted.
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
        scores, truth = scored(batch, self.classes)
        shape = (batch.groups, *self.zero().shape)
        rows, records = np.nonzero(~np.isnan(scores) & (batch.truth[0].codes >= 0))
        bins = np.searchsorted(EDGES, scores[rows, records], side="right")
        cells = ((batch.group[records] * len(self.classes) + rows) * 2 + (truth[records] == rows)) * BINS + bins
        return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape).astype(COUNTS)

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Totals since the start are of no use here."""
        return iter(())
