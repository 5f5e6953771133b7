"""Feature cuts: how many values of each numeric feature lie between fine quantiles of the reference.

What Kolmogorov-Smirnov, Wasserstein and the quantiles of a window are derived from. Not exported as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.profile import Numeric, Profile
from exporter.stats import Names
from exporter.subject import FEATURES, Subject
from exporter.tally import COUNTS, Tally


class FeatureCuts:
    """Counts of finite values by numeric feature and cell, shape (numeric features, cells).

    Cell i holds the values x with cuts[i-1] <= x < cuts[i]; past a feature's `last` cell, cells stay 0 and cuts are
    +inf. `steps` says of which features each distinct value of the reference has a cut of its own.
    """

    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile, subject: Subject = FEATURES) -> None:
        self.name = f"{subject.name}_cuts"
        self._reference_id = profile.reference_id
        self.features: Mapping[str, Numeric] = profile.numeric
        self._cuts = tuple(np.array(feature.cuts) for feature in self.features.values())
        self.cells = max((len(cuts) for cuts in self._cuts), default=0) + 1
        self.last = np.array([len(cuts) for cuts in self._cuts], np.int64)
        self.steps = np.array([feature.is_discrete for feature in self.features.values()], np.bool_)
        self.reference = np.zeros((len(self.features), self.cells))
        self.cuts = np.full((len(self.features), self.cells - 1), np.inf)
        for row, feature in enumerate(self.features.values()):
            self.reference[row, : len(feature.cut_counts)] = feature.cut_counts
            self.cuts[row, : len(feature.cuts)] = feature.cuts

    def __repr__(self) -> str:
        return f"FeatureCuts({self._reference_id})"

    def zero(self) -> Floats:
        return np.zeros(self.reference.shape)

    def tally(self, batch: Batch) -> Tally:
        width = self.cells + 1
        cells = np.empty(batch.numbers.shape, np.int64)
        for row, cuts in enumerate(self._cuts):
            cells[row] = np.searchsorted(cuts, batch.numbers[row], side="right")
        # What is no finite number has a cell of its own, which is left out.
        cells[~np.isfinite(batch.numbers)] = self.cells
        cells += np.arange(len(self._cuts))[:, None] * width
        if batch.groups > 1:
            cells += batch.group * (len(self._cuts) * width)
        counts = np.bincount(cells.ravel(), minlength=batch.groups * len(self._cuts) * width)
        return counts.reshape(batch.groups, len(self._cuts), width)[..., :-1].astype(COUNTS)

    def above(self, cells: Floats) -> Floats:
        """Return each feature's count from its last cut on."""
        return cells[np.arange(len(cells)), self.last]

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        return iter(())
