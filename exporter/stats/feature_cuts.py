"""Feature cuts: how many values of each numeric feature lie between fine quantiles of the reference.

What Kolmogorov-Smirnov, Wasserstein and the quantiles of a window are derived from. Not exported as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.reference.profile import Numeric, Profile
from exporter.stats import Names
from exporter.stats.subject import FEATURES, Subject
from exporter.tallies.tally import COUNTS, Tally

LEAST = np.finfo(np.float64).min


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
        # The first and the last one part the finite values from the infinite ones.
        self._bounds = tuple(np.array([LEAST, *feature.cuts, np.inf]) for feature in self.features.values())
        self.last = np.array([len(feature.cuts) for feature in self.features.values()], np.int64)
        self.cells = int(self.last.max(initial=0)) + 1
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
        return self._of_one(batch.numbers)[None] if batch.groups == 1 else self._of_several(batch)

    def _of_one(self, numbers: Floats) -> Tally:
        """Count where the cuts lie among the sorted values, which is several times as fast as the other way round."""
        below = np.zeros((len(numbers), self.cells + 1), np.int64)
        for row, bounds, values in zip(below, self._bounds, np.sort(numbers, axis=1), strict=True):
            at = values.searchsorted(bounds)
            row[: len(at)], row[len(at) :] = at, at[-1]
        return (below[:, 1:] - below[:, :-1]).astype(COUNTS)

    def _of_several(self, batch: Batch) -> Tally:
        width = self.cells + 1
        cells = np.empty(batch.numbers.shape, np.int64)
        for row, bounds in enumerate(self._bounds):
            cells[row] = np.searchsorted(bounds[1:-1], batch.numbers[row], side="right")
        # What is no finite number has a cell of its own, which is left out.
        cells[~np.isfinite(batch.numbers)] = self.cells
        cells += np.arange(len(cells))[:, None] * width + batch.group * (len(cells) * width)
        counts = np.bincount(cells.ravel(), minlength=batch.groups * len(cells) * width)
        return counts.reshape(batch.groups, len(cells), width)[..., :-1].astype(COUNTS)

    def above(self, cells: Floats) -> Floats:
        """Return each feature's count from its last cut on."""
        return cells[np.arange(len(cells)), self.last]

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        return iter(())
