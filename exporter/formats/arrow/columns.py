"""The columns of flat record batches as arrays: the same as decoding/columns.py makes of JSON's values.

A column is a validated pyarrow ChunkedArray of a type that leaves.py leaves. Only distinct values become Python
objects, except for scores by class. An absent or null value, and one of a wrong type, is NaN or has no label.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, get_args, get_origin

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from exporter.batch import NO_NUMBER, NON_FINITE, NOT_FINITE, WRONG_TYPE, Bools, Floats, Ints, Marks
from exporter.decoding import columns
from exporter.decoding.checks import Failed
from exporter.decoding.columns import DURATION, TIME, class_of, label_of, of_any_unit, value_of
from exporter.decoding.conversions import epoch_of, seconds_of
from exporter.decoding.salvage import REQUIRED
from exporter.decoding.schema import FIELD_TYPES
from exporter.encoded import Encoded, in_order
from exporter.formats.arrow.leaves import WRONG
from exporter.lines.rejects import Reason

TYPE_NAMES = {str: "text", int: "an integer", float: "a number", bool: "a boolean", datetime: "a time"}
UNIT_PARTS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# Stands for all fractional numbers, which are of one class.
FRACTION = 0.5


def scores_per_row(table: pa.Table) -> int:
    """Return how many scores by class a row has on average, at least 1; each becomes a Python object."""
    # The same for each model, by prefix.
    column = next((table[name] for name in table.schema.names if name.endswith("probability")), None)
    if column is None:
        return 1
    if types.is_struct(column.type):
        return max(1, int(column.type.num_fields))
    items = sum(len(chunk.items) for chunk in column.chunks) if types.is_map(column.type) else 0
    return max(1, int(items) // max(1, int(table.num_rows)))


class ArrowColumns:
    """The columns of flat record batches of one schema whose name has a prefix, by the rest of the name (Leaf.key)."""

    def __init__(self, table: pa.Table, prefix: str = "") -> None:
        self.rows = table.num_rows
        self._columns: dict[str, pa.ChunkedArray] = {
            name.removeprefix(prefix): column
            for name, column in zip(table.schema.names, table.columns, strict=True)
            if name.startswith(prefix)
        }
        self._absent = pa.chunked_array([pa.nulls(self.rows, pa.float64())])

    def _column(self, name: str) -> pa.ChunkedArray:
        return self._columns.get(name, self._absent)

    def matrix(self, names: Sequence[str]) -> Floats:
        """Return columns of numbers as an array of shape (names, rows)."""
        matrix = np.empty((len(names), self.rows))
        for row, name in zip(matrix, names, strict=True):
            row[:] = floats(self._column(name))
        return matrix

    def amounts(self, names: Sequence[str]) -> Floats:
        """Return columns of amounts as Batch has them, true as 1 and false as 0; shape (names, rows)."""
        matrix = np.full((len(names), self.rows), np.nan)
        for row, name in zip(matrix, names, strict=True):
            if (wrong := self._columns.get(WRONG + name)) is not None:
                row[wrong.to_numpy()] = NO_NUMBER
                continue
            column = self._column(name)
            present = column.is_valid().to_numpy()
            if types.is_boolean(column.type):
                column = column.cast(pa.int8())
            if is_number(column):
                values = floats(column)
                row[present] = np.where(np.isfinite(values), values, NOT_FINITE)[present]
            else:
                row[present] = NO_NUMBER
        return matrix

    def values(self) -> Floats:
        """Return the predictions that are numbers; any other is NaN."""
        return self.numbers("prediction")

    def numbers(self, name: str) -> Floats:
        """Return the values that are numbers; any other is NaN."""
        column = self._column(name)
        return floats(column) if is_number(column) else np.full(self.rows, np.nan)

    def vectors(self, name: str, dimension: int) -> tuple[Floats, Marks]:
        """Return a column of lists of numbers, shape (rows, dimension), and why rows are unusable.

        A row is NaN if it is null, has another length, contains a null, or is not finite.
        """
        rows = np.full((self.rows, dimension), np.nan)
        if name not in self._columns:
            return rows, self.flaws(name)
        array = self._columns[name].combine_chunks()
        lengths = pc.list_value_length(array).fill_null(-1).to_numpy(zero_copy_only=False)
        fits = lengths == dimension
        values = array.filter(pa.array(fits)).flatten()
        whole = values.is_valid().to_numpy(zero_copy_only=False).reshape(-1, dimension).all(axis=1)
        rows[fits] = _floats(values).reshape(-1, dimension)
        marks = np.where((lengths >= 0) & ~fits, WRONG_TYPE, 0).astype(np.uint8)
        marks[fits] = np.where(whole, np.where(np.isfinite(rows[fits]).all(axis=1), 0, NON_FINITE), WRONG_TYPE)
        rows[marks > 0] = np.nan
        return rows, marks

    def labels(self, name: str, spell: Callable[[Any], str] = label_of) -> Encoded[str]:
        """Return a column of labels, in the order of their first rows; NaN is absent."""
        if name not in self._columns:
            return Encoded((), np.full(self.rows, -1))
        column = self._columns[name]
        if types.is_dictionary(column.type):
            parts = []
            for chunk in column.chunks:
                used, codes = in_order(_indices(chunk), len(chunk.dictionary))
                parts.append((chunk.dictionary.take(pa.array(used)).to_pylist(), codes))
            return _spelt(parts, spell)
        array = column.combine_chunks()
        if spell is value_of and is_number(column):
            array = pa.array(np.where(np.isfinite(floats(column)), FRACTION, np.nan))
        elif is_float(column):
            values = _floats(array)
            if spell is class_of:
                values = np.where(np.isfinite(values) & (values != np.floor(values)), FRACTION, values)
            array = pa.array(values)
        encoded = array.dictionary_encode()
        return _spelt([(encoded.dictionary.to_pylist(), _indices(encoded))], spell)

    def errors(self) -> Encoded[str]:
        """Return the types of errors; some loggers write an empty text or the number 0 for success."""
        is_integer = types.is_integer(self._column("error_type").type)
        return self.labels("error_type").without("0" if is_integer else "")

    def latencies(self, units: Mapping[str, float]) -> Floats:
        """Return the column whose name is in `units`, in seconds."""
        name = self._unit(units)
        if name == DURATION:
            return self._of_text(name, seconds_of)
        return floats(self._column(name)) / units[name]

    def times(self, units: Mapping[str, float], zone: tzinfo) -> Floats:
        """Return epoch seconds of the column whose name is in `units`; NaN where text is not a time."""
        name = self._unit(units)
        column = self._column(name)
        if types.is_timestamp(column.type):
            return _moments(column.combine_chunks(), UNIT_PARTS[column.type.unit])
        if is_number(column):
            return of_any_unit(floats(column)) if name == TIME else floats(column) / units[name]
        return self._of_text(name, lambda text: epoch_of(text, zone))

    def _of_text(self, name: str, read: Callable[[str], float | None]) -> Floats:
        text = self.labels(name, str)
        numbers = [math.nan if number is None else number for number in map(read, text.names)]
        return np.array([*numbers, math.nan])[text.codes]

    def _unit(self, units: Mapping[str, float]) -> str:
        return next((name for name in units if name in self._columns), next(iter(units)))

    def outputs(
        self,
        spell: Callable[[Any], str],
        classes: Sequence[str],
        positive_class: str | None = None,
        negative_class: str | None = None,
    ) -> tuple[Encoded[str], Floats, Floats | None]:
        """Return the predictions, their scores, and those of `classes` if any; NaN where one is not finite.

        The classes are those of decoding.columns.predictions, which says what a missing prediction becomes.
        """
        predictions = self.labels("prediction", spell)
        column = self._column("probability")
        values: tuple[Any, ...] = ()
        if not types.is_nested(column.type):
            scores = floats(column)
            if positive_class is not None:
                known = tuple(score if math.isfinite(score) else None for score in scores.tolist())
                predictions = _completed(predictions, known, spell, positive_class, negative_class)
                is_other = np.array([name != positive_class for name in predictions.names] + [False])
                scores = np.where(is_other[predictions.codes], 1 - scores, scores)
        else:
            values = _scores_of_rows(column)
            predictions = _completed(predictions, values, spell, positive_class, negative_class)
            scores = columns.scores(values, _labels(predictions))
        return predictions, scores, columns.scores_by_class(scores, values, predictions, classes) if classes else None

    def flaws(self, name: str) -> Marks:
        """Return why the values of a feature are unusable, 0 where they are usable."""
        if (wrong := self._columns.get(WRONG + name)) is not None:
            return np.where(wrong.to_numpy(), WRONG_TYPE, 0).astype(np.uint8)
        column = self._column(name)
        if not is_float(column):
            return np.zeros(self.rows, np.uint8)
        return np.where(_is_not_finite(column), NON_FINITE, 0).astype(np.uint8)

    def failed(self) -> list[Failed]:
        """Return the rows whose prediction, or name or version of the model, is not finite or has a wrong type."""
        not_finite, wrong = [], []
        for name, column in self._columns.items():
            if name in REQUIRED and is_float(column):
                not_finite.append(Failed(Reason.NON_FINITE, _is_not_finite(column), f"{name} is not finite"))
            elif (field := name.removeprefix(WRONG)) in REQUIRED and field != name:
                wrong.append(_wrong(field, column.to_numpy()))
        return [*not_finite, *wrong]

    def unusable(self) -> Iterator[tuple[str, int]]:
        """Yield the other fields of a record, with how many of their values have a wrong type or are not finite."""
        for name, column in self._columns.items():
            field = name.removeprefix(WRONG)
            if field in FIELD_TYPES and field not in REQUIRED:
                if field != name:
                    yield field, int(np.count_nonzero(column.to_numpy()))
                elif is_float(column):
                    yield field, int(np.count_nonzero(_is_not_finite(column)))


def _wrong(name: str, rows: Bools) -> Failed:
    choices = [
        "a struct or map of them" if get_origin(choice) is dict else TYPE_NAMES[choice]
        for choice in get_args(FIELD_TYPES[name])
        if choice is not type(None)
    ]
    return Failed(Reason.WRONG_TYPE, rows, f"{name}: expected {' or '.join(choices)}")


def _is_not_finite(column: pa.ChunkedArray) -> Bools:
    bad: Bools = ~np.isfinite(floats(column))
    return bad & column.is_valid().to_numpy() if bad.any() else bad


def is_float(column: pa.ChunkedArray) -> bool:
    """Return whether a column has numbers that may be fractional."""
    return bool(types.is_floating(column.type))


def is_number(column: pa.ChunkedArray) -> bool:
    """Return whether a column has numbers."""
    return is_float(column) or bool(types.is_integer(column.type))


def floats(column: pa.ChunkedArray) -> Floats:
    """Return a column of numbers, NaN where it is null."""
    return _floats(column.combine_chunks())


def _floats(array: pa.Array) -> Floats:
    if types.is_decimal(array.type):
        array = array.cast(pa.float64())
    values: Floats = array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return values


def _indices(array: pa.DictionaryArray) -> Ints:
    """Return the index of each row's entry in the dictionary, -1 where it is null."""
    indices = array.indices
    codes: Ints = indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return np.where(indices.is_valid().to_numpy(zero_copy_only=False), codes, -1) if indices.null_count else codes


