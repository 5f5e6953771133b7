"""Arrow columns become arrays: as exporter/decoding/columns.py does it for JSON's values, to the same result.

A column is a pyarrow ChunkedArray of a type that leaves.py lets pass, validated. Only distinct values become objects,
but for scores by class and for times that are text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from exporter.batch import NON_FINITE, WRONG_TYPE, Bools, Floats, Ints, Marks
from exporter.decoding.columns import class_of, epoch
from exporter.encoded import Encoded, in_order

UNIT_PARTS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# One value for all fractional numbers, which are of one class.
FRACTION = 0.5


def value_type(column: pa.ChunkedArray) -> pa.DataType:
    """Return the type of a column's values, dictionary-encoded or not."""
    return column.type.value_type if types.is_dictionary(column.type) else column.type


def is_float(column: pa.ChunkedArray) -> bool:
    """Whether a column holds numbers that may be fractional."""
    return bool(types.is_floating(value_type(column)) or types.is_decimal(value_type(column)))


def present(column: pa.ChunkedArray) -> Bools:
    """Return where a column is not null."""
    if types.is_dictionary(column.type):
        return np.concatenate([_codes(chunk) >= 0 for chunk in column.chunks])
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    valid: Bools = column.is_valid().to_numpy()
    return valid


def floats(column: pa.ChunkedArray) -> Floats:
    """Return a column of numbers, NaN where it is null."""
    if not types.is_dictionary(column.type):
        return _floats(column.combine_chunks())
    return np.concatenate([np.append(_floats(chunk.dictionary), np.nan)[_codes(chunk)] for chunk in column.chunks])


def labels(column: pa.ChunkedArray, spell: Callable[[Any], str]) -> Encoded[str]:
    """Encode a column of labels, in the order in which they come first; NaN is absent."""
    if types.is_dictionary(column.type):
        return _spelt([_used(chunk) for chunk in column.chunks], spell)
    array = column.combine_chunks()
    if is_float(column):
        values = _floats(array)
        if spell is class_of:
            values = np.where(np.isfinite(values) & (values != np.floor(values)), FRACTION, values)
        array = pa.array(values)
    encoded = array.dictionary_encode()
    return _spelt([(encoded.dictionary.to_pylist(), _indices(encoded))], spell)


def vectors(column: pa.ChunkedArray, dimension: int) -> tuple[Floats, Marks]:
    """Return a column of lists of numbers, shape (rows, dimension), and why rows are unusable.

    A row that is null is NaN, and so is one of another length, with a null in it, or that is not finite.
    """
    array = column.combine_chunks()
    lengths = pc.list_value_length(array).fill_null(-1).to_numpy(zero_copy_only=False)
    fits = lengths == dimension
    values = array.filter(pa.array(fits)).flatten()
    whole = values.is_valid().to_numpy(zero_copy_only=False).reshape(-1, dimension).all(axis=1)
    rows = np.full((len(array), dimension), np.nan)
    rows[fits] = _floats(values).reshape(-1, dimension)
    marks = np.where((lengths >= 0) & ~fits, WRONG_TYPE, 0).astype(np.uint8)
    marks[fits] = np.where(whole, np.where(np.isfinite(rows[fits]).all(axis=1), 0, NON_FINITE), WRONG_TYPE)
    rows[marks > 0] = np.nan
    return rows, marks


def times(column: pa.ChunkedArray, unit: float) -> tuple[Floats, Bools | None]:
    """Return epoch seconds, NaN where a column is null, and where text is no time; numbers are divided by `unit`."""
    kind = value_type(column)
    if types.is_timestamp(kind):
        return np.concatenate([_moments(chunk, UNIT_PARTS[kind.unit]) for chunk in column.chunks]), None
    if not (types.is_string(kind) or types.is_large_string(kind)):
        return floats(column) / unit, None
    text = labels(column, str)
    read = np.array([*map(_time, text.names), np.nan])
    time = read[text.codes]
    return time, np.isnan(time) & (text.codes >= 0)


def by_class(column: pa.ChunkedArray) -> Iterator[dict[str, Any] | None]:
    """Yield each row's object class -> number of a column of structs or maps; what is null in it is absent."""
    is_map = types.is_map(column.type)
    for value in column.to_pylist():
        pairs = value if is_map or value is None else value.items()
        yield None if pairs is None else {name: float(score) for name, score in pairs if score is not None}


def _floats(array: pa.Array) -> Floats:
    if types.is_decimal(array.type):
        array = array.cast(pa.float64())
    values: Floats = array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return values


def _indices(array: pa.DictionaryArray) -> Ints:
    """Return which entry of its dictionary each row has, -1 where it is null."""
    indices = array.indices
    codes: Ints = indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return np.where(indices.is_valid().to_numpy(zero_copy_only=False), codes, -1) if indices.null_count else codes


def _codes(array: pa.DictionaryArray) -> Ints:
    """Return the same, also -1 where the entry is null."""
    codes = _indices(array)
    if array.dictionary.null_count:
        valid = np.append(array.dictionary.is_valid().to_numpy(zero_copy_only=False), False)
        codes = np.where(valid[codes], codes, -1)
    return codes


def _used(array: pa.DictionaryArray) -> tuple[list[Any], Ints]:
    """Return those entries of a dictionary that a row has, in the order in which they come first, and each row's."""
    used, codes = in_order(_codes(array), len(array.dictionary))
    names = array.dictionary.take(pa.array(used)).to_pylist()
    if types.is_decimal(array.dictionary.type):
        names = [None if name is None else float(name) for name in names]
    return names, codes


def _spelt(parts: list[tuple[list[Any], Ints]], spell: Callable[[Any], str]) -> Encoded[str]:
    """Join columns of values, which are spelt as labels; two that are spelt alike are one."""
    known: dict[str, int] = {}
    joined: list[Ints] = []
    for values, codes in parts:
        spelt = [-1 if _is_absent(value) else known.setdefault(spell(value), len(known)) for value in values]
        joined.append(np.array([*spelt, -1], np.int64)[codes])
    return Encoded(tuple(known), np.concatenate(joined))


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124  # NaN


def _moments(array: pa.Array, parts: int) -> Floats:
    """Return epoch seconds of timestamps, of which a second has `parts`."""
    if types.is_dictionary(array.type):
        return np.append(_moments(array.dictionary, parts), np.nan)[_codes(array)]
    counts = array.view(pa.int64())
    whole: Ints = counts.fill_null(0).to_numpy(zero_copy_only=False)
    # Nanoseconds are too many for a float.
    seconds: Floats = whole // parts + whole % parts / parts
    return np.where(counts.is_valid().to_numpy(zero_copy_only=False), seconds, np.nan) if counts.null_count else seconds


def _time(text: str) -> float:
    """Return the epoch seconds of a time that is text; NaN where it is none."""
    try:
        return epoch(msgspec.convert(text, datetime))
    except msgspec.ValidationError:
        return float("nan")
