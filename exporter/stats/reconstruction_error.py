"""Reconstruction error: the distance of records from the principal components of the reference's numeric features.

It grows when the relations between features change, even if no single feature's distribution does.
"""

import numpy as np

from exporter.batch import Batch, Floats
from exporter.reference.components import Components, reconstruction_error, standardised
from exporter.reference.profile import Profile
from exporter.stats import Statistic


class ReconstructionError(Statistic):
    """The number of records and the sum of their errors, in standard deviations of the reference's errors.

    A record's error is bounded (see exporter.reference.components), so that none outweighs the rest.
    """

    name = "reconstruction_error"
    shape = (2,)

    def __init__(self, profile: Profile, components: Components) -> None:
        self.components = components
        self.identity = profile.reference_id
        positions = {name: index for index, name in enumerate(profile.numeric)}
        features = [profile.numeric[name] for name in components.features]
        self._rows = np.array([positions[name] for name in components.features])
        self._mean = np.array([[feature.mean] for feature in features])
        self._stddev = np.array([[feature.stddev] for feature in features])
        self._loadings = np.array(components.loadings)

    def tally(self, batch: Batch) -> Floats:
        values = standardised(batch.numbers[self._rows], self._mean, self._stddev)
        errors = reconstruction_error(values, self._loadings) / self.components.error_stddev
        return np.column_stack((batch.sizes(), np.bincount(batch.group, errors, batch.groups))).astype(np.float64)
