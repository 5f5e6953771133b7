"""Parquet files, read a few pages at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from exporter.profiling import tables
from exporter.profiling.errors import ProfilingError
from exporter.profiling.records import Block, Layout

PAGE_BYTES = 1 << 20


def read(path: Path, layout: Layout, block_rows: int) -> Iterator[tuple[Block, int]]:
    """Yield blocks of `block_rows` rows, each with how far the file is read, in bytes; raises ProfilingError."""
    size = path.stat().st_size
    done = 0
    try:
        # Without these, a whole row group would be in memory.
        with pq.ParquetFile(path, buffer_size=PAGE_BYTES, pre_buffer=False) as file:
            tables.check(file.schema_arrow.names, path)
            for batch in tables.rechunk(map(tables.plain, file.iter_batches(block_rows)), block_rows):
                done += batch.num_rows
                yield tables.block(batch, layout, path), size * done // file.metadata.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ProfilingError(f"{path}: not a Parquet file that can be read: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0].rstrip(".")
