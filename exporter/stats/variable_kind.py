"""The kinds of variables that have a reference: features, attributions, outputs and ground-truth labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from exporter.families import CounterFamily, Families, GaugeFamily
from exporter.stats import BASE_LABELS

FamilyType = type[GaugeFamily] | type[CounterFamily]

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
        self, family_type: FamilyType, variables: Iterable[str], suffix: str, text: str, labels: Iterable[str]
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
