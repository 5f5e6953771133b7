"""Feature moments: sums over the values of each numeric feature, for means, deviations and tails.

Sums are of differences from the reference's mean, so that squares of large values do not drown small deviations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.reference.profile import Profile
from exporter.stats import Names
from exporter.stats.subject import FEATURES, Subject
from exporter.tallies.tally import Tally

# Beyond it a difference counts as this, or the sum of a few squares would be infinite.
LARGEST = 1e140
ROUNDING = 1e-14


class Sums(NamedTuple):
    """What a tally holds of each feature, shape (features,).

    `number` is how many values there are, `differences` are from the reference's mean, and `squares` those of them;
    `below` and `above` are how far values lie beyond the first and the last cut.
    """

    number: Floats
    differences: Floats
    squares: Floats
    below: Floats
    above: Floats

    @classmethod
    def of(cls, tally: Floats) -> Sums:
        return cls(*tally.T)


class FeatureMoments:
    """Sums of the finite values by numeric feature, shape (numeric features, 5), in the order of Sums.

    `means` are the reference's, `first` and `last` its outermost cuts, shape (numeric features,).
    """

    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile, subject: Subject = FEATURES) -> None:
        self.name = f"{subject.name}_moments"
        self._reference_id = profile.reference_id
        features = profile.numeric.values()
        self.means = np.array([feature.mean for feature in features])
        self.first = np.array([[*feature.cuts, feature.mean][0] for feature in features])
        self.last = np.array([[feature.mean, *feature.cuts][-1] for feature in features])

    def __repr__(self) -> str:
        return f"FeatureMoments({self._reference_id})"

    def zero(self) -> Floats:
        return np.zeros((len(self.means), len(Sums._fields)))

    def tally(self, batch: Batch) -> Tally:
        numbers, finite = batch.numbers, np.isfinite(batch.numbers)
        absent = None if finite.all() else ~finite
        if absent is not None:
            numbers = np.where(finite, numbers, self.means[:, None])
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
        sums = np.empty((batch.groups, len(self.means), len(Sums._fields)))
        sums[..., 0] = count
        for place, values in enumerate((differences, np.square(differences), below, above), 1):
            sums[..., place] = batch.summed(values)
        return sums

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        return iter(())


def mean(sums: Sums, means: Floats) -> Floats:
    """Return the mean of each feature; NaN where there are no values. `means` are the reference's."""
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = means + sums.differences / sums.number
    return result


def stddev(sums: Sums) -> Floats:
    """Return the standard deviation of each feature, divided by n; NaN where there are no values."""
    with np.errstate(invalid="ignore", divide="ignore"):
        square = sums.squares / sums.number
        variance = square - (sums.differences / sums.number) ** 2
    # What is smaller is rounding, as of a window of a single value.
    return np.where(variance < ROUNDING * square, 0.0, np.sqrt(np.maximum(variance, 0.0)))
