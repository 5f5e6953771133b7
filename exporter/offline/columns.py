"""Tables as the columns that the sidecar reads of Arrow, without an object per row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from exporter.decoding.pipeline import Pipeline
from exporter.decoding.schema import FEATURES
from exporter.formats.arrow.leaves import flat, places
from exporter.formats.arrow.stream import ArrowStream
from exporter.lines.buffer import Chunk, PendingLines
from exporter.lines.stream import Stream
from exporter.offline.tables.data_set import AnyTable
from exporter.offline.tables.table import Table

STREAM = Stream("table", "table")


def pending(batch: pa.RecordBatch, columns: Pipeline) -> PendingLines:
    """Return the rows of a record batch for a pipeline of Arrow. Raises RejectedError, and pyarrow's errors."""
    return PendingLines([Chunk(STREAM, 0, _flat(batch, columns))])


def _flat(batch: pa.RecordBatch, columns: Pipeline) -> pa.RecordBatch:
    """Return the columns of a batch that are read, each under the name of its leaf."""
    framing = columns.framer(0, None, b"")
    assert isinstance(framing, ArrowStream)  # noqa: S101  # it is Arrow's
    found = [
        replace(place, name=prefix + place.name)
        for prefix, tree in framing.trees.items()
        for place in places(batch.schema, tree)
    ]
    return flat(batch, found, {number: number for number in range(batch.num_columns)})


def record_batch(table: AnyTable) -> pa.RecordBatch:
    """Return the rows of a CSV or Parquet file; a column `features.age` is the `age` of `features`."""
    assert isinstance(table, Table)  # noqa: S101  # JSON lines are read as lines
    arrays = {name: cells.array for name, cells in table.columns.items()}
    if any(name.startswith(f"{FEATURES}.") for name in arrays):
        tree: dict[str, Any] = {}
        for name, array in arrays.items():
            *path, last = name.split(".")
            node = tree
            for key in path:
                node = node.setdefault(key, {}) if isinstance(node, dict) else {}
            if isinstance(node, dict):
                node.setdefault(last, array)
        arrays = {name: _array(node) for name, node in tree.items()}
    return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


def _array(node: pa.Array | Mapping[str, Any]) -> pa.Array:
    if isinstance(node, dict):
        return pa.StructArray.from_arrays(list(map(_array, node.values())), list(node))
    return node
