"""Statistics of features, applied to other columns of a batch: to outputs, ground-truth labels or attributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exporter.batch import Batch, Floats, Reads, Series
from exporter.encoded import Encoded
from exporter.families import Family
from exporter.reference.profile import Profile
from exporter.stats import LabelNames, Statistic
from exporter.stats.variable_kind import ATTRIBUTIONS, LABELS, OUTPUTS, VariableKind
from exporter.tallies.tally import Tally


@dataclass(frozen=True, repr=False)
class OnColumns:
    """`statistic` applied to a batch in which `select` has replaced the features by other columns.

    `identity` is part of the statistic's identity in a checkpoint.
    """

    statistic: Statistic
    identity: str
    select: Callable[[Batch], Batch]
    reads: Reads = "predictions"
    is_exported: bool = True

    @property
    def name(self) -> str:
        return self.statistic.name

    def __repr__(self) -> str:
        return f"{self.identity}({self.statistic!r})"

    def zero(self) -> Floats:
        return self.statistic.zero()

    def tally(self, batch: Batch) -> Tally:
        return self.statistic.tally(self.select(batch))

    def collect(self, tallies: Mapping[Series, Floats], names: LabelNames) -> Iterator[Family]:
        return self.statistic.collect(tallies, names) if self.is_exported else iter(())


def on_columns(statistic: Statistic, kind: VariableKind, variables: Profile) -> Statistic:
    """Return a statistic of a kind of variables, which are the features of `variables`."""
    if kind == OUTPUTS:
        return on_outputs(statistic, variables)
    if kind == LABELS:
        return on_labels(statistic, variables)
    return on_attributions(statistic) if kind == ATTRIBUTIONS else statistic


def on_outputs(statistic: Statistic, outputs: Profile) -> OnColumns:
    """Return a statistic of the model's predictions and scores."""

    def select(batch: Batch) -> Batch:
        numbers = {"prediction": batch.value, "probability": batch.probability}
        return _with_columns(batch, outputs, numbers, {"prediction": batch.prediction})

    return OnColumns(statistic, "OfOutputs", select)


def on_labels(statistic: Statistic, labels: Profile) -> OnColumns:
    """Return a statistic of ground-truth labels."""

    def select(batch: Batch) -> Batch:
        label, value = batch.truth
        return _with_columns(batch, labels, {"label": value}, {"label": label})

    return OnColumns(statistic, "OfOutputs", select, "outcomes")


def on_attributions(statistic: Statistic) -> OnColumns:
    """Return a statistic of the attributions of records that have any; its bins would be too many series to export."""
    return OnColumns(statistic, "OfAttributions", Batch.explained, is_exported=False)


def _with_columns(
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
