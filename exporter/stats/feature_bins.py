"""Feature bins: how many values of each feature lie in each bin of the reference profile.

Disjoint bins, all exported from the start at 0, so that PromQL can add them over pods and time and compute
drift that is exact for a fleet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal

import numpy as np
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from exporter.batch import WRONG_TYPE, Batch, Encoded, Floats, Ints, Series
from exporter.profile import MISSING_BIN, OTHER_BIN, Profile, bin_labels, reference_counts
from exporter.stats import BASE_LABELS, Names


class FeatureBins:
    """Counts by feature and bin, shape (features, width): numeric features first, then categorical ones.

    A feature's own bins come first in its row; the last two cells are `missing` and `other` for every
    feature; cells between are unused and stay 0.
    """

    name = "feature_bins"
    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
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

    def __repr__(self) -> str:
        return f"FeatureBins({self._profile.reference_id})"

    @cached_property
    def _edges(self) -> Floats:
        """Numeric features' edges by position, shape (positions, features, 1); past a feature's last: +inf."""
        most = max((len(feature.edges) for feature in self._numeric.values()), default=0)
        edges = np.full((most, len(self._numeric), 1), np.inf)
        for index, feature in enumerate(self._numeric.values()):
            edges[: len(feature.edges), index, 0] = feature.edges
        return edges

    @cached_property
    def _category_cells(self) -> tuple[dict[str, int], ...]:
        rows = self._labels[len(self._numeric) :]
        return tuple({label: cell for cell, label in enumerate(labels)} for labels in rows)

    def zero(self) -> Floats:
        return np.zeros((len(self.features), self._width))

    def tally(self, batch: Batch) -> Floats:
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
        return np.bincount(cells.ravel(), minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)

    def _numeric_cells(self, numbers: Floats) -> Ints:
        """Return each number's cell. A few comparisons of all numbers beat a binary search for each."""
        passed = np.zeros(numbers.shape, np.int8)
        for edges in self._edges:
            passed += (numbers >= edges).view(np.int8)
        cells = passed.astype(np.int64)
        cells[np.isnan(numbers)] = self._width - 2
        cells[np.isinf(numbers)] = self._width - 1
        return cells

    def _cells_of(self, column: Encoded[str], cells: Mapping[str, int]) -> Ints:
        special = {MISSING_BIN: self._width - 2, OTHER_BIN: self._width - 1}
        spelt = [cells.get(name, special.get(name, self._width - 1)) for name in column.names]
        return np.array([*spelt, self._width - 2], np.int64)[column.codes]

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Metric]:
        labels = (*BASE_LABELS, "feature_name", "bin")
        seen = CounterMetricFamily("model_feature_bin_total", "Values of a feature that fell in a bin.", labels=labels)
        reference = GaugeMetricFamily(
            "model_feature_reference_bin", "Values of a feature in a bin of the reference.", labels=labels
        )
        info = GaugeMetricFamily(
            "model_reference_info", "The reference profile in use.", labels=(*BASE_LABELS, "reference_id")
        )
        for series, tally in tallies.items():
            for row, feature in enumerate(self.features):
                cells = [*enumerate(self._labels[row]), (-2, MISSING_BIN), (-1, OTHER_BIN)]
                for cell, label in cells:
                    seen.add_metric((*series, feature, label), tally[row, cell])
                    reference.add_metric((*series, feature, label), self.reference[row, cell])
            info.add_metric((*series, self._profile.reference_id), 1)
        yield from (seen, reference, info)
