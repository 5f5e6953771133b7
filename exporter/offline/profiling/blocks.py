"""The records of a data set, one block at a time.

A data set is either a prediction log (records with an object of features) or flat (each column is a feature, unless
it is named like another field of a record).
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa

from exporter.batch import Series
from exporter.decoding.columns import NUMBERS, Spelling, class_of, label_of, scores
from exporter.decoding.schema import ATTRIBUTIONS, DEFAULT_FIELDS, FEATURES, RECORD_FIELDS
from exporter.encoded import Encoded
from exporter.offline import OfflineError
from exporter.offline.profiling.column import Column, column
from exporter.offline.profiling.options import Options
from exporter.offline.tables.data_set import BLOCK_ROWS, AnyTable, DataSet
from exporter.offline.tables.files import DataFile, FileType
from exporter.offline.tables.json_lines import ObjectTable
from exporter.offline.tables.table import Cells, Table, Values, json_values

# Of two classes, the predicted one has the higher score.
HALF = 0.5
# The fields of a record that a profile describes, besides features and attributions.
TARGETS = ("prediction", "probability", "actual")


class NamedModel(NamedTuple):
    """The model and version that a record names."""

    name: str | None
    version: str | None


@dataclass(frozen=True)
class LabelledPredictions:
    """The predictions, their ground truth and their scores (or scores by class) as JSON values, one per row."""

    predictions: Sequence[Any]
    labels: Sequence[Any]
    scores: Sequence[Any]
    spell: Spelling = class_of

    @cached_property
    def predicted(self) -> Encoded[str]:
        """The predicted classes."""
        return _classes(self.predictions, self.spell)

    @cached_property
    def actual(self) -> Encoded[str]:
        """The actual classes."""
        return _classes(self.labels, self.spell)


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive records: `rows` predictions, and `errors` and predictions of `other_models` that were skipped.

    `models` counts the predictions by the model and version that they name, those of other models included.
    `low_scores` counts the rows whose only score is below 0.5.
    `targets` has a column for each of TARGETS that exists. `outcomes` is None if no row has ground truth. `fields` are
    the columns of flat data that are fields of a record and not features.
    """

    rows: int
    errors: int
    other_models: int
    models: Mapping[NamedModel, int]
    low_scores: int
    features: Mapping[str, Column]
    targets: Mapping[str, Column]
    attributions: Mapping[str, Column]
    outcomes: LabelledPredictions | None
    fields: Iterable[str]
    is_flat: bool


def blocks(data: DataSet, options: Options, rows: int = BLOCK_ROWS) -> Iterator[Block]:
    """Yield the blocks of all files, each of so many rows of a file, in order; raises OfflineError."""
    for file in data.files:
        records = Records(file, options)
        yield from map(records.block, data.tables(file, rows))


