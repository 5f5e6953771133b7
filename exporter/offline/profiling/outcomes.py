"""The outcomes of the reference data, predictions with ground truth: their performance and their calibration."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import UNSET, UnsetType

from exporter.batch import Bools, Floats
from exporter.decoding.columns import scores, scores_by_class
from exporter.offline.profiling.blocks import Block
from exporter.offline.profiling.categorical import CATEGORIES
from exporter.offline.profiling.sample import SAMPLE, Sample
from exporter.reference.calibration import Calibration, ScoredClass
from exporter.reference.performance import Baseline, figures

# The sidecar counts at most this many one by one.
MOST_CLASSES = 100
SAMPLED_NUMBERS = 1 << 22
FEWEST_ROWS = 100
# Bins of the records for which a class is predicted, and of the rest; fewer if all classes together would exceed
# MOST_BINS.
BINS = 64
MOST_BINS = 640
SCORES = {float, int, dict, type(None)}


class OutcomeTally:
    """Counts pairs of a predicted and an actual class, of up to MOST_CLASSES classes; values have no baseline."""

    def __init__(self, *, are_values: bool) -> None:
        self._are_values = are_values
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._classes: set[str] = set()

    def add(self, block: Block) -> None:
        """Count the rows of a block that have both."""
        if self._are_values or block.outcomes is None or len(self._classes) > MOST_CLASSES:
            return
        predicted, actual = block.outcomes.predicted, block.outcomes.actual
        both = (predicted.codes >= 0) & (actual.codes >= 0)
        pairs = Counter(zip(predicted.codes[both].tolist(), actual.codes[both].tolist(), strict=True))
        for (said, was), count in pairs.items():
            self._pairs[predicted.names[said], actual.names[was]] += count
        self._classes = {name for pair in self._pairs for name in pair}

    def baseline(self) -> Baseline | UnsetType:
        """Return the baseline; UNSET for values, without any pair, or with too many classes."""
        if self._are_values or not 0 < len(self._classes) <= MOST_CLASSES:
            return UNSET
        places = {name: place for place, name in enumerate(sorted(self._classes))}
        counts = np.zeros((len(places), len(places)))
        for (predicted, actual), count in self._pairs.items():
            counts[places[predicted], places[actual]] = count
        return Baseline(samples=self._pairs.total(), **figures(counts))


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
        """Return the calibration in the order of `classes`, which are the same; UNSET if there are too few rows."""
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
    """Return the records of a class by their score (NaN if absent), in about `bins` bins each, predicted or not."""
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
    """Return edges near the quantiles, halfway between two values, because a log may round scores."""
    distinct, counts = np.unique(scores, return_counts=True)
    if len(distinct) <= bins:
        last = np.arange(len(distinct) - 1)
    else:
        wanted = np.arange(1, bins) * len(scores) / bins
        last = np.unique(np.searchsorted(counts.cumsum(), wanted))
        last = last[last < len(distinct) - 1]
    return (distinct[last] + distinct[last + 1]) / 2 if len(distinct) else np.empty(0)
