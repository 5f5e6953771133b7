"""Feature bins: how many values of each feature lie in each bin of the reference profile.

Bins are disjoint and all are exported from the start at 0, so that PromQL can add them up over pods and time and
compute the exact drift of a fleet.
"""

from collections.abc import Collection, Mapping
from functools import cached_property

import numpy as np

from exporter.batch import WRONG_TYPE, Batch, Floats, Ints
from exporter.families import CounterFamily, Families, GaugeFamily
from exporter.reference.profile import MISSING_BIN, OTHER_BIN, Profile, bin_labels, reference_counts
from exporter.stats import LabelNames, Statistic, padded
from exporter.stats.variable_kind import FEATURES, VariableKind
from exporter.tallies.tally import COUNTS, S, Tally

# Names that alerts/ and dashboards/ use.
FEATURE_BIN = FEATURES.metric("bin_total")
REFERENCE_BIN = FEATURES.metric("reference_bin")
FEW_EDGES = 24


class FeatureBins(Statistic):
    """Counts by feature and bin, shape (features, width): numeric features first, then categorical ones.

    A row starts with the feature's own bins and ends with `missing` and `other`; cells in between stay 0. `exported`
    names the features whose bins are exported; None means all.
    """

    def __init__(
        self, profile: Profile, kind: VariableKind = FEATURES, exported: Collection[str] | None = None
    ) -> None:
        self.name = f"{kind.name}_bins"
        self.kind = kind
        self.identity = profile.reference_id
        self._exported = profile.features.keys() if exported is None else frozenset(exported)
        features = profile.ordered
        self.features = tuple(features)
        self._labels = tuple(bin_labels(feature) for feature in features.values())
        self._width = max(map(len, self._labels), default=0) + 2
        self.shape = (len(features), self._width)
        self.reference = np.zeros(self.shape)
        for row, feature in zip(self.reference, features.values(), strict=True):
            counts, missing, other = reference_counts(feature)
            row[: len(counts)] = counts
            row[-2:] = missing, other
        edges = [np.array(feature.edges) for feature in profile.numeric.values()]
        self._many = [(row, values) for row, values in enumerate(edges) if len(values) > FEW_EDGES]
        # Shape (positions, numeric features, 1); +inf after a feature's last edge.
        few = [values.tolist() if len(values) <= FEW_EDGES else [] for values in edges]
        self._few = padded(few, np.inf).T[..., None]
        special = {MISSING_BIN: self._width - 2, OTHER_BIN: self._width - 1}
        self._category_cells = [
            special | {label: cell for cell, label in enumerate(labels)}
            for labels in self._labels[len(profile.numeric) :]
        ]

    @cached_property
    def _exported_bins(self) -> tuple[list[tuple[str, ...]], tuple[Ints, Ints]]:
        """The label values of each exported bin, and where the bins are in a tally."""
        rows = [row for row, feature in enumerate(self.features) if feature in self._exported]
        cells = [(row, cell) for row in rows for cell, _ in self.cells(row)]
        at_rows, at_cells = np.array(cells, np.int64).reshape(-1, 2).T
        # Of features, because the rules add up the bins of pods, which may have different references.
        reference_id = (self.identity,) if self.kind == FEATURES else ()
        keys = [(self.features[row], *reference_id, label) for row in rows for _, label in self.cells(row)]
        return keys, (at_rows, at_cells)

    def tally(self, batch: Batch) -> Tally:
        cells = np.empty((len(self.features), len(batch)), np.int64)
        cells[: len(batch.numbers)] = self._numeric_cells(batch.numbers)
        for row, (column, by_name) in enumerate(
            zip(batch.categories, self._category_cells, strict=True), len(batch.numbers)
        ):
            by_code = [by_name.get(name, self._width - 1) for name in column.names]
            cells[row] = np.array([*by_code, self._width - 2], np.int64)[column.codes]
        if batch.marks is not None:
            cells[batch.marks[: len(cells)] == WRONG_TYPE] = self._width - 1
        cells += np.arange(len(self.features))[:, None] * self._width
        if batch.groups > 1:
            cells += batch.group * self.reference.size
        counts = np.bincount(cells.ravel(), minlength=batch.groups * self.reference.size)
        return counts.reshape(batch.groups, *self.shape).astype(COUNTS)

    def _numeric_cells(self, numbers: Floats) -> Ints:
        """Return the cell of each number; to compare all numbers with few edges beats a binary search per number."""
        passed = np.zeros(numbers.shape, np.int8)
        for edges in self._few:
            passed += (numbers >= edges).view(np.int8)
        cells = passed.astype(np.int64)
        for row, edges in self._many:
            cells[row] = np.searchsorted(edges, numbers[row], side="right")
        unusable = ~np.isfinite(numbers)
        if np.count_nonzero(unusable):
            cells[unusable] = np.where(np.isnan(numbers[unusable]), self._width - 2, self._width - 1)
        return cells

    def cells(self, feature: int) -> list[tuple[int, str]]:
        """Return the position in its row, and the label, of each bin of a feature."""
        return [*enumerate(self._labels[feature]), (-2, MISSING_BIN), (-1, OTHER_BIN)]

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        labels = ("reference_id", "bin") if self.kind == FEATURES else ("bin",)
        counts, reference = (
            self.kind.families(family_type, self.features, suffix, text, labels)
            for family_type, suffix, text in (
                (CounterFamily, "bin_total", "Values of {}, by bin."),
                (GaugeFamily, "reference_bin", "Values of {} in the reference, by bin."),
            )
        )
        keys, cells = self._exported_bins
        for series, tally in tallies.items():
            rows = self.kind.rows(series, keys)
            counts.extend(rows, tally[cells].tolist())
            reference.extend(rows, self.reference[cells].tolist())
        yield from counts
        yield from reference
