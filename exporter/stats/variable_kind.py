"""The kinds of variables that have a reference: features, attributions, outputs and ground-truth labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats, Reads
from exporter.encoded import Encoded
from exporter.families import CounterFamily, Families, GaugeFamily
from exporter.reference.profile import Profile
from exporter.stats import BASE_LABELS, LabelNames, Statistic
from exporter.tallies.tally import S, Tally

# How help texts refer to a variable of the kinds whose variables share metrics.
SHARED = {"feature": "a feature", "attribution": "the attribution to a feature"}


@dataclass(frozen=True)
class VariableKind:
    """A kind of variables and how their metrics are named.

    Features share metrics, with the label `feature_name`, and so do attributions. Each output has metrics of its own,
    `model_prediction_...` and `model_probability_...`, and so has the ground-truth label, `model_label_...`.
    """

    name: Literal["feature", "attribution", "output", "label"]

    def metric(self, suffix: str) -> str:
        """Return the name of a metric that the variables share."""
        return f"model_{self.name}_{suffix}"

    def families(
        self,
        family_type: type[GaugeFamily | CounterFamily],
        variables: Iterable[str],
        suffix: str,
        text: str,
        labels: Iterable[str],
    ) -> VariableFamilies:
        """Return the families `model_..._suffix`; `{}` in `text` stands for the variable."""
        if self.name in SHARED:
            labels = (*BASE_LABELS, "feature_name", *labels)
            return VariableFamilies(family_type(self.metric(suffix), text.format(SHARED[self.name]), labels), {})
        labels = (*BASE_LABELS, *labels)
        return VariableFamilies(
            None,
            {name: family_type(f"model_{name}_{suffix}", text.format(f"the {name}"), labels) for name in variables},
        )


@dataclass(frozen=True)
class VariableFamilies:
    """One family for all variables, or one for each."""

    shared: GaugeFamily | CounterFamily | None
    own: dict[str, GaugeFamily | CounterFamily]

    def extend(self, base: tuple[str, ...], keys: Iterable[tuple[str, ...]], values: Sequence[float]) -> None:
        """Add a series per key, which is a variable's name and further label values; NaN values are left out."""
        if self.shared is not None:
            self.shared.extend([(*base, *key) for key in keys], values)
            return
        for (variable, *labels), value in zip(keys, values, strict=True):
            self.own[variable].extend([(*base, *labels)], [value])

    def __iter__(self) -> Families:
        return iter([self.shared] if self.shared is not None else self.own.values())


FEATURES = VariableKind("feature")
ATTRIBUTIONS = VariableKind("attribution")
OUTPUTS = VariableKind("output")
LABELS = VariableKind("label")


class OnColumns(Statistic):
    """A statistic of features, applied to a batch whose features `select` has replaced by other columns."""

    def __init__(
        self,
        statistic: Statistic,
        stored_as: str,
        select: Callable[[Batch], Batch],
        reads: Reads = "predictions",
        *,
        is_exported: bool = True,
    ) -> None:
        self.statistic = statistic
        self.name, self.shape, self.reads = statistic.name, statistic.shape, reads
        self._stored_as = stored_as
        self._select = select
        self._is_exported = is_exported

    def __repr__(self) -> str:
        return f"{self._stored_as}({self.statistic!r})"

    def tally(self, batch: Batch) -> Tally:
        return self.statistic.tally(self._select(batch))

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        return self.statistic.collect(tallies, names) if self._is_exported else iter(())


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
    chosen = [numbers[name] for name in profile.numeric]
    return replace(
        batch,
        numbers=np.array(chosen).reshape(len(chosen), len(batch)),
        categories=tuple(categories[name] for name in profile.categorical),
        vectors=(),
        marks=None,
    )
