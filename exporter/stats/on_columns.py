"""Statistics of features, applied to other columns of a batch: to outputs, ground-truth labels or attributions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from exporter.batch import Batch, Floats, Reads
from exporter.encoded import Encoded
from exporter.families import Families
from exporter.reference.profile import Profile
from exporter.stats import LabelNames, Statistic
from exporter.stats.variable_kind import ATTRIBUTIONS, LABELS, OUTPUTS, VariableKind
from exporter.tallies.tally import S, Tally


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

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        return self.statistic.collect(tallies, names) if self.is_exported else iter(())


def on_columns(statistic: Statistic, kind: VariableKind, variables: Profile) -> Statistic:
    """Return a statistic of a kind of variables, which are the features of `variables`."""
    if kind == OUTPUTS:
        return OnColumns(statistic, "OfOutputs", partial(_outputs, variables))
    if kind == LABELS:
        return OnColumns(statistic, "OfOutputs", partial(_labels, variables), "outcomes")
    if kind == ATTRIBUTIONS:
        # A series for each of their bins would be too many.
        return OnColumns(statistic, "OfAttributions", Batch.explained, is_exported=False)
    return statistic


def _outputs(outputs: Profile, batch: Batch) -> Batch:
    numbers = {"prediction": batch.value, "probability": batch.probability}
    return _with_columns(batch, outputs, numbers, {"prediction": batch.prediction})


def _labels(labels: Profile, batch: Batch) -> Batch:
    label, value = batch.truth
    return _with_columns(batch, labels, {"label": value}, {"label": label})


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
