"""How many predictions have their ground truth, by the time of the prediction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from exporter.batch import Batch, Floats, Reads
from exporter.families import Families
from exporter.stats import LabelNames
from exporter.tallies.tally import COUNTS, S, Tally


class Labelled:
    """The tally is the count of predictions that were joined. Not exported as such."""

    name = "labelled"
    reads: Reads = "labelled"

    def __repr__(self) -> str:
        return "Labelled()"

    def zero(self) -> Floats:
        return np.zeros(1)

    def tally(self, batch: Batch) -> Tally:
        return batch.sizes()[:, None].astype(COUNTS)

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        return iter(())
