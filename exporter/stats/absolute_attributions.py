"""Absolute attributions: how strongly predictions are attributed to each feature, in either direction."""

import numpy as np

from exporter.batch import Batch
from exporter.reference.profile import LARGEST_ATTRIBUTION, Profile
from exporter.stats import Statistic
from exporter.tallies.tally import Tally


class AbsoluteAttributions(Statistic):
    """The sum of absolute attributions by feature, followed by the number of records with any attribution.

    A missing attribution therefore counts as 0 in the mean. Infinite values add nothing, and larger values count as
    LARGEST_ATTRIBUTION.
    """

    name = "absolute_attributions"

    def __init__(self, attributed: Profile) -> None:
        self.features = tuple(attributed.features)
        self.identity = attributed.reference_id
        self.shape = (len(self.features) + 1,)

    def tally(self, batch: Batch) -> Tally:
        explained = batch.explained()
        sizes = np.abs(explained.numbers)
        np.minimum(sizes, LARGEST_ATTRIBUTION, out=sizes, where=np.isfinite(sizes))
        sizes[~np.isfinite(sizes)] = 0.0
        return np.column_stack((explained.summed(sizes), explained.sizes()))
