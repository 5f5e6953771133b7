"""The files that a command reads as one data set."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from exporter.decoding.schema import Schema
from exporter.offline.tables import csv_file, json_lines, parquet_file
from exporter.offline.tables.files import DataFile, FileType
from exporter.offline.tables.json_lines import ObjectTable
from exporter.offline.tables.table import Table

# Small enough that a million rows need no more memory than a few thousand. A result must not depend on how the data is
# stored, so blocks are the same in every format.
BLOCK_ROWS = 8192

AnyTable = Table | ObjectTable

T = TypeVar("T")

# Returns the tables of so many rows of a file that is read by the configuration, each with the number of bytes read so
# far; None for another file.
LogTables = Callable[[DataFile, int], Iterator[tuple[ObjectTable, int]] | None]
# Called with the number of bytes read so far, and the total.
Progress = Callable[[int, int], None]


class DataSet:
    """Files with records as described by `schema`; a CSV column has the same type in all of them.

    They are read up to `passes` times, and `progress` is called meanwhile. `logs` reads those of the configuration.
    """

    def __init__(
        self,
        files: Sequence[DataFile],
        schema: Schema,
        *,
        passes: int = 1,
        progress: Progress = lambda _done, _total: None,
        logs: LogTables = lambda _file, _rows: None,
    ) -> None:
        self.files = files
        self._logs = logs
        self._progress = progress
        csv_files = [file for file in files if file.type is FileType.CSV and logs(file, BLOCK_ROWS) is None]
        self._done = 0
        self._total = sum(file.size for file in csv_files) + passes * sum(file.size for file in files)
        batches = (batch for file in csv_files for batch in self._reported(file, csv_file.text_batches(file)))
        self._types = csv_file.column_types(batches, schema)

    def tables(self, file: DataFile, rows: int = BLOCK_ROWS) -> Iterator[AnyTable]:
        """Yield the rows of a file, at most `rows` at a time; raises OfflineError."""
        if (log := self._logs(file, rows)) is not None:
            return self._reported(file, log)
        match file.type:
            case FileType.CSV:
                return self._reported(file, csv_file.tables(file, rows, self._types))
            case FileType.PARQUET:
                return self._reported(file, parquet_file.tables(file, rows))
            case FileType.JSON_LINES:
                return self._reported(file, json_lines.tables(file, rows))

    def _reported(self, file: DataFile, read: Iterable[tuple[T, int]]) -> Iterator[T]:
        """Yield the items read from a file, and report progress; each comes with the number of bytes read so far."""
        before = self._done
        for item, at in read:
            yield item
            self._report(before + min(at, file.size))
        self._report(before + file.size)

    def _report(self, done: int) -> None:
        self._done = done
        self._progress(done, self._total)
