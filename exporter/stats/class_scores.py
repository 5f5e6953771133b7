"""Scores of classes with ground truth: their distributions by true class, and their losses."""

from typing import NamedTuple

import numpy as np

from exporter.batch import Batch, Floats, Ints
from exporter.reference.profile import Categorical
from exporter.stats import Statistic, count_cells
from exporter.tallies.tally import Tally
from exporter.tallies.vocabulary import printable

# Bins between 1/32 and 31/32 have the same width. Towards 0 and 1, six bins halve the distance, and beyond 2**-24 one
# bin does, because the scores of overconfident models and of models of rare events lie there.
_MIDDLE = np.arange(8, 249) / 256
_TAIL = 2.0 ** -np.concatenate((5 + np.arange(1, 19 * 6 + 1) / 6, np.arange(25, 53)))
EDGES: Floats = np.concatenate((_TAIL[::-1], _MIDDLE, 1 - _TAIL))
BINS = len(EDGES) + 1

TWO_CLASSES = 2
# scikit-learn keeps scores this far from 0 and 1.
LEAST = np.finfo(np.float64).eps


class ScoreLossSums(NamedTuple):
    """Sums over outcomes.

    `number` counts the outcomes whose true class has a score, and `log_losses` are theirs; `complete` counts the
    outcomes with a score for every class, and `squares` are theirs.
    """

    number: float
    log_losses: float
    complete: float
    squares: float


class ClassScores(NamedTuple):
    """The scores by class, shape (classes, n), NaN where absent, and the true class of each, -1 for others."""

    scores: Floats
    truth: Ints


class _OfClasses(Statistic):
    """A statistic of the scores of a reference's classes."""

    reads = "outcomes"

    def __init__(self, prediction: Categorical) -> None:
        # In the order of scores, written like label values.
        self.classes = tuple(map(printable, prediction.categories))
        self.identity = str(self.classes)

    def scores(self, batch: Batch) -> ClassScores:
        """Return the scores and the true classes of a batch of outcomes."""
        actual, _ = batch.truth
        places = {name: place for place, name in enumerate(self.classes)}
        truth = np.array([places.get(name, -1) for name in actual.names] + [-1], np.int64)[actual.codes]
        # A prediction that was waiting when the reference was replaced has scores of other classes.
        if batch.scores is None or len(batch.scores) != len(self.classes):
            return ClassScores(np.full((len(self.classes), len(batch)), np.nan), truth)
        return ClassScores(batch.scores, truth)


class ScoresByTruth(_OfClasses):
    """Counts by class of the reference, by whether it is the true class (0 or 1), and by bin of its score.

    Bin i counts the scores s with EDGES[i-1] <= s < EDGES[i]. A class without a score is not counted.
    """

    name = "scores_by_truth"

    def __init__(self, prediction: Categorical) -> None:
        super().__init__(prediction)
        self.shape = (len(self.classes), 2, BINS)

    def tally(self, batch: Batch) -> Tally:
        scores, truth = self.scores(batch)
        rows, records = np.nonzero(~np.isnan(scores) & (batch.truth[0].codes >= 0))
        bins = np.searchsorted(EDGES, scores[rows, records], side="right")
        cells = (rows * 2 + (truth[records] == rows)) * BINS + bins
        return count_cells(cells, batch.group[records], batch.groups, self.shape)


class ScoreLosses(_OfClasses):
    """ScoreLossSums, shape (4,). An outcome whose true class is not in the reference is not counted.

    The log loss of an outcome is -ln of the score of its true class. Its squared loss is the sum over classes of
    (score - 1)^2 for the true class and score^2 for the others; of two classes it is half of that.
    """

    name = "score_losses"
    shape = (len(ScoreLossSums._fields),)

    def tally(self, batch: Batch) -> Floats:
        scores, truth = self.scores(batch)
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
