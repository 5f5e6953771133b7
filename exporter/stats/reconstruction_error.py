"""The reconstruction error: how far records lie from the principal components of the reference's numeric features.

It grows where the relations between features change, which no feature shows alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.reference.components import Components, reconstruction_error, standardised
from exporter.reference.profile import Profile
from exporter.stats import Names

MIN_SAMPLES = 30


class ReconstructionError:
    """The tally is the count of records and the sum of their errors, in the reference's standard deviations.

    A record's error is bounded (exporter.reference.components), so none outweighs all others.
    """

    name = "reconstruction_error"
    reads: Literal["predictions"] = "predictions"

    def __init__(self, profile: Profile, components: Components) -> None:
        self.components = components
        self._reference_id = profile.reference_id
        positions = {name: index for index, name in enumerate(profile.numeric)}
        features = [profile.numeric[name] for name in components.features]
        self._rows = np.array([positions[name] for name in components.features])
        self._mean = np.array([[feature.mean] for feature in features])
        self._stddev = np.array([[feature.stddev] for feature in features])
        self._loadings = np.array(components.loadings)

    def __repr__(self) -> str:
        return f"ReconstructionError({self._reference_id})"

    def zero(self) -> Floats:
        return np.zeros(2)

    def tally(self, batch: Batch) -> Floats:
        values = standardised(batch.numbers[self._rows], self._mean, self._stddev)
        errors = reconstruction_error(values, self._loadings) / self.components.error_stddev
        tally = np.empty((batch.groups, 2))
        tally[:, 0] = np.bincount(batch.group, minlength=batch.groups)
        tally[:, 1] = np.bincount(batch.group, errors, batch.groups)
        return tally

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Totals since the start are of no use here."""
        return iter(())
