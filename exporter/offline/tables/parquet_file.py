"""Parquet files, read a few pages at a time."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from exporter.offline import OfflineError
from exporter.offline.tables.files import DataFile
from exporter.offline.tables.table import Cells, Table, check_names, rechunk

PAGE_BYTES = 1 << 20


def tables(file: DataFile, rows: int) -> Iterator[tuple[Table, int]]:
    """Yield tables of `rows` rows, each with the number of bytes read so far; raises OfflineError."""
    try:
        # Without these options, a whole row group would be in memory.
        with pq.ParquetFile(file.path, buffer_size=PAGE_BYTES, pre_buffer=False) as parquet:
            check_names(parquet.schema_arrow.names, file.path)
            total = parquet.metadata.num_rows
            done = 0
            for batch, _ in rechunk(((_plain(batch), 0) for batch in parquet.iter_batches(rows)), rows):
                done += batch.num_rows
                columns = dict(zip(batch.schema.names, map(Cells, batch.columns), strict=True))
                yield Table(batch.num_rows, columns), file.size * done // total
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).split("\n", maxsplit=1)[0].rstrip(".")
        raise OfflineError(f"{file.path}: not a Parquet file that can be read: {reason}") from None


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch, validated, with one type of text and one of times; Arrow cannot compute with all types."""
    batch.validate(full=True)
    schema = pa.schema([field.with_type(_plain_type(field.type)) for field in batch.schema])
    return batch if schema == batch.schema else batch.cast(schema, safe=False)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain_type(field.type)) for field in kind])
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pa.timestamp("us", getattr(kind, "tz", None))
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind
