"""The values of one column of a block, separated by their JSON type, for every file format."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exporter.batch import Floats, Ints
from exporter.decoding.columns import label_of
from exporter.offline.tables.table import Cells, Values

# Returns the label of a JSON value.
ToLabel = Callable[[Any], str]
# Vectors in the order of the rows, shape (n, length), by their length.
Vectors = Mapping[int, Floats]

NO_NUMBERS = np.empty(0)
NO_ROWS = np.empty(0, np.int64)
LISTS = "lists"
# The elements of a list that is a vector.
ELEMENTS = {int, float, type(None)}
# Beyond this, not every integer is a float too.
MAX_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Column:
    """The numbers in the order of the rows, the row of each, and how often each text or boolean occurs.

    Numbers are int64, uint64 or float64, or Python's own if none of these types can represent all of them exactly.
    `unusable` counts all other values, by their kind, except for null and NaN. Lists of numbers are also in `vectors`.
    """

    numbers: NDArray[Any] = field(default_factory=lambda: NO_NUMBERS)
    rows: Ints = field(default_factory=lambda: NO_ROWS)
    texts: Mapping[str, int] = field(default_factory=dict)
    unusable: Mapping[str, int] = field(default_factory=dict)
    vectors: Vectors = field(default_factory=dict)

    @property
    def other_than_numbers(self) -> int:
        """The number of values that are no numbers to the sidecar."""
        return sum(self.texts.values()) + self.other_than_labels

    @property
    def other_than_labels(self) -> int:
        """The number of values that are no categories to the sidecar."""
        return sum(self.unusable.values())

    def by_row(self, rows: int) -> Floats:
        """Return the number in each of a block's `rows` rows; NaN for none."""
        numbers = np.full(rows, np.nan)
        numbers[self.rows] = as_floats(self.numbers)
        return numbers

    def labels(self, to_label: ToLabel) -> Counter[str]:
        """Return how often each label occurs; `to_label` returns the label of a number."""
        counts = Counter(dict(self.texts))
        values, sizes = np.unique(self.numbers, return_counts=True)
        for value, size in zip(values.tolist(), sizes.tolist(), strict=True):
            counts[to_label(value)] += size
        return counts


def as_floats(numbers: NDArray[Any]) -> Floats:
    """Return numbers as floats; an integer beyond the range of floats is infinite, as it is to the sidecar."""
    if numbers.dtype != object:
        return numbers.astype(np.float64, copy=False)
    return np.array(list(map(_as_float, numbers)), dtype=np.float64)


def column(values: Values) -> Column:
    """Return the values separated by type."""
    return _of_cells(values) if isinstance(values, Cells) else _of_json(values)


def _of_json(values: Sequence[Any]) -> Column:
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {str}:
        return Column(texts=Counter(value for value in values if value is not None))
    rows = [row for row, value in enumerate(values) if type(value) in (int, float)]
    numbers = [values[row] for row in rows]
    array = np.array(numbers)
    if array.dtype.kind not in "iu" and any(type(value) is int and abs(value) > MAX_EXACT for value in numbers):
        array = np.array(numbers, dtype=object)
    of_numbers = _without_nan(array, np.array(rows, np.int64))
    if kinds <= {int, float}:
        return Column(*of_numbers)
    return Column(
        *of_numbers,
        Counter(label_of(value) for value in values if type(value) in (str, bool)),
        Counter("objects" if type(value) is dict else LISTS for value in values if type(value) in (dict, list)),
        _vectors(value for value in values if type(value) is list),
    )


def _of_cells(cells: Cells) -> Column:
    rows = np.flatnonzero(cells.array.is_valid().to_numpy(zero_copy_only=False))
    array = cells.array.drop_null()
    kind = array.type
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return Column(texts=_counts(array.cast(pa.string())))
    texts = {} if cells.texts is None else _counts(cells.texts.drop_null())
    if pa.types.is_integer(kind):
        whole = array.cast(pa.uint64() if kind == pa.uint64() else pa.int64())
        return Column(whole.to_numpy(zero_copy_only=False), rows, texts)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Column(*_without_nan(array.cast(pa.float64()).to_numpy(zero_copy_only=False), rows), texts)
    return Column(unusable={_noun(kind): len(array)}, vectors=_arrow_vectors(array)) if len(array) else Column()


def _without_nan(numbers: NDArray[Any], rows: Ints) -> tuple[NDArray[Any], Ints]:
    absent = numbers != numbers  # noqa: PLR0124  # NaN is not itself, among Python's own numbers too
    return (numbers[~absent], rows[~absent]) if absent.any() else (numbers, rows)


def _as_float(value: float | None) -> float:
    if value is None:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _vectors(lists: Iterable[list[Any]]) -> Vectors:
    """Return the lists that contain only numbers and nulls."""
    found = defaultdict(list)
    for values in lists:
        if set(map(type, values)) <= ELEMENTS:
            found[len(values)].append(values)
    return {length: _matrix(rows) for length, rows in found.items()}


def _matrix(rows: list[list[Any]]) -> Floats:
    try:
        return np.array(rows, np.float64)
    except OverflowError:
        return np.array([list(map(_as_float, row)) for row in rows])


def _arrow_vectors(array: pa.Array) -> Vectors:
    """Return the lists of an Arrow array without nulls; none unless it is an array of lists of numbers."""
    kind = array.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not is_list or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        return {}
    lengths = pc.list_value_length(array)
    vectors = {length: array.filter(pc.equal(lengths, length)) for length in pc.unique(lengths).to_pylist()}
    return {
        length: same.flatten().to_numpy(zero_copy_only=False).astype(np.float64).reshape(len(same), length)
        for length, same in vectors.items()
    }


def _counts(array: pa.Array) -> dict[Any, int]:
    counted = pc.value_counts(array)
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _noun(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        return "objects"
    if pa.types.is_nested(kind):
        return LISTS
    return "dates or times" if pa.types.is_temporal(kind) else f"values of type {kind}"
