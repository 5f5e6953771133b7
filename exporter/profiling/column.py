"""A block's values of one column, taken apart by their JSON type.

Whatever the format of the file was: the rest of profiling sees only this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exporter.batch import Floats, Ints
from exporter.profiling.lists import Vectors, as_float, of_list_array, of_lists

# Spells a JSON value as a label.
Spell = Callable[[Any], str]

NO_NUMBERS = np.empty(0)
NO_ROWS = np.empty(0, np.int64)

LISTS = "lists"

# Beyond this, not every integer is a float too.
MAX_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Column:
    """`numbers` in the order of the rows, the row in the block of each, and how often each text and boolean is there.

    Numbers are int64, uint64 or float64, or Python's own where none of these holds them all as they are.
    `unusable` counts, by what they are, the values that are neither. Null and NaN are in none of these. Those lists
    that hold numbers are `vectors` too.
    """

    numbers: NDArray[Any] = field(default_factory=lambda: NO_NUMBERS)
    rows: Ints = field(default_factory=lambda: NO_ROWS)
    texts: Mapping[str, int] = field(default_factory=dict)
    booleans: Mapping[bool, int] = field(default_factory=dict)
    unusable: Mapping[str, int] = field(default_factory=dict)
    vectors: Vectors = field(default_factory=dict)

    @property
    def other_than_numbers(self) -> int:
        """How many values are none that the sidecar takes for a number."""
        return sum(self.texts.values()) + sum(self.booleans.values()) + self.other_than_labels

    @property
    def other_than_labels(self) -> int:
        """How many values are none that the sidecar takes for a category."""
        return sum(self.unusable.values())

    def by_row(self, rows: int) -> Floats:
        """Return the number of each of a block's `rows` rows; NaN where there is none."""
        numbers = np.full(rows, np.nan)
        numbers[self.rows] = as_floats(self.numbers)
        return numbers

    def labels(self, spell: Spell) -> Counter[str]:
        """Return how often each label is there, numbers and booleans spelt by `spell`."""
        counts = Counter(dict(self.texts))
        for flag, count in self.booleans.items():
            counts[spell(flag)] += count
        values, sizes = np.unique(self.numbers, return_counts=True)
        for value, size in zip(values.tolist(), sizes.tolist(), strict=True):
            counts[spell(value)] += size
        return counts


def as_floats(numbers: NDArray[Any]) -> Floats:
    """Return a column's numbers as floats; an integer beyond all of them is infinite, as it is to the sidecar."""
    if numbers.dtype != object:
        return numbers.astype(np.float64, copy=False)
    return np.array(list(map(as_float, numbers)), dtype=np.float64)


def is_mostly(part: int, whole: int) -> bool:
    """Whether so many of a column's values are numbers that it is one of numbers: 90 %."""
    return 10 * part >= 9 * whole


def of_values(values: Sequence[Any]) -> Column:
    """Take JSON values apart."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {str}:
        return Column(texts=_without_null(Counter(values)))
    numbers = _of_numbers(values)
    if kinds <= {int, float}:
        return numbers
    return Column(
        numbers.numbers,
        numbers.rows,
        Counter(value for value in values if type(value) is str),
        Counter(value for value in values if type(value) is bool),
        Counter("objects" if type(value) is dict else LISTS for value in values if type(value) in (dict, list)),
        of_lists(value for value in values if type(value) is list),
    )


def of_array(array: pa.Array) -> Column:
    """Take an Arrow array apart, of any type that tables.plain returns."""
    rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    array = array.drop_null()
    kind = array.type
    if pa.types.is_boolean(kind):
        return Column(booleans=_counts(array))
    if pa.types.is_string(kind):
        return Column(texts=_counts(array))
    if pa.types.is_integer(kind):
        whole = array.cast(pa.uint64() if kind == pa.uint64() else pa.int64())
        return Column(whole.to_numpy(zero_copy_only=False), rows)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _without_nan(array.cast(pa.float64()).to_numpy(zero_copy_only=False), rows)
    return Column(unusable={_noun(kind): len(array)}, vectors=of_list_array(array)) if len(array) else Column()


def _of_numbers(values: Sequence[Any]) -> Column:
    rows = [row for row, value in enumerate(values) if type(value) in (int, float)]
    numbers = [values[row] for row in rows]
    at = np.array(rows, np.int64)
    array = np.array(numbers)
    if array.dtype.kind in "iu":
        return Column(array, at)
    if any(type(value) is int and abs(value) > MAX_EXACT for value in numbers):
        return _without_nan(np.array(numbers, dtype=object), at)
    return _without_nan(array, at)


def _without_nan(numbers: NDArray[Any], rows: Ints) -> Column:
    absent = numbers != numbers  # noqa: PLR0124  # NaN is not itself, among Python's own numbers too
    return Column(numbers[~absent], rows[~absent]) if absent.any() else Column(numbers, rows)


def _without_null(counts: Counter[Any]) -> Counter[Any]:
    del counts[None]
    return counts


def _counts(array: pa.Array) -> dict[Any, int]:
    counted = pc.value_counts(array)
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _noun(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        return "objects"
    if pa.types.is_nested(kind):
        return LISTS
    return "dates or times" if pa.types.is_temporal(kind) else f"values of type {kind}"
