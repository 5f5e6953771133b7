"""The calibration of the predictions' scores, from a sample of the records that have a score and ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import UNSET, UnsetType

from exporter.batch import Bools, Floats
from exporter.decoding.columns import scores, scores_by_class
from exporter.offline.profiling.blocks import Block
from exporter.offline.profiling.categorical import CATEGORIES
from exporter.offline.profiling.sample import SAMPLE, Sample
from exporter.reference.calibration import Calibration, ScoredClass

SAMPLED_NUMBERS = 1 << 22
FEWEST_ROWS = 100
# Bins of the records of which a class is predicted, and of the rest; fewer if all classes together would have more than
# MOST_BINS.
BINS = 64
MOST_BINS = 640
SCORES = {float, int, dict, type(None)}


class ScoreSample:
    """The second pass over predictions, scores and ground truth together; `classes` are all that are predicted."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes) if len(classes) <= CATEGORIES else ()
        self._sample = Sample(min(SAMPLE, SAMPLED_NUMBERS // (len(self._classes) + 2)))
        self._rows = 0

    def add(self, block: Block) -> None:
        """Take the rows that have all three."""
        outcomes = block.outcomes
        if not self._classes or outcomes is None:
            return
        values = tuple(value if type(value) in SCORES else None for value in outcomes.scores)
        codes = {name: code for code, name in enumerate(self._classes)}
        predicted, actual = (
            np.array([codes.get(name, -1) for name in column.names] + [-1])[column.codes]
            for column in (outcomes.predicted, outcomes.actual)
        )
        of_prediction = scores(values, tuple(outcomes.predictions))
        by_class = scores_by_class(of_prediction, values, outcomes.predicted, self._classes)
        kept = np.flatnonzero((predicted >= 0) & (outcomes.actual.codes >= 0))
        kept = kept[~np.isnan(by_class[predicted[kept], kept])]
        self._rows += len(kept)
        if len(kept):
            self._sample.add(np.column_stack((predicted[kept], actual[kept], by_class[:, kept].T)))

    def calibration(self, classes: Iterable[str]) -> Calibration | UnsetType:
        """Return the calibration of `classes`, the same in another order; UNSET if there are too few rows."""
        if self._rows < FEWEST_ROWS:
            return UNSET
        predicted, actual, *by_class = self._sample.values().T
        codes = {name: self._classes.index(name) for name in classes}
        bins = max(2, min(BINS, MOST_BINS // len(codes)))
        return Calibration(
            rows=len(predicted),
            classes={
                name: scored_class(by_class[code], predicted == code, actual == code, bins)
                for name, code in codes.items()
            },
        )


def scored_class(scores: Floats, is_predicted: Bools, is_true: Bools, bins: int) -> ScoredClass:
    """Return the records of a class by their score (NaN: none), in about `bins` bins if it is predicted, and else."""
    has_score = ~np.isnan(scores)
    scores, is_predicted, is_true = scores[has_score], is_predicted[has_score], is_true[has_score]
    edges = np.union1d(_edges(scores[is_predicted], bins), _edges(scores[~is_predicted], bins))
    cells = np.searchsorted(edges, scores, "right")

    def counts(rows: Bools) -> list[int]:
        counted: list[int] = np.bincount(cells[rows], minlength=len(edges) + 1).tolist()
        return counted

    return ScoredClass(
        edges=edges.tolist(),
        predicted=counts(is_predicted),
        predicted_true=counts(is_predicted & is_true),
        rest=counts(~is_predicted),
        rest_true=counts(~is_predicted & is_true),
    )


def _edges(scores: Floats, bins: int) -> Floats:
    """Return edges near the quantiles, each halfway between two values, as a score may have fewer digits in a log."""
    distinct, counts = np.unique(scores, return_counts=True)
    if len(distinct) <= bins:
        last = np.arange(len(distinct) - 1)
    else:
        wanted = np.arange(1, bins) * len(scores) / bins
        last = np.unique(np.searchsorted(counts.cumsum(), wanted))
        last = last[last < len(distinct) - 1]
    return (distinct[last] + distinct[last + 1]) / 2 if len(distinct) else np.empty(0)
