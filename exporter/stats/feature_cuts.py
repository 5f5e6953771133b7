"""Feature cuts: how many values of each numeric feature lie between fine quantiles of the reference.

The Kolmogorov-Smirnov statistic, the Wasserstein distance and quantiles are derived from these counts.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from exporter.batch import Batch, Floats
from exporter.reference.profile import Numeric, Profile
from exporter.stats import Statistic, count_cells, padded
from exporter.stats.variable_kind import FEATURES, VariableKind
from exporter.tallies.tally import COUNTS, Tally

LEAST = np.finfo(np.float64).min


class FeatureCuts(Statistic):
    """Counts of finite values by numeric feature and cell, shape (numeric features, cells).

    Cell i counts the values x with cuts[i-1] <= x < cuts[i]. After a feature's `last` cell, cells stay 0 and cuts are
    +inf. `steps` marks the features for which each distinct value of the reference has a cut of its own.
    """

    def __init__(self, profile: Profile, kind: VariableKind = FEATURES) -> None:
        self.name = f"{kind.name}_cuts"
        self.identity = profile.reference_id
        self.features: Mapping[str, Numeric] = profile.numeric
        # The first and the last bound separate finite values from infinite ones.
        self._bounds = tuple(np.array([LEAST, *feature.cuts, np.inf]) for feature in self.features.values())
        self.last = np.array([len(feature.cuts) for feature in self.features.values()], np.int64)
        self.cells = int(self.last.max(initial=0)) + 1
        self.shape = (len(self.features), self.cells)
        self.steps = np.array([feature.is_discrete for feature in self.features.values()], np.bool_)
        self.cuts = padded([feature.cuts for feature in self.features.values()], np.inf)
        self.reference = padded([feature.cut_counts for feature in self.features.values()], 0.0).reshape(self.shape)

    def tally(self, batch: Batch) -> Tally:
        return self._of_one(batch.numbers)[None] if batch.groups == 1 else self._of_several(batch)

    def _of_one(self, numbers: Floats) -> Tally:
        """Find the cuts among the sorted values, which is several times faster than the other way round."""
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
        # Values that are not finite get a cell of their own, which is dropped below.
        cells[~np.isfinite(batch.numbers)] = self.cells
        cells += np.arange(len(cells))[:, None] * width
        return count_cells(cells, batch.group, batch.groups, (len(cells), width))[..., :-1]

    def above(self, cells: Floats) -> Floats:
        """Return each feature's count at or above its last cut."""
        return cells[np.arange(len(cells)), self.last]

    @cached_property
    def widths(self) -> Floats:
        """Distances between neighbouring cuts, shape (numeric features, cells - 2); 0 after a feature's last cut."""
        with np.errstate(invalid="ignore", over="ignore"):
            widths = np.diff(self.cuts, axis=-1)
        return np.where(np.isfinite(self.cuts[:, 1:]), np.minimum(widths, np.finfo(np.float64).max), 0.0)