class Records:
    """The records of one file.

    If the schema does not say whether the data is flat, the first prediction does (not the first record, because an
    error may have no features).
    """

    def __init__(self, file: DataFile, options: Options) -> None:
        schema = options.schema_of(file)
        self._file = file
        self._wanted = options.model, options.version
        self._spell = options.spell
        self._positive_class = options.positive_class
        self._paths = replace(schema, reads=(*DEFAULT_FIELDS, "request_id", "actual", ATTRIBUTIONS)).paths
        is_known = FEATURES in schema.fields and not (self._paths[FEATURES] and file.type is FileType.CSV)
        self._is_flat = not self._paths[FEATURES] if is_known else None
        others = [path for name, path in self._paths.items() if name != FEATURES]
        self._taken = {*RECORD_FIELDS, *(path[0] for path in others), *map(".".join, others)}

    def block(self, table: AnyTable) -> Block:
        """Return the next rows; raises OfflineError."""
        errors = table.at(self._paths["error_type"])
        # Some loggers write an empty text or 0 for success.
        is_kept = [not value or value != value for value in json_values(errors)] if errors else []  # noqa: PLR0124  # NaN
        predictions = table if all(is_kept) else table.where(is_kept)
        models = self._models(predictions)
        is_wanted = [self._is_wanted(model) for model in models] if self._wanted[0] is not None else []
        kept = predictions if all(is_wanted) else predictions.where(is_wanted)
        features, fields = self._features(kept) if kept.rows else ({}, ())
        targets = {name: values for name in TARGETS if (values := kept.at(self._paths[name])) is not None}
        return Block(
            rows=kept.rows,
            errors=table.rows - predictions.rows,
            other_models=predictions.rows - kept.rows,
            models=Counter(models),
            low_scores=sum(type(score) in NUMBERS and score < HALF for score in self._scores(targets)),
            features={name: column(values) for name, values in features.items()},
            targets={name: self._target(name, targets) for name in targets},
            attributions={name: column(values) for name, values in self._below(kept, ATTRIBUTIONS).items()},
            outcomes=self._outcomes(targets),
            fields=fields,
            is_flat=bool(self._is_flat),
        )

    def _models(self, table: AnyTable) -> list[NamedModel]:
        """Return the model and version that each row names."""
        columns = [table.at(self._paths[label]) for label in Series._fields]
        values = [[None] * table.rows if column is None else json_values(column) for column in columns]
        return [NamedModel(*map(_name, row)) for row in zip(*values, strict=True)]

    def _is_wanted(self, model: NamedModel) -> bool:
        return all(wanted is None or named in (None, wanted) for wanted, named in zip(self._wanted, model, strict=True))

    def _features(self, table: AnyTable) -> tuple[Mapping[str, Values], Iterable[str]]:
        """Return the features, and the names of the columns of flat data that are fields of a record."""
        path = self._paths[FEATURES]
        name = ".".join(path)
        nested = self._below(table, FEATURES) if path and not self._is_flat else {}
        if self._is_flat is None:
            self._is_flat = table.at(path)[0] is None if isinstance(table, ObjectTable) else not nested
        if not self._is_flat:
            if isinstance(table, Table) and not nested:
                raise OfflineError(f"{self._file.path}: no column `{name}`, which `fields` names for the features")
            return nested, ()
        if path and isinstance(table, ObjectTable):
            for line, value in zip(table.lines, table.at(path), strict=True):
                if value is not None:
                    place = f"{self._file.path}:{line}"
                    raise OfflineError(f"{place}: `{name}`: the first prediction had none; use one shape per file")
        columns = table.columns
        prefix = ".".join((*self._paths[ATTRIBUTIONS], ""))
        fields = [name for name in columns if name in self._taken or name.startswith(prefix)]
        return {name: values for name, values in columns.items() if name not in fields}, fields

    def _below(self, table: AnyTable, field: str) -> Mapping[str, Values]:
        """Return the columns below the path of `field`; raises OfflineError if a value there is not an object."""
        path = self._paths[field]
        cells = table.at(path)
        if isinstance(cells, Cells) and self._file.type is FileType.PARQUET:
            kind = cells.array.type
            if not cells.is_struct and not pa.types.is_null(kind):
                raise OfflineError(f"{self._file.path}: column `{'.'.join(path)}`: expected a struct, got {kind}")
        return table.below(path)

    def _target(self, name: str, targets: Mapping[str, Values]) -> Column:
        """Return the column of a target; if a probability is an object of scores, the score of the prediction."""
        values = targets[name]
        is_plain = isinstance(values, Cells) and not values.is_struct and self._positive_class is None
        if name != "probability" or is_plain:
            return column(values)
        scored = self._scores(targets)
        chosen = json_values(targets["prediction"]) if "prediction" in targets else [None] * len(scored)
        if dict not in set(map(type, scored)):
            return column(scored)
        try:
            return column(scores(tuple(scored), tuple(chosen)).tolist())
        except (TypeError, ValueError):
            expected = "expected a number, or an object with the number of each class"
            raise OfflineError(f"{self._file.path}: `probability`: {expected}") from None

    def _outcomes(self, targets: Mapping[str, Values]) -> LabelledPredictions | None:
        if not {"prediction", "actual"} <= targets.keys():
            return None
        actual = json_values(targets["actual"])
        if actual.count(None) == len(actual):
            return None
        predictions = json_values(targets["prediction"])
        scored = self._scores(targets) or [None] * len(actual)
        return LabelledPredictions(predictions, actual, scored, self._spell)

    def _scores(self, targets: Mapping[str, Values]) -> list[Any]:
        """Return the scores of predictions, those of the positive class as those of the prediction; none if unknown."""
        scored = json_values(targets["probability"]) if "probability" in targets else []
        if self._positive_class is None or "prediction" not in targets:
            return scored
        chosen = (None if value is None else self._spell(value) for value in json_values(targets["prediction"]))
        return [
            1 - score if type(score) in NUMBERS and name not in (None, self._positive_class) else score
            for score, name in zip(scored, chosen, strict=True)
        ]


def _name(value: Any) -> str | None:
    return None if value is None or value != value else label_of(value)  # noqa: PLR0124  # NaN


def _classes(values: Sequence[Any], spell: Spelling) -> Encoded[str]:
    """Return the classes of JSON values; other values are absent."""
    # Values of different types may be equal but have different classes, such as 1 and true.
    if set(map(type, values)) - {type(None)} in ({str}, {int}, {float}, {bool}):
        classes = {value: _class(value, spell) for value in set(values)}
        return Encoded.of(tuple(map(classes.get, values)))
    return Encoded.of(tuple(_class(value, spell) for value in values))


def _class(value: Any, spell: Spelling) -> str | None:
    is_class = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    return spell(value) if is_class else None
