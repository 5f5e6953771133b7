"""A statistic of features, of what predictions are attributed to them instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from exporter.batch import Batch, Floats, Series
from exporter.families import Family
from exporter.stats import Names, Statistic
from exporter.tally import Tally


@dataclass(frozen=True, repr=False)
class OfAttributions:
    """`inner`, made for the profile's attributions, reads them as its features; records without any are left out."""

    inner: Statistic
    reads: Literal["predictions"] = "predictions"

    @property
    def name(self) -> str:
        return self.inner.name

    def __repr__(self) -> str:
        return f"OfAttributions({self.inner!r})"

    def zero(self) -> Floats:
        return self.inner.zero()

    def tally(self, batch: Batch) -> Tally:
        return self.inner.tally(batch.explained())

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        """Bins are not shown: a series for each is too much."""
        return iter(())
