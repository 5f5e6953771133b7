"""Finds and opens the files of a data set."""

import glob
import gzip
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from exporter.offline import OfflineError


class FileType(Enum):
    """The type of a file, which follows from its name."""

    PARQUET = auto()
    CSV = auto()
    JSON_LINES = auto()


SUFFIXES = {
    ".parquet": FileType.PARQUET,
    ".csv": FileType.CSV,
    ".jsonl": FileType.JSON_LINES,
    ".ndjson": FileType.JSON_LINES,
    ".json": FileType.JSON_LINES,
    ".log": FileType.JSON_LINES,
}


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file and its size in bytes when it was found."""

    path: Path
    type: FileType
    is_gzipped: bool
    size: int

    @contextmanager
    def opened(self) -> Iterator[tuple[BinaryIO, Any]]:
        """Yield the file and a stream of its bytes, which are decompressed; raises OfflineError."""
        try:
            with self.path.open("rb") as file, gzip.open(file) if self.is_gzipped else nullcontext(file) as stream:
                yield file, stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise OfflineError(f"{self.path}: not a whole gzip file: {error}") from None
        except OSError as error:
            raise OfflineError(f"{self.path}: {error.strerror}") from None


def find(paths: Iterable[Path], default: FileType | None = None) -> list[DataFile]:
    """Return the files at `paths`, each a file, a folder or a glob pattern; raises OfflineError.

    Within folders and patterns, names that start with an underscore or a dot are skipped, as Spark does. `default` is
    the type of files whose name ends in none of SUFFIXES.
    """
    found: dict[Path, DataFile] = {}
    for path in chain.from_iterable(map(_expanded, paths)):
        if path in found:
            raise OfflineError(f"{path}: given twice")
        found[path] = _data_file(path, default)
    return list(found.values())


def _expanded(path: Path) -> list[Path]:
    is_pattern = glob.has_magic(str(path)) and not path.exists()
    if not is_pattern and not path.is_dir():
        return [path]
    matches = [Path(match) for match in glob.glob(str(path), recursive=True)] if is_pattern else [path]
    found = {file for match in matches for file in (match.rglob("*") if match.is_dir() else [match])}
    files = sorted(file for file in found if file.is_file() and not _is_hidden(file, path))
    if not files:
        raise OfflineError(f"{path}: no files {'match this pattern' if is_pattern else 'in this folder'}")
    return files


def _is_hidden(file: Path, given: Path) -> bool:
    """Return whether any part of a file's path is hidden, except for those that the user gave."""
    return any(part.startswith(("_", ".")) and part not in given.parts for part in file.parts)


def _data_file(path: Path, default: FileType | None) -> DataFile:
    name = path.name.lower()
    is_gzipped = name.endswith(".gz")
    kind = SUFFIXES.get(Path(name.removesuffix(".gz")).suffix, default)
    if kind is None or (is_gzipped and kind is FileType.PARQUET):
        known = ", ".join(SUFFIXES)
        raise OfflineError(f"{path}: unknown type of file; expected a name that ends in {known} (.gz may follow)")
    try:
        found = path.stat()
    except OSError as error:
        raise OfflineError(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        # A pipe could not be read twice.
        raise OfflineError(f"{path}: expected a regular file")
    return DataFile(path, kind, is_gzipped, found.st_size)
