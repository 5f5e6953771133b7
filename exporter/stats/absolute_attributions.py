"""Absolute attributions: how much predictions are attributed to each feature, whichever way it moves them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.reference.profile import LARGEST_ATTRIBUTION, Profile
from exporter.stats import Names
from exporter.tallies.tally import Tally


@dataclass(frozen=True, repr=False)
class AbsoluteAttributions:
    """The sum of the absolute attributions to each feature, and then the number of records that have any.

    So the mean takes what is not attributed to a feature for 0. Infinite ones add nothing, and none adds more than
    LARGEST_ATTRIBUTION.
    """

    attributed: Profile
    name: str = "absolute_attributions"
    reads: Literal["predictions"] = "predictions"

    def __repr__(self) -> str:
        return f"AbsoluteAttributions({self.attributed.reference_id})"

    def zero(self) -> Floats:
        return np.zeros(len(self.attributed.features) + 1)

    def tally(self, batch: Batch) -> Tally:
        explained = batch.explained()
        sizes = np.abs(explained.numbers)
        np.minimum(sizes, LARGEST_ATTRIBUTION, out=sizes, where=np.isfinite(sizes))
        sizes[~np.isfinite(sizes)] = 0.0
        return np.column_stack((explained.summed(sizes), explained.sizes()))

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Totals since the start are of no use here."""
        return iter(())
