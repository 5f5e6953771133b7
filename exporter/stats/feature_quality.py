"""Feature quality: how many values of each feature fail each check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from prometheus_client.metrics_core import CounterMetricFamily, Metric

from exporter.batch import NON_FINITE, WRONG_TYPE, Batch, Bools, Floats, Ints, Series
from exporter.profile import Profile
from exporter.stats import BASE_LABELS, Names

CHECKS = ("missing", "wrong_type", "out_of_range", "unseen_category", "non_finite")


class FeatureQuality:
    """Failures by feature and check, shape (features, checks), in the order of a batch's marks and of CHECKS.

    Out of range is a finite number below the reference's least or above its greatest value.
    """

    name = "feature_quality"
    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile) -> None:
        self._reference_id = profile.reference_id
        numeric = profile.numeric.values()
        self.features = (*profile.numeric, *profile.categorical, *profile.vectors)
        self._least = np.array([feature.min for feature in numeric])[:, None]
        self._greatest = np.array([feature.max for feature in numeric])[:, None]
        self._categories = tuple(frozenset(feature.categories) for feature in profile.categorical.values())
        self._all_named = tuple(feature.other == 0 for feature in profile.categorical.values())

    def __repr__(self) -> str:
        return f"FeatureQuality({self._reference_id})"

    def zero(self) -> Floats:
        return np.zeros((len(self.features), len(CHECKS)))

    def tally(self, batch: Batch) -> Floats:
        counts = np.zeros((batch.groups, *self.zero().shape))
        absent = np.vstack(
            (
                np.isnan(batch.numbers),
                *(column.codes < 0 for column in batch.categories),
                *(np.isnan(vectors[:, 0]) for vectors in batch.vectors),
            )
        )
        if batch.marks is not None:
            absent &= batch.marks == 0
            counts[..., 1] = self._count(batch.marks == WRONG_TYPE, batch)
            counts[..., 4] = self._count(batch.marks == NON_FINITE, batch)
        counts[..., 0] = self._count(absent, batch)
        numbers = batch.numbers
        beyond = ((numbers < self._least) | (numbers > self._greatest)) & ~np.isinf(numbers)
        counts[:, : len(numbers), 2] = self._count(beyond, batch)
        counts[:, len(numbers) : len(numbers) + len(self._categories), 3] = self._count(self._unseen(batch), batch)
        return counts

    def _unseen(self, batch: Batch) -> Bools:
        unseen = np.zeros((len(batch.categories), len(batch)), np.bool_)
        for row, column in enumerate(batch.categories):
            foreign = [self._all_named[row] and name not in self._categories[row] for name in column.names]
            unseen[row] = np.array([*foreign, False], np.bool_)[column.codes]
        return unseen

    def _count(self, failed: Bools, batch: Batch) -> Floats:
        """Return how many of each group's rows failed; shape (groups, features)."""
        counts: Ints
        if batch.groups == 1:
            counts = np.count_nonzero(failed, axis=1)
        else:
            feature, row = np.nonzero(failed)
            counts = np.bincount(batch.group[row] * len(failed) + feature, minlength=batch.groups * len(failed))
        return counts.reshape(batch.groups, len(failed)).astype(np.float64)

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "model_feature_quality_total",
            "Values of a feature that failed a check against the reference.",
            labels=(*BASE_LABELS, "feature_name", "check"),
        )
        for series, tally in tallies.items():
            for row, feature in enumerate(self.features):
                for column, check in enumerate(CHECKS):
                    if check not in self._inapplicable(row):
                        family.add_metric((*series, feature, check), tally[row, column])
        yield family

    def _inapplicable(self, row: int) -> tuple[str, ...]:
        if row < len(self._least):
            return ("unseen_category",)
        is_category = row < len(self._least) + len(self._categories)
        return ("out_of_range",) if is_category else ("out_of_range", "unseen_category")
