"""Feature moments: sums over the values of each numeric feature, for means, standard deviations and tails.

Values are summed as differences from the reference's mean, so that squares of large values keep small deviations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exporter.batch import Batch, Floats
from exporter.reference.profile import Profile
from exporter.stats import Statistic
from exporter.stats.variable_kind import FEATURES, VariableKind
from exporter.tallies.tally import Tally

# Larger differences count as this, because a few of their squares would sum to infinity.
LARGEST = 1e140
ROUNDING = 1e-14


class FeatureSums(NamedTuple):
    """Sums over the values of each feature, shape (features,).

    `number` is the count, `differences` are from the reference's mean and `squares` are their squares; `below` and
    `above` are distances beyond the first and the last cut.
    """

    number: Floats
    differences: Floats
    squares: Floats
    below: Floats
    above: Floats

    @classmethod
    def of(cls, tally: Floats) -> FeatureSums:
        return cls(*tally.T)


class FeatureMoments(Statistic):
    """FeatureSums of the finite values, shape (numeric features, 5).

    `means` are the reference's means, `first` and `last` its outermost cuts, shape (numeric features,).
    """

    def __init__(self, profile: Profile, kind: VariableKind = FEATURES) -> None:
        self.name = f"{kind.name}_moments"
        self.identity = profile.reference_id
        features = profile.numeric.values()
        self.means = np.array([feature.mean for feature in features])
        self.first = np.array([[*feature.cuts, feature.mean][0] for feature in features])
        self.last = np.array([[feature.mean, *feature.cuts][-1] for feature in features])
        self.shape = (len(self.means), len(FeatureSums._fields))

    def tally(self, batch: Batch) -> Tally:
        numbers, finite = batch.numbers, np.isfinite(batch.numbers)
        absent = None if finite.all() else ~finite
        if absent is not None:
            numbers = np.where(finite, numbers, self.means[:, None])
        with np.errstate(over="ignore"):
            columns = [
                numbers - self.means[:, None],
                np.maximum(self.first[:, None] - numbers, 0.0),
                np.maximum(numbers - self.last[:, None], 0.0),
            ]
        for column in columns:
            if absent is not None:
                column[absent] = 0.0
            if column.size and not (column.max() <= LARGEST and column.min() >= -LARGEST):
                np.clip(column, -LARGEST, LARGEST, out=column)
        differences, below, above = columns
        count = batch.sizes()[:, None] - (0 if absent is None else batch.count(absent))
        sums = np.empty((batch.groups, *self.shape))
        sums[..., 0] = count
        for place, values in enumerate((differences, np.square(differences), below, above), 1):
            sums[..., place] = batch.summed(values)
        return sums


def mean(sums: FeatureSums, means: Floats) -> Floats:
    """Return the mean of each feature, NaN without values; `means` are the reference's."""
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = means + sums.differences / sums.number
    return result


def stddev(sums: FeatureSums) -> Floats:
    """Return the population standard deviation of each feature, NaN without values."""
    with np.errstate(invalid="ignore", divide="ignore"):
        square = sums.squares / sums.number
        variance = square - (sums.differences / sums.number) ** 2
    # A smaller variance is a rounding error, as in a window with a single distinct value.
    return np.where(variance < ROUNDING * square, 0.0, np.sqrt(np.maximum(variance, 0.0)))
