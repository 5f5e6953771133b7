"""Statistics of features, of something else instead: of outputs, of the truth, or of attributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exporter.batch import Batch, Floats, Reads, Series
from exporter.encoded import Encoded
from exporter.families import Family
from exporter.reference.profile import Profile
from exporter.stats import Names, Statistic
from exporter.tallies.tally import Tally


@dataclass(frozen=True, repr=False)
class View:
    """`inner` reads of a batch what `see` puts in the place of its features; `kind` is part of what its tally means.

    Where it is not shown, a series for each of its bins would be too much.
    """

    inner: Statistic
    kind: str
    see: Callable[[Batch], Batch]
    reads: Reads = "predictions"
    is_shown: bool = True

    @property
    def name(self) -> str:
        return self.inner.name

    def __repr__(self) -> str:
        return f"{self.kind}({self.inner!r})"

    def zero(self) -> Floats:
        return self.inner.zero()

    def tally(self, batch: Batch) -> Tally:
        return self.inner.tally(self.see(batch))

    def collect(self, tallies: Mapping[Series, Floats], names: Names) -> Iterator[Family]:
        return self.inner.collect(tallies, names) if self.is_shown else iter(())


def of_outputs(inner: Statistic, outputs: Profile) -> View:
    """Return a statistic of what the model gives out; `inner` is made for the profile's outputs."""

    def see(batch: Batch) -> Batch:
        numbers = {"prediction": batch.value, "probability": batch.probability}
        return _with(batch, outputs, numbers, {"prediction": batch.prediction})

    return View(inner, "OfOutputs", see)


def of_truth(inner: Statistic, truth: Profile) -> View:
    """Return a statistic of what predictions turned out to be; `inner` is made for the profile's truth."""

    def see(batch: Batch) -> Batch:
        label, value = batch.truth
        return _with(batch, truth, {"label": value}, {"label": label})

    return View(inner, "OfOutputs", see, "outcomes")


def of_attributions(inner: Statistic) -> View:
    """Return a statistic of attributions, of the records that have any; `inner` is made for the profile's."""
    return View(inner, "OfAttributions", Batch.explained, is_shown=False)


def _with(
    batch: Batch, profile: Profile, numbers: Mapping[str, Floats], categories: Mapping[str, Encoded[str]]
) -> Batch:
    chosen: Sequence[Floats] = [numbers[name] for name in profile.numeric]
    return replace(
        batch,
        numbers=np.array(chosen).reshape(len(chosen), len(batch)),
        categories=tuple(categories[name] for name in profile.categorical),
        vectors=(),
        marks=None,
    )
