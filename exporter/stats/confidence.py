"""Confidence: scores of predictions, and how often those were correct, by bins of the score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exporter.batch import Batch, Floats
from exporter.stats import Statistic

# Of equal width; 10 and 15 bins can be made by adding up neighbours.
BINS = 30
EDGES = np.arange(1, BINS) / BINS


class ConfidenceSums(NamedTuple):
    """Sums by bin of the score, shape (bins,): outcomes, correct ones, and scores."""

    number: Floats
    correct: Floats
    scores: Floats

    @classmethod
    def of(cls, tally: Floats, bins: int = BINS) -> ConfidenceSums:
        """Return the sums of `bins` bins; BINS is a multiple of it."""
        return cls(*tally.reshape(len(cls._fields), bins, -1).sum(axis=-1))


class Confidence(Statistic):
    """ConfidenceSums by bin of `probability`, shape (3, BINS).

    A bin includes its upper edge and excludes its lower edge; the first bin includes 0.
    """

    name = "confidence"
    reads = "outcomes"
    identity = "reads='outcomes'"
    shape = (len(ConfidenceSums._fields), BINS)

    def tally(self, batch: Batch) -> Floats:
        actual, _ = batch.truth
        usable = (batch.prediction.codes >= 0) & (actual.codes >= 0) & ~np.isnan(batch.probability)
        scores = batch.probability[usable]
        correct = batch.prediction.codes[usable] == actual.codes[usable]
        cells = batch.group[usable] * BINS + np.searchsorted(EDGES, scores, side="left")
        sums = [np.bincount(cells, weights, batch.groups * BINS) for weights in (None, correct, scores)]
        return np.stack([by_cell.reshape(batch.groups, BINS) for by_cell in sums], axis=1).astype(np.float64)
