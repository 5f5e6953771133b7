"""Score losses: sums of how far the scores of all classes are from the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.reference.class_scores import classes_of, scored
from exporter.reference.profile import Categorical
from exporter.stats import Names

TWO_CLASSES = 2
# As far as scikit-learn keeps scores from 0 and 1.
LEAST = np.finfo(np.float64).eps


class Sums(NamedTuple):
    """What a tally holds: outcomes whose true class has a score, and their losses; `complete` ones have all scores."""

    number: float
    log_losses: float
    complete: float
    squares: float


class ScoreLosses:
    """Sums, shape (4,), in the order of Sums. A truth that is no class of the reference is not counted.

    The log loss of an outcome is -ln of the score of its true class. Its squares are those of the difference of each
    score from 1 for the true class and 0 for others, added up; of two classes the half of it, which is that of either.
    """

    name = "score_losses"
    reads: Literal["outcomes"] = "outcomes"

    def __init__(self, prediction: Categorical) -> None:
        self.classes = classes_of(prediction)

    def __repr__(self) -> str:
        return f"ScoreLosses({self.classes})"

    def zero(self) -> Floats:
        return np.zeros(len(Sums._fields))

    def tally(self, batch: Batch) -> Floats:
        scores, truth = scored(batch, self.classes)
        known = np.flatnonzero(truth >= 0)
        scores, truth, group = scores[:, known], truth[known], batch.group[known]
        of_truth = scores[truth, np.arange(len(known))]
        told, complete = ~np.isnan(of_truth), ~np.isnan(scores).any(axis=0)
        losses = -np.log(np.clip(of_truth, LEAST, 1 - LEAST))
        squares = np.square(scores - (np.arange(len(scores))[:, None] == truth)).sum(axis=0)
        if len(self.classes) == TWO_CLASSES:
            squares = squares / 2
        columns = [(told, None), (told, losses), (complete, None), (complete, squares)]
        sums = [
            np.bincount(group[rows], None if values is None else values[rows], batch.groups) for rows, values in columns
        ]
        return np.stack(sums, axis=1).astype(np.float64)

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Totals since the start are of no use here."""
        return iter(())
