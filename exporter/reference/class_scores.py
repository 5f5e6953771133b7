"""What a model gives each class of its reference, of predictions whose truth is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exporter.batch import Batch, Floats, Ints
from exporter.reference.profile import Categorical
from exporter.tallies.vocabulary import printable


class Scored(NamedTuple):
    """The scores by class, shape (classes, n), NaN where it is not said; and the true class of each, -1 for others."""

    scores: Floats
    truth: Ints


def classes_of(prediction: Categorical) -> tuple[str, ...]:
    """Return the classes in the order of scores, spelt as they are admitted."""
    return tuple(map(printable, prediction.categories))


def scored(batch: Batch, classes: tuple[str, ...]) -> Scored:
    """Return the scores of a batch of outcomes."""
    actual, _ = batch.truth
    places = {name: place for place, name in enumerate(classes)}
    truth = np.array([places.get(name, -1) for name in actual.names] + [-1], np.int64)[actual.codes]
    # Those of a prediction that waited while the reference was replaced may be of others.
    if batch.scores is None or len(batch.scores) != len(classes):
        return Scored(np.full((len(classes), len(batch)), np.nan), truth)
    return Scored(batch.scores, truth)
