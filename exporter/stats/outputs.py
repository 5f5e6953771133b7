"""A statistic of features, of what the model gives out instead: its predictions, their probabilities, or the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from exporter.batch import Batch, Floats, Reads, Series
from exporter.families import Family
from exporter.profile import Profile
from exporter.stats import Names, Statistic
from exporter.tally import Tally


@dataclass(frozen=True, repr=False)
class OfOutputs:
    """`inner`, made for the profile's outputs, or for its truth, reads them as its features."""

    inner: Statistic
    outputs: Profile
    reads: Reads = "predictions"

    @property
    def name(self) -> str:
        return self.inner.name

    def __repr__(self) -> str:
        return f"OfOutputs({self.inner!r})"

    def zero(self) -> Floats:
        return self.inner.zero()

    def tally(self, batch: Batch) -> Tally:
        numbers = {"prediction": batch.value, "probability": batch.probability}
        categories = {"prediction": batch.prediction}
        if self.reads == "outcomes":
            categories["label"], numbers["label"] = batch.truth
        chosen = [numbers[name] for name in self.outputs.numeric]
        outputs = replace(
            batch,
            numbers=np.array(chosen).reshape(len(chosen), len(batch)),
            categories=tuple(categories[name] for name in self.outputs.categorical),
            vectors=(),
            marks=None,
        )
        return self.inner.tally(outputs)

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        return self.inner.collect(tallies, names)
