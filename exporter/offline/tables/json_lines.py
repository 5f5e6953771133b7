"""JSON lines: one object per line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice
from typing import Any

import msgspec

from exporter.decoding.rows import json_value
from exporter.decoding.salvage import HALF
from exporter.decoding.schema import Path
from exporter.lines.rejects import Reason, RejectedError
from exporter.offline import OfflineError
from exporter.offline.tables.files import DataFile

DECODER = msgspec.json.Decoder()
NOUNS = {dict: "an object", list: "an array", str: "text", bool: "a boolean", type(None): "null"}


@dataclass(frozen=True, slots=True)
class ObjectTable:
    """Objects of a file, each with the number of its line; has the methods of a Table."""

    file: str
    lines: Sequence[int]
    objects: Sequence[dict[str, Any]]

    @property
    def rows(self) -> int:
        return len(self.objects)

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The values of each key, None for an object without it."""
        return _columns(self.objects)

    def at(self, path: Path) -> list[Any]:
        """Return the value at `path` of each object, or None."""
        return [_at(row, path) for row in self.objects]

    def below(self, path: Path) -> dict[str, list[Any]]:
        """Return the values of each key of the objects at `path`; raises OfflineError if one is something else."""
        found = self.at(path)
        for line, value in zip(self.lines, found, strict=True):
            if not isinstance(value, dict | None):
                raise OfflineError(f"{self.file}:{line}: `{'.'.join(path)}`: expected an object, got {_noun(value)}")
        return _columns([value or {} for value in found])

    def where(self, mask: Sequence[bool]) -> ObjectTable:
        """Return the rows for which `mask` is true."""
        return ObjectTable(self.file, [*compress(self.lines, mask)], [*compress(self.objects, mask)])


def tables(file: DataFile, lines: int) -> Iterator[tuple[ObjectTable, int]]:
    """Yield the objects of `lines` lines at a time, each table with the number of bytes read so far.

    A log that grows meanwhile is read up to the size that it had when it was found. Raises OfflineError.
    """
    with file.opened() as (raw, stream):
        rest = iter(stream) if file.is_gzipped else _until(stream, file.size)
        first = 1
        while block := list(islice(rest, lines)):
            yield _decoded(block, first, str(file.path)), raw.tell()
            first += len(block)


def _until(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the lines that end within `size` bytes."""
    for line in lines:
        size -= len(line)
        if size < 0:
            return
        yield line


def _decoded(lines: list[bytes], first: int, file: str) -> ObjectTable:
    """Decode lines, except for blank ones; `first` is the number of the first one."""
    # Without this check, a blank line could compensate for two objects on another one.
    if all(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines):
        block = b"".join(lines)
        try:
            block.decode()
            objects = DECODER.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            objects = []
        if len(objects) == len(lines):
            return ObjectTable(file, range(first, first + len(lines)), objects)
    numbers = [number for number, line in enumerate(lines, first) if line.strip()]
    return ObjectTable(file, numbers, [_decoded_one(lines[number - first], f"{file}:{number}") for number in numbers])


def _decoded_one(line: bytes, place: str) -> dict[str, Any]:
    try:
        value, _ = json_value(line)
        msgspec.json.encode(value)
    except RejectedError as error:
        text = str(error) if error.reason == Reason.INVALID_UTF8 else f"not JSON: {error}"
        raise OfflineError(f"{place}: {text}") from None
    except UnicodeEncodeError:
        raise OfflineError(f"{place}: not JSON: {HALF}") from None
    if not isinstance(value, dict):
        hint = "; write one object per line, not one array of them" if isinstance(value, list) else ""
        raise OfflineError(f"{place}: expected a JSON object, got {_noun(value)}{hint}")
    return value


def _columns(objects: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(chain.from_iterable(objects))
    return {name: [values.get(name) for values in objects] for name in names}


def _at(row: dict[str, Any], path: Path) -> Any:
    value: Any = row
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _noun(value: Any) -> str:
    return NOUNS.get(type(value), "a number")
