"""The files a profile is made of, in whichever format; each can be read more than once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

from exporter import data_files
from exporter.decoding.schema import Schema
from exporter.profiling import csvfile, jsonlines, parquet
from exporter.profiling.errors import ProfilingError
from exporter.profiling.records import Block, Layout

# Small enough for the memory of a million rows to be that of a few thousand. A profile must not depend on how
# a file is stored, so blocks are the same in every format.
BLOCK_ROWS = 8192

T = TypeVar("T")

# Is told how many of how many bytes are read.
Progress = Callable[[int, int], None]


class Format(Enum):
    """What a file's name says that it holds."""

    PARQUET = auto()
    CSV = auto()
    JSON_LINES = auto()


FORMATS = {
    ".parquet": Format.PARQUET,
    ".csv": Format.CSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".json": Format.JSON_LINES,
    ".log": Format.JSON_LINES,
}


class Inputs:
    """Files, and folders of files, to be read `passes` times; raises ProfilingError where one cannot be."""

    def __init__(self, paths: Sequence[Path], schema: Schema, *, passes: int, progress: Progress) -> None:
        self._layout = Layout(schema)
        self._progress = progress
        files = [file for path in paths for file in _files(path)]
        for index, path in enumerate(files):
            if path in files[:index]:
                raise ProfilingError(f"{path}: it is given twice")
        self._formats = {path: _format(path) for path in files}
        csv = [path for path, kind in self._formats.items() if kind is Format.CSV]
        self._sizes = {path: _size(path) for path in files}
        self._done = 0
        self._total = sum(self._sizes[path] for path in csv) + passes * sum(self._sizes.values())
        self._types = csvfile.column_types(self._told(path, csvfile.text_batches(path)) for path in csv)

    def blocks(self) -> Iterator[Block]:
        """Yield the records of all files, in order, in blocks of at most BLOCK_ROWS; raises ProfilingError."""
        for path, kind in self._formats.items():
            yield from self._told(path, self._open(path, kind))

    def _open(self, path: Path, kind: Format) -> Iterator[tuple[Block, int]]:
        if kind is Format.CSV:
            return csvfile.read(path, self._layout, BLOCK_ROWS, self._types)
        if kind is Format.PARQUET:
            return parquet.read(path, self._layout, BLOCK_ROWS)
        return jsonlines.read(path, self._layout, BLOCK_ROWS, self._sizes[path])

    def _told(self, path: Path, read: Iterable[tuple[T, int]]) -> Iterator[T]:
        """Yield what is read of a file, and tell the progress; `read` comes with how far the file is read."""
        before, size = self._done, self._sizes[path]
        for item, at in read:
            yield item
            self._tell(before + min(at, size))
        self._tell(before + size)

    def _tell(self, done: int) -> None:
        self._done = done
        self._progress(self._done, self._total)


def _files(path: Path) -> list[Path]:
    found = data_files.within(path)
    if not found:
        raise ProfilingError(f"{path}: there are no files in this folder")
    return found


def _format(path: Path) -> Format:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    zipped = suffixes[-1:] == [".gz"]
    kind = FORMATS.get("".join(suffixes[-2:-1] if zipped else suffixes[-1:]))
    if kind is None or (zipped and kind is Format.PARQUET):
        known = ", ".join(FORMATS)
        raise ProfilingError(f"{path}: unknown kind of file; expected a name that ends in {known} (.gz may follow)")
    return kind


def _size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return file.seek(0, 2)
    except OSError as error:
        raise ProfilingError(f"{path}: {error.strerror}") from None
