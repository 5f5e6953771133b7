"""Feature bins: how many values of each feature lie in each bin of the reference profile.

Bins are disjoint and all are exported from the start at 0, so that PromQL can add them up over pods and time and
compute the exact drift of a fleet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Literal

import numpy as np

from exporter.batch import WRONG_TYPE, Batch, Floats, Ints
from exporter.encoded import Encoded
from exporter.families import CounterFamily, Families, GaugeFamily
from exporter.reference.profile import MISSING_BIN, OTHER_BIN, Profile, bin_labels, reference_counts
from exporter.stats import LabelNames, OfReference
from exporter.stats.variable_kind import FEATURES, VariableKind
from exporter.tallies.tally import COUNTS, S, Tally

# Names that alerts/ and dashboards/ use.
FEATURE_BIN = FEATURES.metric("bin_total")
REFERENCE_BIN = FEATURES.metric("reference_bin")


class FeatureBins(OfReference):
    """Counts by feature and bin, shape (features, width): numeric features first, then categorical ones.

    A row starts with the feature's own bins and ends with `missing` and `other`; cells in between stay 0. `exported`
    names the features whose bins are exported; None means all.
    """

    reads: Literal["predictions"] = "predictions"

    def __init__(
        self, profile: Profile, kind: VariableKind = FEATURES, exported: Collection[str] | None = None
    ) -> None:
        self.name = f"{kind.name}_bins"
        self.kind = kind
        self.reference_id = profile.reference_id
        self._exported = profile.features.keys() if exported is None else frozenset(exported)
        self._numeric = profile.numeric
        features = profile.ordered
        self.features = tuple(features)
        self._labels = tuple(bin_labels(feature) for feature in features.values())
        self._width = max((len(labels) for labels in self._labels), default=0) + 2
        self.reference = np.zeros((len(features), self._width))
        for row, feature in zip(self.reference, features.values(), strict=True):
            counts, missing, other = reference_counts(feature)
            row[: len(counts)] = counts
            row[-2:] = missing, other

    @cached_property
    def _edges(self) -> Floats:
        """Edges of numeric features, shape (positions, features, 1); +inf after a feature's last edge."""
        most = max((len(feature.edges) for feature in self._numeric.values()), default=0)
        edges = np.full((most, len(self._numeric), 1), np.inf)
        for index, feature in enumerate(self._numeric.values()):
            edges[: len(feature.edges), index, 0] = feature.edges
        return edges

    @cached_property
    def _category_cells(self) -> tuple[dict[str, int], ...]:
        rows = self._labels[len(self._numeric) :]
        return tuple({label: cell for cell, label in enumerate(labels)} for labels in rows)

    @cached_property
    def _shown(self) -> list[tuple[int, int, str]]:
        """The row, cell and label of each exported bin."""
        rows = [row for row, feature in enumerate(self.features) if feature in self._exported]
        return [(row, cell, label) for row in rows for cell, label in self.cells(row)]

    @cached_property
    def _keys(self) -> list[tuple[str, str]]:
        return [(self.features[row], label) for row, _, label in self._shown]

    @cached_property
    def _cells(self) -> tuple[Ints, Ints]:
        rows, cells = ([shown[part] for shown in self._shown] for part in (0, 1))
        return np.array(rows, np.int64), np.array(cells, np.int64)

    def zero(self) -> Floats:
        return np.zeros((len(self.features), self._width))

    def tally(self, batch: Batch) -> Tally:
        cells = np.empty((len(self.features), len(batch)), np.int64)
        cells[: len(self._numeric)] = self._numeric_cells(batch.numbers)
        for index, column in enumerate(batch.categories):
            cells[len(self._numeric) + index] = self._cells_of(column, self._category_cells[index])
        if batch.marks is not None:
            cells[batch.marks[: len(cells)] == WRONG_TYPE] = self._width - 1
        shape = (batch.groups, *self.reference.shape)
        cells += np.arange(len(self.features))[:, None] * self._width
        if batch.groups > 1:
            cells += batch.group * self.reference.size
        return np.bincount(cells.ravel(), minlength=int(np.prod(shape))).reshape(shape).astype(COUNTS)

    def _numeric_cells(self, numbers: Floats) -> Ints:
        """Return the cell of each number; comparing all numbers with each edge beats a binary search per number."""
        passed = np.zeros(numbers.shape, np.int8)
        for edges in self._edges:
            passed += (numbers >= edges).view(np.int8)
        cells = passed.astype(np.int64)
        unusable = ~np.isfinite(numbers)
        if np.count_nonzero(unusable):
            cells[unusable] = np.where(np.isnan(numbers[unusable]), self._width - 2, self._width - 1)
        return cells

    def _cells_of(self, column: Encoded[str], cells: Mapping[str, int]) -> Ints:
        special = {MISSING_BIN: self._width - 2, OTHER_BIN: self._width - 1}
        by_code = [cells.get(name, special.get(name, self._width - 1)) for name in column.names]
        return np.array([*by_code, self._width - 2], np.int64)[column.codes]

    def cells(self, feature: int) -> list[tuple[int, str]]:
        """Return the position in its row, and the label, of each bin of a feature."""
        return [*enumerate(self._labels[feature]), (-2, MISSING_BIN), (-1, OTHER_BIN)]

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        counts, reference = (
            self.kind.families(family_type, self.features, suffix, text, ("bin",))
            for family_type, suffix, text in (
                (CounterFamily, "bin_total", "Values of {} that fell in a bin."),
                (GaugeFamily, "reference_bin", "Values of {} in a bin of the reference."),
            )
        )
        for series, tally in tallies.items():
            counts.extend(series, self._keys, tally[self._cells].tolist())
            reference.extend(series, self._keys, self.reference[self._cells].tolist())
        yield from counts
        yield from reference
