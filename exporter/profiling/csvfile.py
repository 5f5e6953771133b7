"""CSV files with a header, separated by commas; gzip where the name ends so.

CSV has no types, so all files are read once just for them (`column_types`): what a column is follows from all of its
values, never from the first ones.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from exporter.profiling import tables
from exporter.profiling.column import Column, is_mostly, of_array
from exporter.profiling.errors import ProfilingError
from exporter.profiling.records import Block, Layout

# Arrow reads up to 32 times this ahead; no row can be longer.
READ_BYTES = 512 << 10
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"
# 007 is the name of something, not the number 7; nor is 0x1F one, which Arrow would read.
CODE = r"^[+-]?0[\dxX]"
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
        return Type.NUMBER if is_mostly(self.numbers, self.values) and not self.codes else Type.TEXT


def column_types(files: Iterable[Iterable[pa.RecordBatch]]) -> dict[str, Type]:
    """Return the type of each column over all files, each given as its `text_batches`."""
    seen: dict[str, _Seen] = defaultdict(_Seen)
    for file in files:
        for batch in file:
            for name, array in zip(batch.schema.names, batch.columns, strict=True):
                _look(_filled(array).drop_null(), seen[name])
    return {name: column.type() for name, column in seen.items()}


def read(path: Path, layout: Layout, block_rows: int, types: Mapping[str, Type]) -> Iterator[tuple[Block, int]]:
    """Yield blocks of `block_rows` rows, each with how far the file is read, in bytes; raises ProfilingError."""
    position = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal position
        for batch, position in text_batches(path):  # noqa: B007  # told to the caller below
            yield batch

    for batch in tables.rechunk(batches(), block_rows):
        kept = tables.without_errors(batch, _errors(batch, layout, types))
        arrays = dict(zip(kept.schema.names, kept.columns, strict=True))
        columns = {name: _column(array, types[name]) for name, array in arrays.items()}
        said = [".".join(path) for path in (layout.prediction, layout.probability, layout.actual)]
        yield (
            Block(
                rows=kept.num_rows,
                errors=batch.num_rows - kept.num_rows,
                features={name: column for name, column in columns.items() if layout.is_feature(name)},
                fields=tuple(name for name in columns if not layout.is_feature(name)),
                attributions={
                    feature: column for name, column in columns.items() if (feature := layout.attribution(name))
                },
                prediction=columns.get(said[0]),
                probability=columns.get(said[1]),
                actual=columns.get(said[2]),
                outcomes=tables.outcomes(
                    *(_typed(arrays[name], types[name]) if name in arrays else None for name in said)
                ),
            ),
            position,
        )


def _look(texts: pa.Array, seen: _Seen) -> None:
    seen.values += len(texts)
    if (numbers := _as_numbers(texts)) is None:
        numbers = texts.filter(pc.match_substring_regex(texts, NUMBER))
        seen.booleans += _matching(texts, BOOLEAN)
    seen.numbers += len(numbers)
    seen.codes += _matching(texts, CODE)


def _matching(texts: pa.Array, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0


def _column(array: pa.Array, kind: Type) -> Column:
    typed = _typed(array, kind)
    column = of_array(typed)
    if kind is not Type.NUMBER or typed.null_count == (texts := _filled(array)).null_count:
        return column
    others = texts.filter(pc.invert(pc.match_substring_regex(texts, NUMBER)))
    return Column(column.numbers, column.rows, of_array(others).texts)


def _typed(array: pa.Array, kind: Type) -> pa.Array:
    """Return the values of a column, null where one of numbers holds something else."""
    if kind is Type.TEXT:
        return array
    texts = _filled(array)
    if kind is Type.BOOLEAN:
        return pc.equal(pc.utf8_lower(texts), "true")
    if (numbers := _as_numbers(texts)) is not None:
        return numbers
    return _as_numbers(pc.if_else(pc.match_substring_regex(texts, NUMBER), texts, None))


def _errors(batch: pa.RecordBatch, layout: Layout, types: Mapping[str, Type]) -> pa.Array | None:
    name = ".".join(layout.error_type)
    if name not in batch.schema.names:
        return None
    texts = batch.column(name)
    return _as_numbers(texts) if types[name] is Type.NUMBER else texts


def _filled(array: pa.Array) -> pa.Array:
    """Return the texts without spaces around them, null where empty: "" is a category, but a missing number."""
    texts = pc.utf8_trim_whitespace(array)
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _as_numbers(texts: pa.Array) -> pa.Array | None:
    """Return the numbers that texts spell, integers where all are; None where one is no number."""
    for kind in (pa.int64(), pa.float64()):
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None


def text_batches(path: Path) -> Iterator[tuple[pa.RecordBatch, int]]:
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
            batch = None
            for batch in arrow_csv.open_csv(stream, reading, parsing, converting):
                yield batch, file.tell()
        if batch:
            _check_quotes(batch.column(batch.num_columns - 1)[-1].as_py(), path)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ProfilingError(f"{path}: not a whole gzip file: {error}") from None
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        if "Empty CSV" not in str(error):
            raise ProfilingError(_explain(path) or f"{path}: {str(error).splitlines()[0]}") from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, Any]]:
    with path.open("rb") as file:
        if path.suffix.lower() != ".gz":
            yield file, file
            return
        with gzip.open(file) as stream:
            yield file, stream


def _check_header(names: list[str], path: Path) -> None:
    tables.check(names, path)
    if len(names) == 1 and any(separator in names[0] for separator in ";\t|"):
        raise ProfilingError(f"{path}: expected columns separated by commas, got the header {names[0]!r}")


def _check_quotes(last: str | None, path: Path) -> None:
    """Refuse a quote that is never closed, for which Arrow takes all that follows for one value."""
    if last is not None and last.endswith(("\n", "\r")):
        with _opened(path) as (_, stream):
            number, line = deque(enumerate(stream, 1), maxlen=1)[0]
        if not line.rstrip().endswith(b'"'):
            opened = number + 1 - last.count("\n")
            raise ProfilingError(f"{path}:{opened}: a quote is not closed")


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
        try:
            header = next(rows)
            for row in rows:
                if row and len(row) != len(header):
                    return f"{path}:{rows.line_num}: expected {len(header)} columns as in the header, got {len(row)}"
        except csv.Error as error:
            return f"{path}:{rows.line_num}: {error}"
    return None
