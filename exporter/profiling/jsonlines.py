"""JSON lines: one object a line, either a record of a prediction log or a flat object."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from exporter.profiling.errors import ProfilingError
from exporter.profiling.objects import Numbered, ObjectBlocks
from exporter.profiling.records import Block, Layout

DECODER = msgspec.json.Decoder()


def read(path: Path, layout: Layout, block_rows: int, size: int) -> Iterator[tuple[Block, int]]:
    """Yield blocks of `block_rows` lines, each with how far the file is read, in bytes; raises ProfilingError.

    No more than `size` bytes are read: a log may grow meanwhile. A file whose name ends in .gz is decompressed.
    """
    blocks = ObjectBlocks(str(path), layout)
    is_zipped = path.suffix.lower() == ".gz"
    with path.open("rb") as file, gzip.open(file) if is_zipped else file as stream:
        text = iter(stream) if is_zipped else _until(stream, size)
        first = 1
        try:
            while lines := list(islice(text, block_rows)):
                yield blocks.block(_decode(lines, first, path)), file.tell()
                first += len(lines)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ProfilingError(f"{path}: not a whole gzip file: {error}") from None


def _until(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the lines that end within `size` bytes."""
    for line in lines:
        size -= len(line)
        if size < 0:
            return
        yield line


def _decode(lines: list[bytes], first: int, path: Path) -> list[Numbered]:
    """Decode lines, less the blank ones; `first` is the number of the first one."""
    # Else a blank line could make up for two objects on another one.
    if all(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines):
        block = b"".join(lines)
        try:
            block.decode()
            rows = DECODER.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            rows = []
        if len(rows) == len(lines):
            return list(enumerate(rows, first))
    return [(number, _decode_one(line, number, path)) for number, line in enumerate(lines, first) if line.strip()]


def _decode_one(line: bytes, number: int, path: Path) -> object:
    try:
        # Unlike msgspec's, this decoder reads NaN and Infinity, as the sidecar does.
        value = json.loads(line.decode("utf-8-sig"))
        msgspec.json.encode(value)
    except UnicodeDecodeError as error:
        raise ProfilingError(f"{path}:{number}: not UTF-8 at byte {error.start + 1} of the line") from None
    except json.JSONDecodeError as error:
        raise ProfilingError(f"{path}:{number}: not JSON: {error.msg} at character {error.pos + 1}") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise ProfilingError(f"{path}:{number}: not JSON: {error}") from None
    else:
        return value
