"""The scores of each class of the reference, for predictions with ground truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exporter.batch import Batch, Floats, Ints
from exporter.reference.profile import Categorical
from exporter.tallies.vocabulary import printable


class ClassScores(NamedTuple):
    """The scores by class, shape (classes, n), NaN where absent, and the true class of each, -1 for others."""

    scores: Floats
    truth: Ints


def classes_of(prediction: Categorical) -> tuple[str, ...]:
    """Return the classes in the order of scores, spelt like label values."""
    return tuple(map(printable, prediction.categories))


def class_scores(batch: Batch, classes: tuple[str, ...]) -> ClassScores:
    """Return the scores and the true classes of a batch of outcomes."""
    actual, _ = batch.truth
    places = {name: place for place, name in enumerate(classes)}
    truth = np.array([places.get(name, -1) for name in actual.names] + [-1], np.int64)[actual.codes]
    # A prediction that was waiting when the reference was replaced has scores of other classes.
    if batch.scores is None or len(batch.scores) != len(classes):
        return ClassScores(np.full((len(classes), len(batch)), np.nan), truth)
    return ClassScores(batch.scores, truth)
