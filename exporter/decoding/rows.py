"""Rows: the stage between framing and decoding, for formats whose lines are not the records themselves.

A row is a JSON object in which the fields of one record lie at the paths of the schema. A line may become one row, or
several, or none: it may be rejected, or wait for another line. Each row counts as a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from exporter.lines.buffer import BadLine, PendingLines
from exporter.lines.rejects import BLANK, INVALID_JSON, INVALID_UTF8, RejectedError
from exporter.lines.stream import Stream

# Whether a group of rows with this key was not counted before; it counts as counted from then on.
IsNew = Callable[[str], bool]


@dataclass(slots=True)
class Rows:
    """Rows, the stream and offset of the line that each came from, and what was rejected.

    `odd` are the numbers of rows in which NaN or Infinity may stand, which no JSON number is. `waiting` lines wait for
    others, and `repeated` ones completed rows that were counted before.
    """

    objects: list[Any] = field(default_factory=list)
    odd: set[int] = field(default_factory=set)
    places: list[tuple[Stream, int]] = field(default_factory=list)
    rejected: list[BadLine] = field(default_factory=list)
    waiting: int = 0
    repeated: int = 0

    def add(self, stream: Stream, offset: int, objects: Iterable[Any], *, is_odd: bool = False) -> None:
        """Add the rows of the line at an offset."""
        before = len(self.objects)
        self.objects.extend(objects)
        after = len(self.objects)
        self.places.extend([(stream, offset)] * (after - before))
        if is_odd:
            self.odd.update(range(before, after))

    def reject(self, stream: Stream, offset: int, error: RejectedError, count: int = 1) -> None:
        """Reject `count` rows of the line at an offset."""
        self.rejected.append(BadLine(stream, offset, error.reason, str(error), count))


class RowReader(Protocol):
    """Makes rows of the lines of one source; may keep lines that wait for others."""

    def read(self, pending: PendingLines, now: float, is_new: IsNew) -> Rows:
        """Return the rows of lines that arrived at epoch time `now`."""
        ...

    def expire(self, now: float) -> int:
        """Return how many waiting lines were given up since the last call, those too old at `now` included."""
        ...

    def resume(self, before: RowReader) -> None:
        """Take over the waiting lines of the reader that this one replaces."""
        ...


@dataclass(frozen=True, slots=True)
class RowPerLine:
    """Reads lines of JSON, each by itself; `unwrap` returns the rows of a line's value, or raises RejectedError."""

    unwrap: Callable[[Any], Iterable[Any]]

    def read(self, pending: PendingLines, now: float, is_new: IsNew) -> Rows:
        rows = Rows()
        for stream, offset, block in pending.chunks:
            at = offset
            for line in block.split(b"\n")[:-1]:
                try:
                    value, is_odd = json_value(line)
                    rows.add(stream, at, self.unwrap(value), is_odd=is_odd)
                except RejectedError as error:
                    rows.reject(stream, at, error)
                at += len(line) + 1
        return rows

    def expire(self, now: float) -> int:
        """No line waits."""
        return 0

    def resume(self, before: RowReader) -> None:
        """No line waits."""


def json_value(line: bytes) -> tuple[Any, bool]:
    """Return the value of a line of JSON, and whether NaN or Infinity may stand in it; raises RejectedError."""
    try:
        return msgspec.json.decode(line), False
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    if not line.strip():
        raise RejectedError(BLANK, "the line is blank")
    try:
        # From bytes, the decoder would take a line for UTF-16 if it looks like it.
        value = json.loads(line.decode("utf-8-sig"))
        msgspec.json.encode(value)
    except UnicodeDecodeError as error:
        raise RejectedError(INVALID_UTF8, f"byte {error.start} of the line is not UTF-8") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise RejectedError(INVALID_JSON, str(error)) from None
    return value, True
