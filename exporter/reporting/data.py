"""The data of a report: files, addresses of object stores, and what exports Arrow streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, Self, runtime_checkable

import pyarrow as pa
from pyarrow import fs, parquet

from exporter.offline import OfflineError
from exporter.offline.profiling import Options, make_profile
from exporter.reference import profile_file
from exporter.reference.profile import Profile
from exporter.reference.profile_file import ProfileError

# Rows at a time.
BATCH_ROWS = 16_384
SCHEME = "://"


@runtime_checkable
class ExportsArrow(Protocol):
    """A data frame, a table or a reader, by the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a capsule with an Arrow stream."""


Data = str | Path | ExportsArrow


def record_batches(data: ExportsArrow) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a data frame, some at a time."""
    with pa.RecordBatchReader.from_stream(data) as reader:
        for batch in reader:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.slice(start, BATCH_ROWS)


class LocalCopies:
    """Paths of data on this machine; what lies elsewhere is copied to a temporary folder until it is closed."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def path(self, address: str | Path) -> Path:
        """Return the path of a file, folder or pattern, or of a copy of what an object store has there.

        Raises OfflineError.
        """
        if SCHEME not in str(address):
            return Path(address)
        try:
            store, path = fs.FileSystem.from_uri(str(address))
            found = store.get_file_info(path)
            if found.type == fs.FileType.NotFound:
                raise OfflineError(f"{address}: nothing is there")
            target: Path = self._folder() / str(found.base_name)
            if found.type == fs.FileType.Directory:
                target.mkdir()
            fs.copy_files(path, str(target), source_filesystem=store, destination_filesystem=fs.LocalFileSystem())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise OfflineError(f"{address}: {str(error).splitlines()[0]}") from None
        return target

    def stored(self, data: ExportsArrow) -> Path:
        """Return the path of a Parquet file with the rows of a data frame, for what reads them several times."""
        path = self._folder() / "data.parquet"
        with pa.RecordBatchReader.from_stream(data) as reader, parquet.ParquetWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        return path

    def _folder(self) -> Path:
        return Path(self._stack.enter_context(TemporaryDirectory(prefix="prediction-exporter-")))


def profile_of(references: Sequence[Data], options: Options, files: LocalCopies, now: datetime) -> Profile:
    """Return a profile: the one that is given, or that of some data. Raises OfflineError."""
    paths = [files.path(each) if isinstance(each, (str, Path)) else files.stored(each) for each in references]
    if len(paths) == 1 and paths[0].suffix == ".json" and paths[0].is_file():
        try:
            return profile_file.read(paths[0])
        except OSError as error:
            raise OfflineError(f"{paths[0]}: {error.strerror}") from None
        except ProfileError as error:
            if _looks_like_profile(paths[0]):
                raise OfflineError(f"{paths[0]}: {error}") from None
    profile, _ = make_profile(paths, options, now)
    return profile


def _looks_like_profile(path: Path) -> bool:
    """Return whether a file is one JSON object, and not JSON lines."""
    with path.open("rb") as file:
        start = file.read(65_536)
    return b'"features"' in start and b'"rows"' in start


def name_of(data: Data) -> str:
    """Return what a report calls the data."""
    return str(data) if isinstance(data, (str, Path)) else type(data).__name__


def is_stream(data: Any) -> bool:
    """Return whether an object exports Arrow streams."""
    return hasattr(data, "__arrow_c_stream__")
