"""The kinds of variables that have a reference: features, attributions, outputs and ground-truth labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from exporter.batch import Batch, Floats
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

    def rows(self, base: tuple[str, ...], keys: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return the rows of keys, each a variable's name and further label values, for `VariableFamilies.extend`.

        A row has the values of all labels, after the variable's name if the variables do not share metrics.
        """
        if self.name in SHARED:
            return [(*base, *key) for key in keys]
        return [(variable, *base, *labels) for variable, *labels in keys]

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

    def extend(self, rows: Sequence[tuple[str, ...]], values: Sequence[float]) -> None:
        """Add a series per row, as `VariableKind.rows` returns them; NaN values are left out."""
        if self.shared is not None:
            self.shared.extend(rows, values)
            return
        for (variable, *labels), value in zip(rows, values, strict=True):
            self.own[variable].extend([tuple(labels)], [value])

    def __iter__(self) -> Families:
        return iter([self.shared] if self.shared is not None else self.own.values())


FEATURES = VariableKind("feature")
ATTRIBUTIONS = VariableKind("attribution")
OUTPUTS = VariableKind("output")
LABELS = VariableKind("label")


class OnColumns(Statistic):
    """A statistic of features, applied to the variables of another kind in place of the features of a batch."""

    def __init__(self, statistic: Statistic, kind: VariableKind, variables: Profile) -> None:
        self.statistic = statistic
        self.name, self.shape = statistic.name, statistic.shape
        self.reads = "outcomes" if kind == LABELS else "predictions"
        self._kind = kind
        self._variables = variables

    def __repr__(self) -> str:
        return f"{'OfAttributions' if self._kind == ATTRIBUTIONS else 'OfOutputs'}({self.statistic!r})"

    def tally(self, batch: Batch) -> Tally:
        return self.statistic.tally(batch.explained() if self._kind == ATTRIBUTIONS else self._selected(batch))

    def collect(self, tallies: Mapping[S, Floats], names: LabelNames) -> Families:
        # A series for each bin of each attribution would be too many.
        return iter(()) if self._kind == ATTRIBUTIONS else self.statistic.collect(tallies, names)

    def _selected(self, batch: Batch) -> Batch:
        """Return the batch with outputs or labels as its features."""
        numbers = {"prediction": batch.value, "probability": batch.probability}
        categories = {"prediction": batch.prediction}
        if self._kind == LABELS:
            categories["label"], numbers["label"] = batch.truth
        chosen = [numbers[name] for name in self._variables.numeric]
        return replace(
            batch,
            numbers=np.array(chosen).reshape(len(chosen), len(batch)),
            categories=tuple(categories[name] for name in self._variables.categorical),
            vectors=(),
            marks=None,
        )
