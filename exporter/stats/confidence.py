"""Confidence: how sure the model was, and how often it was right, by bins of the score of its predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.stats import Names

# Of equal width; both ten and fifteen bins are made of them.
BINS = 30
EDGES = np.arange(1, BINS) / BINS


class Sums(NamedTuple):
    """What a tally holds of each bin: outcomes, those that were right, and the sum of their scores."""

    number: Floats
    right: Floats
    scores: Floats

    @classmethod
    def of(cls, tally: Floats, bins: int = BINS) -> Sums:
        """Return the sums of `bins` bins, of which BINS is a multiple."""
        return cls(*tally.reshape(len(cls._fields), bins, -1).sum(axis=-1))


@dataclass(frozen=True)
class Confidence:
    """Sums of outcomes by bin of `probability`, shape (3, BINS) in the order of Sums.

    A bin holds the scores above its lower and up to its upper edge, the first one 0 too.
    """

    name = "confidence"
    reads: Literal["outcomes"] = "outcomes"

    def zero(self) -> Floats:
        return np.zeros((len(Sums._fields), BINS))

    def tally(self, batch: Batch) -> Floats:
        actual, _ = batch.truth
        told = (batch.prediction.codes >= 0) & (actual.codes >= 0) & ~np.isnan(batch.probability)
        scores = batch.probability[told]
        right = batch.prediction.codes[told] == actual.codes[told]
        cells = batch.group[told] * BINS + np.searchsorted(EDGES, scores, side="left")
        sums = [np.bincount(cells, weights, batch.groups * BINS) for weights in (None, right, scores)]
        return np.stack([of_all.reshape(batch.groups, BINS) for of_all in sums], axis=1).astype(np.float64)

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Totals since the start are of no use here."""
        return iter(())
