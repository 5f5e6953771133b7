"""The values in a log that may be fields: each path with its values in the first rows."""

import base64
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from exporter.units import EACH, FieldPath

MOST_ROWS = 500
MOST_CANDIDATES = 2000
MOST_DEPTH = 8
# Of a list, whose items are looked at.
MOST_ITEMS = 50
BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
Decoding = tuple[str, ...]


@dataclass
class Candidate:
    """A path, how text on the way is decoded, and the values by the number of the row; of a path with [*], lists."""

    path: FieldPath
    decode: Decoding = ()
    values: dict[int, Any] = field(default_factory=dict)

    @property
    def has_each(self) -> bool:
        return EACH in self.path

    @property
    def flat(self) -> list[Any]:
        """The values of all records that are not null."""
        values = [*self.values.values()]
        items = [item for value in values for item in value] if self.has_each else values
        return [item for item in items if item is not None]

    @property
    def names(self) -> list[str]:
        """The keys of the path, the last one first."""
        return [step for step in reversed(self.path) if isinstance(step, str)]

    def is_within(self, other: "Candidate") -> bool:
        """Return whether the path is that of another candidate, or of a value in it."""
        return self.path[: len(other.path)] == other.path


def candidates(rows: Sequence[Any]) -> list[Candidate]:
    """Return all candidates in some rows."""
    found: dict[tuple[FieldPath, Decoding], Candidate] = {}
    for number, row in enumerate(rows[:MOST_ROWS]):
        for steps, decode, value in _values(row, (), ()):
            path = FieldPath(steps)
            key = (path, decode)
            if key not in found and len(found) < MOST_CANDIDATES:
                found[key] = Candidate(path, decode)
            if key in found:
                if EACH in path:
                    found[key].values.setdefault(number, []).append(value)
                else:
                    found[key].values[number] = value
    return [*found.values()]


def _values(value: Any, steps: tuple[Any, ...], decode: Decoding) -> Iterator[tuple[tuple[Any, ...], Decoding, Any]]:
    """Yield the path, the decoding and the value of everything in a value, and the value itself."""
    yield steps, decode, value
    if len(steps) >= MOST_DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values(inner, (*steps, key), decode)
    elif isinstance(value, list) and value and EACH not in steps:
        for item in value[:MOST_ITEMS]:
            yield from _values(item, (*steps, EACH), decode)
    elif isinstance(value, str) and not decode:
        for encodings, inner in _decoded(value):
            yield from _values(inner, steps, encodings)


def _decoded(text: str) -> Iterator[tuple[Decoding, Any]]:
    """Yield what a text may contain, with the encodings."""
    stripped = text.strip()
    if BASE64.fullmatch(stripped) and len(stripped) % 4 == 0:
        try:
            inner = base64.b64decode(stripped, validate=True).decode()
        except ValueError:
            return
        yield from ((("base64", *encodings), value) for encodings, value in _decoded_plain(inner))
        return
    yield from _decoded_plain(stripped)


def _decoded_plain(text: str) -> Iterator[tuple[Decoding, Any]]:
    if text[:1] in ("{", "["):
        try:
            yield ("json",), msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            return
    elif "," in text:
        try:
            rows = [row for row in csv.reader(text.splitlines(), skipinitialspace=True) if row]
        except csv.Error:
            return
        if len({len(row) for row in rows}) == 1:
            yield ("csv",), rows[0] if len(rows) == 1 else rows


def present(rows: Sequence[Any], path: Sequence[Any]) -> int:
    """Return how many rows have a path of keys, if only with null."""
    return sum(_has(row, path) for row in rows)


def _has(row: Any, path: Sequence[Any]) -> bool:
    for step in path:
        if not isinstance(row, Mapping) or step not in row:
            return False
        row = row[step]
    return True
