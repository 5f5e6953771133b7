"""Archived logs and tables as blocks of JSON lines: .jsonl, .csv and .parquet files, .gz too, and folders of them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa

BLOCK_BYTES = 1024 * 1024
ROWS_AT_ONCE = 8192

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class ArchiveError(Exception):
    """A file cannot be read; the message says which and why."""


def lines(path: Path) -> Iterator[bytes]:
    """Yield whole lines, about BLOCK_BYTES at a time. Raises ArchiveError."""
    kind = Path(path.name.removesuffix(".gz")).suffix
    try:
        if kind == ".parquet":
            yield from _rows(_parquet(path))
        elif kind == ".csv":
            yield from _rows(_csv(path))
        else:
            yield from _of_text(path)
    except (OSError, EOFError, gzip.BadGzipFile, pa.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArchiveError(f"{path}: {reason}") from None


def _of_text(path: Path) -> Iterator[bytes]:
    rest = b""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while data := file.read(BLOCK_BYTES):
            whole, newline, after = data.rpartition(b"\n")
            if newline:
                yield rest + whole + newline
                rest = after
            else:
                rest += data
    if rest:
        yield rest + b"\n"


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    for batch in batches:
        yield b"".join(_encoder.encode(_nested(row)) + b"\n" for row in batch.to_pylist())


def _nested(row: dict[str, object]) -> dict[str, object]:
    """Return a row of a table with `features.age` as the `age` of `features`."""
    nested: dict[str, object] = {}
    for name, value in row.items():
        at = nested
        *path, last = name.split(".")
        for key in path:
            below = at.setdefault(key, {})
            if not isinstance(below, dict):
                break
            at = below
        else:
            at[last] = value
    return nested


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    from pyarrow import parquet  # noqa: PLC0415  # 20 MiB that few evaluations need

    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(ROWS_AT_ONCE)


def _csv(path: Path) -> Iterator[pa.RecordBatch]:
    from pyarrow import csv  # noqa: PLC0415

    with csv.open_csv(path) as reader:
        yield from reader
