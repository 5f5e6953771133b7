"""Score losses: sums of the losses of the scores of all classes."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from exporter.batch import Batch, Floats
from exporter.reference.class_scores import class_scores, classes_of
from exporter.reference.profile import Categorical
from exporter.stats import NotExported

TWO_CLASSES = 2
# scikit-learn keeps scores this far from 0 and 1.
LEAST = np.finfo(np.float64).eps


class ScoreLossSums(NamedTuple):
    """Sums over outcomes.

    `number` counts the outcomes whose true class has a score, and `log_losses` is of those; `complete` counts the
    outcomes with a score for every class, and `squares` is of those.
    """

    number: float
    log_losses: float
    complete: float
    squares: float


class ScoreLosses(NotExported):
    """ScoreLossSums, shape (4,). An outcome whose true class is not in the reference is not counted.

    The log loss of an outcome is -ln of the score of its true class. Its squared loss is the sum over classes of
    (score - 1)^2 for the true class and score^2 for the others; of two classes it is half of that.
    """

    name = "score_losses"
    reads: Literal["outcomes"] = "outcomes"

    def __init__(self, prediction: Categorical) -> None:
        self.classes = classes_of(prediction)

    def __repr__(self) -> str:
        return f"ScoreLosses({self.classes})"

    def zero(self) -> Floats:
        return np.zeros(len(ScoreLossSums._fields))

    def tally(self, batch: Batch) -> Floats:
        scores, truth = class_scores(batch, self.classes)
        rows = np.flatnonzero(truth >= 0)
        scores, truth, group = scores[:, rows], truth[rows], batch.group[rows]
        true_scores = scores[truth, np.arange(len(rows))]
        has_score, complete = ~np.isnan(true_scores), ~np.isnan(scores).any(axis=0)
        losses = -np.log(np.clip(true_scores, LEAST, 1 - LEAST))
        squares = np.square(scores - (np.arange(len(scores))[:, None] == truth)).sum(axis=0)
        if len(self.classes) == TWO_CLASSES:
            squares = squares / 2
        columns = [(has_score, None), (has_score, losses), (complete, None), (complete, squares)]
        sums = [np.bincount(group[of], None if values is None else values[of], batch.groups) for of, values in columns]
        return np.stack(sums, axis=1).astype(np.float64)