def _spelt(parts: list[tuple[list[Any], Ints]], spell: Callable[[Any], str]) -> Encoded[str]:
    """Join columns of values, spelt as labels; values that are spelt alike are one label, and NaN is absent."""
    known: dict[str, int] = {}
    joined: list[Ints] = []
    for values, codes in parts:
        spelt = [
            -1 if value is None or value != value else known.setdefault(spell(value), len(known))  # noqa: PLR0124
            for value in values
        ]
        joined.append(np.array([*spelt, -1], np.int64)[codes])
    return Encoded(tuple(known), np.concatenate(joined))


def _scores_of_rows(column: pa.ChunkedArray) -> tuple[dict[str, float] | None, ...]:
    """Return the score by class of each row, None if it has none, or one is not finite."""
    rows = (value.items() if isinstance(value, dict) else value for value in column.to_pylist())
    values = (
        None if pairs is None else {name: float(score) for name, score in pairs if score is not None} for pairs in rows
    )
    return tuple(value if value and np.isfinite([*value.values()]).all() else None for value in values)


def _labels(column: Encoded[str]) -> tuple[str | None, ...]:
    names = (*column.names, None)
    return tuple(names[code] for code in column.codes.tolist())


def _completed(
    predictions: Encoded[str],
    scores: tuple[Any, ...],
    spell: Callable[[Any], str],
    positive_class: str | None,
    negative_class: str | None,
) -> Encoded[str]:
    """Return predictions with the likeliest class in the place of a missing one."""
    if not (predictions.codes < 0).any():
        return predictions
    labels = _labels(predictions)
    completed, _ = columns.predictions(labels, scores, positive_class, negative_class)
    return Encoded.of(
        tuple(
            spell(chosen) if label is None and chosen is not None else label
            for label, chosen in zip(labels, completed, strict=True)
        )
    )


def _moments(array: pa.Array, parts: int) -> Floats:
    """Return epoch seconds of timestamps in units of 1/`parts` second."""
    counts = array.view(pa.int64())
    whole: Ints = counts.fill_null(0).to_numpy(zero_copy_only=False)
    # As a float, a number of nanoseconds would lose digits.
    seconds: Floats = whole // parts + whole % parts / parts
    return np.where(counts.is_valid().to_numpy(zero_copy_only=False), seconds, np.nan) if counts.null_count else seconds
