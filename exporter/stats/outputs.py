"""A statistic of features, of what the model gives out instead: its predictions and their probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.profile import Profile
from exporter.stats import Names, Statistic
from exporter.tally import Tally


@dataclass(frozen=True, repr=False)
class OfOutputs:
    """`inner`, made for the profile's outputs, reads them as its features."""

    inner: Statistic
    outputs: Profile
    reads: Literal["predictions"] = "predictions"

    @property
    def name(self) -> str:
        return self.inner.name

    def __repr__(self) -> str:
        return f"OfOutputs({self.inner!r})"

    def zero(self) -> Floats:
        return self.inner.zero()

    def tally(self, batch: Batch) -> Tally:
        return self.inner.tally(batch.outputs(self.outputs.numeric, self.outputs.categorical))

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        return self.inner.collect(tallies, names)
