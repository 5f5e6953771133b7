"""The baseline: how accurate predictions of classes are on data with ground truth."""

from __future__ import annotations

from collections import Counter

import numpy as np
from msgspec import UNSET, UnsetType

from exporter.offline.profiling.blocks import Block
from exporter.reference.performance import Baseline, figures

# As many as the sidecar counts one by one.
MOST_CLASSES = 100


class OutcomeTally:
    """Counts pairs of a predicted and an actual class, up to MOST_CLASSES; values have no baseline."""

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
