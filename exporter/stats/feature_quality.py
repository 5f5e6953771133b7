"""Feature quality: how many values of each feature fail each check."""

from collections.abc import Mapping

import numpy as np

from exporter.batch import NON_FINITE, WRONG_TYPE, Batch, Bools, Floats
from exporter.families import CounterFamily, Families
from exporter.reference.profile import Profile
from exporter.stats import BASE_LABELS, LabelNames, Statistic
from exporter.tallies.tally import COUNTS, S, Tally

CHECKS = ("missing", "wrong_type", "out_of_range", "unseen_category", "non_finite")


class FeatureQuality(Statistic):
    """Failures by feature and check, shape (features, checks), in the order of a batch's marks and of CHECKS.

    A finite number is out of range if it lies outside its feature's `bounds` (least, greatest), by default the extremes
    of the reference.
    """

    name = "feature_quality"

    def __init__(self, profile: Profile, bounds: Mapping[str, tuple[float, float]] | None = None) -> None:
        bounds = bounds or {}
        identity = (profile.reference_id, *((name, *bounds[name]) for name in sorted(bounds)))
        self.identity = ", ".join(map(str, identity))
        self.features = (*profile.numeric, *profile.categorical, *profile.vectors)
        self.shape = (len(self.features), len(CHECKS))
        ranges = [bounds.get(name, (feature.min, feature.max)) for name, feature in profile.numeric.items()]
        self._least, self._greatest = np.array(ranges).reshape(-1, 2).T[..., None]
        self._categories = tuple(frozenset(feature.categories) for feature in profile.categorical.values())
        self._all_named = tuple(
            feature.other == 0 and feature.distinct <= len(feature.categories)
            for feature in profile.categorical.values()
        )

    def tally(self, batch: Batch) -> Tally:
        counts = np.zeros((batch.groups, *self.shape), COUNTS)
        counts[..., 0] = batch.count(batch.absent())
        if batch.marks is not None:
            counts[..., 1] = batch.count(batch.marks == WRONG_TYPE)
            counts[..., 4] = batch.count(batch.marks == NON_FINITE)
        numbers = batch.numbers
        beyond = (numbers < self._least) | (numbers > self._greatest)
        if batch.marks is not None:
            beyond &= np.isfinite(numbers)
        counts[:, : len(numbers), 2] = batch.count(beyond)
        counts[:, len(numbers) : len(numbers) + len(self._categories), 3] = batch.count(self._unseen(batch))
        return counts

    def _unseen(self, batch: Batch) -> Bools:
        unseen = np.zeros((len(batch.categories), len(batch)), np.bool_)
        for row, column in enumerate(batch.categories):
            is_unseen = [self._all_named[row] and name not in self._categories[row] for name in column.names]
            unseen[row] = np.array([*is_unseen, False], np.bool_)[column.codes]
        return unseen

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        family = CounterFamily(
            "model_feature_quality_total",
            "Values of a feature that failed a check against the reference.",
            (*BASE_LABELS, "feature_name", "check"),
        )
        for series, tally in tallies.items():
            for feature, failures in self.failures(tally).items():
                for check, count in failures.items():
                    family.add((*series, feature, check), count)
        yield family

    def failures(self, tally: Floats) -> dict[str, dict[str, float]]:
        """Return the failures of each feature by check; checks that do not apply to a feature are left out."""
        numbers, categories = len(self._least), len(self._categories)
        failures = {}
        for row, (feature, counts) in enumerate(zip(self.features, tally.tolist(), strict=True)):
            failures[feature] = dict(zip(CHECKS, counts, strict=True))
            if row >= numbers:
                del failures[feature]["out_of_range"]
            if not numbers <= row < numbers + categories:
                del failures[feature]["unseen_category"]
        return failures
