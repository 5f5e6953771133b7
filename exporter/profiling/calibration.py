"""The calibration of the predictions' scores, from a sample of the records that have a score and a truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import UNSET, UnsetType

from exporter.batch import Bools, Floats
from exporter.decoding.columns import class_of, scores, scores_by_class
from exporter.encoded import Encoded
from exporter.profiling.categorical import CATEGORIES
from exporter.profiling.records import Block
from exporter.profiling.sample import SAMPLE, Sample
from exporter.reference.calibration import Calibration, ScoredClass

SAMPLED_NUMBERS = 1 << 22
FEWEST_ROWS = 100
# Bins of the records that a class is predicted of, and of the rest; fewer where there are so many classes that all of
# them together would be more than MOST_BINS.
BINS = 64
MOST_BINS = 640
SCORES = {float, int, dict, type(None)}


class ScoreSample:
    """The second look at predictions, scores and truth together; `labels` are all that are predicted."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = tuple(labels) if len(labels) <= CATEGORIES else ()
        self._sample = Sample(min(SAMPLE, SAMPLED_NUMBERS // (len(self._labels) + 2)))
        self._rows = 0

    def add(self, block: Block) -> None:
        """Look at the next rows."""
        outcomes = block.outcomes
        if not self._labels or outcomes is None:
            return
        predicted, actual = _encoded(outcomes.predictions), _encoded(outcomes.actual)
        values = _scores(outcomes.scores)
        known = {name: code for code, name in enumerate(self._labels)}
        at, true = (
            np.array([known.get(name, -1) for name in column.names] + [-1])[column.codes]
            for column in (predicted, actual)
        )
        by_class = scores_by_class(scores(values, tuple(outcomes.predictions)), values, predicted, self._labels)
        kept = np.flatnonzero((at >= 0) & (actual.codes >= 0))
        kept = kept[~np.isnan(by_class[at[kept], kept])]
        self._rows += len(kept)
        if len(kept):
            self._sample.add(np.column_stack((at[kept], true[kept], by_class[:, kept].T)))

    def calibration(self, classes: Iterable[str]) -> Calibration | UnsetType:
        """Return the calibration of the classes, which are the labels in another order, if there are rows enough."""
        if self._rows < FEWEST_ROWS:
            return UNSET
        predicted, true, *by_label = self._sample.values().T
        numbers = {name: self._labels.index(name) for name in classes}
        bins = max(2, min(BINS, MOST_BINS // len(numbers)))
        return Calibration(
            rows=len(predicted),
            classes={
                name: scored_class(by_label[number], predicted == number, true == number, bins)
                for name, number in numbers.items()
            },
        )


def scored_class(scores: Floats, is_predicted: Bools, is_true: Bools, bins: int) -> ScoredClass:
    """Return the records of a class by their score, NaN where there is none, in about `bins` bins of either kind."""
    said = ~np.isnan(scores)
    scores, is_predicted, is_true = scores[said], is_predicted[said], is_true[said]
    edges = np.union1d(_edges(scores[is_predicted], bins), _edges(scores[~is_predicted], bins))
    cells = np.searchsorted(edges, scores, "right")

    def counts(of: Bools) -> list[int]:
        counted: list[int] = np.bincount(cells[of], minlength=len(edges) + 1).tolist()
        return counted

    return ScoredClass(
        edges=edges.tolist(),
        predicted=counts(is_predicted),
        predicted_true=counts(is_predicted & is_true),
        rest=counts(~is_predicted),
        rest_true=counts(~is_predicted & is_true),
    )


def _edges(scores: Floats, bins: int) -> Floats:
    """Return edges near the quantiles, each halfway between two values: a score may be spelt with fewer digits."""
    distinct, counts = np.unique(scores, return_counts=True)
    if len(distinct) <= bins:
        last = np.arange(len(distinct) - 1)
    else:
        wanted = np.arange(1, bins) * len(scores) / bins
        last = np.unique(np.searchsorted(counts.cumsum(), wanted))
        last = last[last < len(distinct) - 1]
    return (distinct[last] + distinct[last + 1]) / 2 if len(distinct) else np.empty(0)


def _encoded(values: Sequence[Any]) -> Encoded[str]:
    """Encode a column of labels; what is none, or NaN, is absent."""
    if set(map(type, values)) <= {str, type(None)}:
        return Encoded.of(tuple(values))
    known = (isinstance(value, str | int | float) and value == value for value in values)  # noqa: PLR0124  # NaN
    return Encoded.of(
        tuple(class_of(value) if is_known else None for value, is_known in zip(values, known, strict=True))
    )


def _scores(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return a column of scores; what is none is absent."""
    if set(map(type, values)) <= SCORES:
        return tuple(values)
    return tuple(value if type(value) in SCORES else None for value in values)
