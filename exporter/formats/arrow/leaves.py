"""Where in an Arrow schema each record field and feature lies, and the columns of a batch that are read.

The columns that are read make a flat batch, in which each is named by its leaf. A column of a wrong type, or one in the
place of a struct that it lies in, is replaced by where it has values, under a name with the prefix WRONG.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args, get_origin

import numpy as np
import pyarrow as pa
from pyarrow import types

from exporter.decoding.schema import Leaf, Node
from exporter.formats.arrow.messages import MESSAGE_BYTES
from exporter.lines.rejects import Reason, RejectedError

WRONG = "wrong type: "
VIEW_BYTES = 16


@dataclass(frozen=True, slots=True)
class Place:
    """The numbers of a column in the batch and in each struct below; `name` is its name in a flat batch."""

    path: tuple[int, ...]
    name: str
    is_wrong: bool


def places(schema: pa.Schema, tree: Node) -> list[Place]:
    """Return where the leaves of a tree lie in a schema, without those that it lacks."""
    return list(_places(list(schema), tree, ()))


def _places(fields: list[pa.Field], node: Node, path: tuple[int, ...]) -> Iterator[Place]:
    # Of duplicate names the last counts, as in JSON.
    numbers = {field.name: number for number, field in enumerate(fields)}
    for name, child in node.children.items():
        number = numbers.get(name)
        if number is None or types.is_null(fields[number].type):
            continue
        kind = fields[number].type
        below = (*path, number)
        if isinstance(child, Leaf):
            is_wrong = not (_holds_vectors(kind) if child.dimension else _fits(child.type, kind))
            yield Place(below, (WRONG if is_wrong else "") + child.key, is_wrong)
        elif types.is_struct(kind):
            yield from _places(list(kind), child, below)
        else:
            # A prediction in it is missing.
            wrong = (leaf for leaf in child.leaves() if not leaf.is_optional and leaf.key != "prediction")
            yield from (Place(below, WRONG + leaf.key, is_wrong=True) for leaf in wrong)


def flat(batch: pa.RecordBatch, places: list[Place], columns: dict[int, int]) -> pa.RecordBatch:
    """Return the columns of a batch that are read, validated; `columns` maps columns of the schema to the batch's.

    Raises RejectedError, and pyarrow's errors.
    """
    batch.validate()
    arrays = [_column(batch.column(columns[place.path[0]]), place) for place in places]
    # A batch without columns would have no rows.
    read = pa.RecordBatch.from_arrays(arrays or [pa.nulls(batch.num_rows)], [place.name for place in places] or [""])
    read.validate(full=True)
    return read


def _column(array: pa.Array, place: Place) -> pa.Array:
    for number in place.path[1:]:
        # A field does not know where its struct is null.
        array = array.flatten()[number] if array.null_count else array.field(number)
    return _present(array) if place.is_wrong else _plain(array)


def _present(array: pa.Array) -> pa.Array:
    """Return where an array of any type is not null. Unions and runs have no nulls of their own."""
    kind = array.type
    if types.is_union(kind) or types.is_run_end_encoded(kind) or not array.null_count:
        return pa.array(np.ones(len(array), np.bool_))
    return array.is_valid()


def _plain(array: pa.Array) -> pa.Array:
    """Return an array without decimals, string views and dictionaries of other values than strings.

    Raises RejectedError if string views overlap: strings cannot, and could take far more memory than was sent.
    """
    if types.is_dictionary(array.type):
        values = _plain(array.dictionary)
        if not (types.is_string(values.type) or types.is_large_string(values.type)):
            array.validate(full=True)
            return values.take(array.indices)
        return array if values is array.dictionary else pa.DictionaryArray.from_arrays(array.indices, values)
    if types.is_decimal(array.type):
        array.validate(full=True)
        return array.cast(pa.float64())
    if types.is_struct(array.type):
        # A class without scores takes no bytes.
        present = [number for number, field in enumerate(array.type) if not types.is_null(field.type)]
        fields = [array.field(number) for number in present]
        names = [array.type[number].name for number in present]
        return (
            pa.StructArray.from_arrays(fields, names, mask=array.is_null())
            if fields
            else pa.nulls(len(array), pa.float64())
        )
    if not types.is_string_view(array.type) or not len(array):
        return array
    array.validate()
    lengths = np.frombuffer(array.buffers()[1], "<i4")[:: VIEW_BYTES // 4]
    if int(np.maximum(lengths, 0).sum()) > MESSAGE_BYTES:
        raise RejectedError(Reason.INVALID_ARROW, "a record batch whose strings overlap")
    array.validate(full=True)
    return array.cast(pa.large_string())


def _fits(wanted: Any, kind: pa.DataType) -> bool:
    """Return whether a column of a type may have values of a field's type, as JSON's decoder would accept them."""
    choices = get_args(wanted)
    if types.is_dictionary(kind):
        kind = kind.value_type
        if types.is_dictionary(kind) or types.is_nested(kind):
            return False
    if types.is_nested(kind):
        # A column of predictions has labels.
        return str not in choices and any(get_origin(choice) is dict for choice in choices) and _holds_scores(kind)
    return any(choice in choices for choice in _choices(kind))


def _choices(kind: pa.DataType) -> tuple[type, ...]:
    """Return the types of fields that a column of a type may be read as."""
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return str, datetime
    if types.is_integer(kind):
        return int, float
    if types.is_floating(kind) or types.is_decimal(kind):
        return (float,)
    if types.is_boolean(kind):
        return (bool,)
    return (datetime,) if types.is_timestamp(kind) else ()


def _holds_scores(kind: pa.DataType) -> bool:
    """Return whether a type is class -> number."""
    if types.is_map(kind):
        return (types.is_string(kind.key_type) or types.is_large_string(kind.key_type)) and _is_number(kind.item_type)
    if not types.is_struct(kind):
        return False
    # An object has no duplicate names.
    names = [field.name for field in kind]
    return len(set(names)) == len(names) and all(_is_number(field.type) for field in kind)


def _holds_vectors(kind: pa.DataType) -> bool:
    """Return whether a type is a list of numbers."""
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_list and _is_number(kind.value_type))


def _is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind))
