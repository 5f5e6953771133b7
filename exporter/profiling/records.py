"""Where the fields of a record lie, and which columns are features.

An input is either a prediction log (records with an object of features) or flat (each column is a feature,
unless it is named like another field of a record).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.decoding.columns import scores
from exporter.decoding.schema import ATTRIBUTIONS, FEATURES, RECORD_FIELDS, Schema
from exporter.profiling.column import Column
from exporter.profiling.errors import ProfilingError


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of each row of a block its prediction, score (or those by class) and truth, as JSON has them."""

    predictions: Sequence[Any]
    scores: Sequence[Any]
    actual: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive records of an input: `rows` predictions, and `errors` that were skipped.

    `fields` are the columns of a flat input that are other fields of a record. `outcomes` are there where a row has a
    truth.
    """

    rows: int
    errors: int
    features: Mapping[str, Column] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    prediction: Column | None = None
    probability: Column | None = None
    actual: Column | None = None
    attributions: Mapping[str, Column] = field(default_factory=dict)
    outcomes: Outcomes | None = None


class Layout:
    """The paths of a record's fields, as `fields` of the configuration maps them.

    `is_flat` is None where the configuration does not say: then the input shows it.
    """

    def __init__(self, schema: Schema) -> None:
        paths = replace(schema, reads=(*schema.reads, ATTRIBUTIONS)).paths
        self.features = paths[FEATURES]
        self.prediction = paths["prediction"]
        self.probability = paths["probability"]
        self.error_type = paths["error_type"]
        self.actual = schema.fields.get("actual", ("actual",))
        self.attributions = paths[ATTRIBUTIONS]
        self.is_flat = not self.features if FEATURES in schema.fields else None
        heads = {path[0] for name, path in paths.items() if name != FEATURES} | {self.actual[0]}
        self._taken = heads | set(RECORD_FIELDS)

    def is_feature(self, name: str) -> bool:
        """Whether a column of a flat input is a feature."""
        return name not in self._taken and not self.attribution(name)

    def attribution(self, name: str) -> str:
        """Return the feature whose attributions a column of a table holds, such as `attributions.age`; "" if none."""
        prefix = ".".join((*self.attributions, ""))
        return name.removeprefix(prefix) if name.startswith(prefix) else ""


def scores_of(values: Sequence[Any], predictions: Sequence[Any], path: object) -> list[Any]:
    """Return the score of each prediction, where it comes with those of all classes; raises ProfilingError."""
    if dict not in set(map(type, values)):
        return list(values)
    try:
        chosen: list[Any] = scores(tuple(values), tuple(predictions)).tolist()
    except (TypeError, ValueError):
        raise ProfilingError(
            f"{path}: `probability`: expected a number, or an object with the number of each class"
        ) from None
    return chosen
