"""The record fields and features of flat record batches, as arrays; and the rows in which they cannot be what they are.

What is absent, null or of a wrong type is NaN, or has no label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, get_args, get_origin

import numpy as np
import pyarrow as pa

from exporter.batch import NON_FINITE as NON_FINITE_MARK
from exporter.batch import WRONG_TYPE as WRONG_TYPE_MARK
from exporter.batch import Bools, Floats, Marks
from exporter.decoding import columns
from exporter.decoding.checks import Failed
from exporter.decoding.columns import label_of
from exporter.decoding.schema import FIELD_TYPES
from exporter.encoded import Encoded
from exporter.formats.arrow.columns import by_class, floats, is_float, labels, present, times, value_type, vectors
from exporter.formats.arrow.leaves import NO_STRUCT, WRONG
from exporter.lines.rejects import NON_FINITE, WRONG_TYPE

SPELT = {str: "text", int: "an integer", float: "a number", bool: "a boolean", datetime: "a time"}


class Fields:
    """The columns of flat record batches of one schema, by name (Leaf.key)."""

    def __init__(self, table: pa.Table) -> None:
        self.rows = table.num_rows
        self._columns: dict[str, pa.ChunkedArray] = dict(zip(table.schema.names, table.columns, strict=True))

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers."""
        column = self._columns.get(name)
        return np.full(self.rows, np.nan) if column is None else floats(column)

    def matrix(self, names: Sequence[str]) -> Floats:
        """Return columns of numbers as an array of shape (names, rows)."""
        matrix = np.empty((len(names), self.rows))
        for row, name in zip(matrix, names, strict=True):
            column = self._columns.get(name)
            row[:] = np.nan if column is None else floats(column)
        return matrix

    def amounts(self, names: Sequence[str]) -> Floats:
        """Return columns of finite numbers, true as 1 and false as 0, as an array of shape (names, rows)."""
        matrix = np.full((len(names), self.rows), np.nan)
        for row, name in zip(matrix, names, strict=True):
            column = self._columns.get(name)
            if column is None:
                continue
            kind = value_type(column)
            if pa.types.is_boolean(kind):
                row[:] = floats(column.cast(pa.int8()))
            elif is_float(column) or pa.types.is_integer(kind):
                row[:] = floats(column)
        matrix[~np.isfinite(matrix)] = np.nan
        return matrix

    def values(self) -> Floats:
        """Return the predictions that are numbers; any other is NaN."""
        column = self._columns.get("prediction")
        if column is None or not (is_float(column) or pa.types.is_integer(value_type(column))):
            return np.full(self.rows, np.nan)
        return floats(column)

    def vectors(self, name: str, dimension: int) -> tuple[Floats, Marks]:
        """Return a column of lists of numbers, and why rows are unusable."""
        column = self._columns.get(name)
        if column is None:
            return np.full((self.rows, dimension), np.nan), self.flaws(name)
        return vectors(column, dimension)

    def labels(self, name: str, spell: Callable[[Any], str] = label_of) -> Encoded[str]:
        """Return a column of labels."""
        column = self._columns.get(name)
        return Encoded((), np.full(self.rows, -1)) if column is None else labels(column, spell)

    def errors(self) -> Encoded[str]:
        """Return the types of errors; empty text and the number 0 are how some loggers spell that all went well."""
        column = self._columns.get("error_type")
        is_number = column is not None and pa.types.is_integer(value_type(column))
        return self.labels("error_type").without("0" if is_number else "")

    def times(self, name: str, unit: float) -> tuple[Floats, list[Failed]]:
        """Return epoch seconds, and the rows whose text is no time; numbers are divided by `unit`."""
        column = self._columns.get(name)
        if column is None:
            return np.full(self.rows, np.nan), []
        time, wrong = times(column, unit)
        return time, [] if wrong is None else [_wrong(name, wrong)]

    def scores(self, predictions: Encoded[str], classes: Sequence[str]) -> tuple[Floats, Floats | None, list[Failed]]:
        """Return the scores of predictions, those of `classes` if any, and the rows where one is not finite."""
        column = self._columns.get("probability")
        values: tuple[Any, ...] = ()
        failed: list[Failed] = []
        if column is None or not pa.types.is_nested(column.type):
            scores = self.numbers("probability")
        else:
            values = tuple(by_class(column))
            chosen = tuple(None if code < 0 else predictions.names[code] for code in predictions.codes.tolist())
            bad = np.array([value is not None and not np.isfinite([*value.values()]).all() for value in values])
            scores = columns.scores(values, chosen)
            failed = [Failed(NON_FINITE, bad, "probability is not finite")]
        return scores, columns.scores_by_class(scores, values, predictions, classes) if classes else None, failed

    def flaws(self, name: str) -> Marks:
        """Return why the values of a feature are unusable, 0 where they are not."""
        if (wrong := self._columns.get(WRONG + name)) is not None:
            return np.where(_booleans(wrong), WRONG_TYPE_MARK, 0).astype(np.uint8)
        column = self._columns.get(name)
        if column is None or not is_float(column):
            return np.zeros(self.rows, np.uint8)
        return np.where(_is_not_finite(column), NON_FINITE_MARK, 0).astype(np.uint8)

    def failed(self) -> tuple[list[Failed], list[Failed]]:
        """Return the rows that have a record field that is not finite, and those that have one of a wrong type."""
        not_finite, wrong = [], []
        for name, column in self._columns.items():
            if name in FIELD_TYPES and is_float(column):
                not_finite.append(Failed(NON_FINITE, _is_not_finite(column), f"{name} is not finite"))
            elif name.startswith(NO_STRUCT):
                path = name.removeprefix(NO_STRUCT)
                wrong.append(Failed(WRONG_TYPE, _booleans(column), f"{path}: expected a struct"))
            elif (field := name.removeprefix(WRONG)) in FIELD_TYPES and field != name:
                wrong.append(_wrong(field, _booleans(column)))
        return not_finite, wrong


def _wrong(name: str, rows: Bools) -> Failed:
    choices = [
        "a struct or map of them" if get_origin(choice) is dict else SPELT[choice]
        for choice in get_args(FIELD_TYPES[name])
        if choice is not type(None)
    ]
    return Failed(WRONG_TYPE, rows, f"{name}: expected {' or '.join(choices)}")


def _is_not_finite(column: pa.ChunkedArray) -> Bools:
    bad: Bools = ~np.isfinite(floats(column))
    return bad & present(column) if bad.any() else bad


def _booleans(column: pa.ChunkedArray) -> Bools:
    values: Bools = column.to_numpy()
    return values
