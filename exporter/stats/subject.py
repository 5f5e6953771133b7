"""What a statistic is of, features, attributions, the outputs of the model or labels, and how its metrics are named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from exporter.families import CounterFamily, Family, GaugeFamily
from exporter.stats import BASE_LABELS

Kind = type[GaugeFamily] | type[CounterFamily]

# What there may be many of, and what one of them is.
SHARED = {"feature": "a feature", "attribution": "the attribution to a feature"}


@dataclass(frozen=True)
class Subject:
    """Features share a metric, told apart by the label `feature_name`, and so do what predictions are attributed to.

    Each output has metrics of its own. The label is what the prediction turned out to be in truth.
    """

    name: Literal["feature", "attribution", "output", "label"]

    def metric(self, suffix: str) -> str:
        """Return the name of a metric that all share."""
        return f"model_{self.name}_{suffix}"

    def families(self, kind: Kind, variables: Iterable[str], suffix: str, text: str, labels: Iterable[str]) -> Families:
        """Return the families `model_..._suffix`; `text` says what of `{}` they tell."""
        if self.name in SHARED:
            labels = (*BASE_LABELS, "feature_name", *labels)
            return Families(kind(self.metric(suffix), text.format(SHARED[self.name]), labels), {})
        labels = (*BASE_LABELS, *labels)
        return Families(
            None,
            {name: kind(f"model_{name}_{suffix}", text.format(f"the {name}"), labels) for name in variables},
        )


@dataclass(frozen=True)
class Families:
    """The family that all variables share, or one of each."""

    shared: GaugeFamily | CounterFamily | None
    own: dict[str, GaugeFamily | CounterFamily]

    def extend(self, base: tuple[str, ...], keys: Iterable[tuple[str, ...]], values: Sequence[float]) -> None:
        """Add series side by side, by the name of a variable and further labels; those that are NaN are left out."""
        if self.shared is not None:
            self.shared.extend([(*base, *key) for key in keys], values)
            return
        for (variable, *labels), value in zip(keys, values, strict=True):
            self.own[variable].extend([(*base, *labels)], [value])

    def __iter__(self) -> Iterator[Family]:
        return iter([self.shared] if self.shared is not None else self.own.values())


FEATURES = Subject("feature")
ATTRIBUTIONS = Subject("attribution")
OUTPUTS = Subject("output")
LABELS = Subject("label")
