"""Lists of numbers become vectors, by their lengths."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exporter.batch import Floats

NUMBERS = {int, float, type(None)}

# Vectors in the order of the rows, shape (n, length), by their length.
Vectors = Mapping[int, Floats]


def as_float(value: float | None) -> float:
    """Return a number as a float; an integer beyond all of them is infinite, as it is to the sidecar; NaN for null."""
    if value is None:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def of_lists(lists: Iterable[list[Any]]) -> Vectors:
    """Return the lists that hold numbers and nulls alone."""
    found = defaultdict(list)
    for values in lists:
        if set(map(type, values)) <= NUMBERS:
            found[len(values)].append(values)
    return {length: _array(rows) for length, rows in found.items()}


def of_list_array(array: pa.Array) -> Vectors:
    """Return the lists of an Arrow array without nulls, where they are of numbers."""
    kind = array.type
    if not _is_list(kind) or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        return {}
    values = array.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    starts = np.cumsum(lengths) - lengths
    return {
        length: values[starts[lengths == length][:, None] + np.arange(length)] for length in np.unique(lengths).tolist()
    }


def _array(rows: list[list[Any]]) -> Floats:
    try:
        return np.array(rows, np.float64)
    except OverflowError:
        return np.array([list(map(as_float, row)) for row in rows])


def _is_list(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))
