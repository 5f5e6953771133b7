"""CSV files with a header, separated by commas; gzip where the name ends so.

CSV has no types, so all files are read once just for them (`column_types`): what a column is follows from all of its
values, never from the first ones.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from exporter.profiling import tables
from exporter.profiling.column import MOSTLY, Column, of_array
from exporter.profiling.errors import ProfilingError
from exporter.profiling.records import Block, Layout

READ_BYTES = 4 << 20
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"
# 007 is the name of something, not the number 7.
CODE = r"^[+-]?0\d"
BOOLEAN = r"^(true|True|TRUE|false|False|FALSE)$"


class Type(Enum):
    """What the values of a column are, or nearly all of them for numbers."""

    NUMBER = auto()
    BOOLEAN = auto()
    TEXT = auto()


@dataclass(slots=True)
class _Seen:
    values: int = 0
    numbers: int = 0
    codes: int = 0
    booleans: int = 0

    def type(self) -> Type:
        if self.booleans == self.values:
            return Type.BOOLEAN
        return Type.TEXT if self.codes or self.numbers < MOSTLY * self.values else Type.NUMBER


def column_types(paths: Iterable[Path], on_read: Callable[[int], None]) -> dict[str, Type]:
    """Return the type of each column over all files; `on_read` gets how many bytes more were read."""
    seen: dict[str, _Seen] = defaultdict(_Seen)
    for path in paths:
        before = 0
        for batch, at in _batches(path):
            for name, array in zip(batch.schema.names, batch.columns, strict=True):
                _look(array.drop_null(), seen[name])
            on_read(at - before)
            before = at
    return {name: column.type() for name, column in seen.items()}


def read(path: Path, layout: Layout, block_rows: int, types: Mapping[str, Type]) -> Iterator[tuple[Block, int]]:
    """Yield blocks of `block_rows` rows, each with how far the file is read, in bytes; raises ProfilingError."""
    position = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal position
        for batch, position in _batches(path):  # noqa: B007  # told to the caller below
            yield batch

    for batch in tables.rechunk(batches(), block_rows):
        kept = tables.without_errors(batch, layout)
        columns = {
            name: _column(array.drop_null(), types[name])
            for name, array in zip(kept.schema.names, kept.columns, strict=True)
        }
        yield (
            Block(
                rows=kept.num_rows,
                errors=batch.num_rows - kept.num_rows,
                features={name: column for name, column in columns.items() if layout.is_feature(name)},
                fields=tuple(name for name in columns if not layout.is_feature(name)),
                prediction=columns.get(".".join(layout.prediction)),
                probability=columns.get(".".join(layout.probability)),
            ),
            position,
        )


def _look(texts: pa.Array, seen: _Seen) -> None:
    seen.values += len(texts)
    if (numbers := _as_numbers(pc.utf8_trim_whitespace(texts))) is None:
        numbers = texts.filter(pc.match_substring_regex(pc.utf8_trim_whitespace(texts), NUMBER))
        seen.booleans += _matching(texts, BOOLEAN)
    seen.numbers += len(numbers)
    seen.codes += _matching(texts, CODE)


def _matching(texts: pa.Array, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0


def _column(texts: pa.Array, kind: Type) -> Column:
    if kind is Type.TEXT:
        return of_array(texts)
    if kind is Type.BOOLEAN:
        return of_array(pc.equal(pc.utf8_lower(texts), "true"))
    trimmed = pc.utf8_trim_whitespace(texts)
    if (numbers := _as_numbers(trimmed)) is not None:
        return of_array(numbers)
    good = pc.match_substring_regex(trimmed, NUMBER)
    return Column(of_array(_as_numbers(trimmed.filter(good))).numbers, of_array(texts.filter(pc.invert(good))).texts)


def _as_numbers(texts: pa.Array) -> pa.Array | None:
    """Return the numbers that texts spell, integers where all are; None where one is no number."""
    for kind in (pa.int64(), pa.float64()):
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None


def _batches(path: Path) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Yield batches of texts, each with how far the file is read; raises ProfilingError."""
    parsing = arrow_csv.ParseOptions(newlines_in_values=True)
    reading = arrow_csv.ReadOptions(block_size=READ_BYTES)
    try:
        with _opened(path) as (_, stream):
            names = arrow_csv.open_csv(stream, reading, parsing).schema.names
        _check_header(names, path)
        converting = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, quoted_strings_can_be_null=False
        )
        with _opened(path) as (file, stream):
            for batch in arrow_csv.open_csv(stream, reading, parsing, converting):
                yield batch, file.tell()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ProfilingError(f"{path}: not a whole gzip file: {error}") from None
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise ProfilingError(_explain(path) or f"{path}: {str(error).splitlines()[0]}") from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, Any]]:
    with path.open("rb") as file:
        if path.suffix != ".gz":
            yield file, file
            return
        with gzip.open(file) as stream:
            yield file, stream


def _check_header(names: list[str], path: Path) -> None:
    tables.check(names, path)
    if len(names) == 1 and any(separator in names[0] for separator in ";\t|"):
        raise ProfilingError(f"{path}: expected columns separated by commas, got the header {names[0]!r}")


def _explain(path: Path) -> str | None:
    """Read slowly up to the line that Arrow refused, whose number it does not tell."""
    with _opened(path) as (_, stream):
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return f"{path}:{number}: not UTF-8 at byte {error.start + 1} of the line"
    with _opened(path) as (_, stream):
        rows = csv.reader(line.decode("utf-8-sig") for line in stream)
        header = next(rows)
        for row in rows:
            if row and len(row) != len(header):
                return f"{path}:{rows.line_num}: expected {len(header)} columns as in the header, got {len(row)}"
    return None
