"""Rows: the stage between framing and decoding, for formats whose lines are not the records themselves.

A row is a JSON object with the fields of one record at the paths of the schema. A line may become one row, several rows
or none: it may be rejected, skipped, or wait for another line. A row counts as a line, unless it is `extra`.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Protocol

import msgspec
import numpy as np

from exporter.batch import Floats, Ints, Series
from exporter.decoding.conversions import epoch_of
from exporter.lines.buffer import NEWLINE, BadLine, PendingLines
from exporter.lines.rejects import Reason, RejectedError
from exporter.lines.stream import Stream
from exporter.lines.waiting_line import WaitingLine
from exporter.model_key import ModelKey

# What Python's messages mean for a line.
JSON_MISTAKES = {
    "Extra data": "text after the end of the record; write one record per line",
    "Expecting value": "expected a JSON value",
}
# Returns whether no group of rows with this key was counted before; from then on it is.
IsNew = Callable[[str], bool]
# Returns the key of the settings that are for a series.
KeyOf = Callable[[Series], ModelKey]
# The stream of a line, and its offset there.
LinePlace = tuple[Stream, int]


class KeepsLines(Protocol):
    """Returns the numbers of the lines that are kept, given where lines end."""

    def numbers(self, data: bytes, ends: Ints) -> Ints: ...


@dataclass(slots=True)
class Rows:
    """Rows, the place of the line that each is from, and the rejected rows.

    `odd` contains the numbers of the rows that may contain what `json_value` says. `times` are those of a container's
    runtime, empty without one. `waiting` lines wait for others, and `repeated` lines completed rows that were counted
    before, and `skipped` lines are left out. `extra` is the number of rows beyond the first of each line.
    """

    objects: list[Any] = field(default_factory=list)
    odd: set[int] = field(default_factory=set)
    places: list[LinePlace] = field(default_factory=list)
    times: list[bytes] = field(default_factory=list)
    rejected: list[BadLine] = field(default_factory=list)
    waiting: int = 0
    repeated: int = 0
    skipped: int = 0
    extra: int = 0

    def add(self, place: LinePlace, objects: Iterable[Any], *, is_odd: bool = False) -> None:
        """Add the rows of the line at a place."""
        before = len(self.objects)
        self.objects.extend(objects)
        after = len(self.objects)
        self.places.extend([place] * (after - before))
        if is_odd:
            self.odd.update(range(before, after))

    def split(self, places: Ints, parts: int) -> list[Rows]:
        """Return the rows of each part, given the number of each row's part."""
        return [self.some(np.flatnonzero(places == part).tolist()) for part in range(parts)]

    def some(self, chosen: Sequence[int]) -> Rows:
        """Return the rows with some numbers, without what was rejected."""
        return Rows(
            [self.objects[number] for number in chosen],
            {place for place, number in enumerate(chosen) if number in self.odd},
            [self.places[number] for number in chosen],
            [self.times[number] for number in chosen] if self.times else [],
            extra=self.extra,
        )

    def __len__(self) -> int:
        return len(self.objects)

    def times_or(self, now: float, numbers: Sequence[int]) -> float | Floats:
        """Return the runtime's times of rows in epoch seconds, by their numbers; `now` for rows without one."""
        return runtime_times(self.times, now, numbers)

    def lines_among(self, numbers: Ints) -> int:
        """Return how many lines count for the rows with these numbers: if a line has several, one."""
        return len({self.places[number] for number in numbers.tolist()}) if self.extra else len(numbers)

    def place(self, number: int) -> LinePlace:
        """Return where the line of a row is, by the row's number."""
        return self.places[number]

    def reject(self, place: LinePlace, error: RejectedError, count: int = 1) -> None:
        """Reject `count` rows of the line at a place."""
        self.rejected.append(BadLine(*place, error.reason, str(error), count))


class RowReader(ABC):
    """Makes rows of the lines of one source; may keep lines that wait for others."""

    @abstractmethod
    def add(self, line: bytes, place: LinePlace, rows: Rows, now: float, is_new: IsNew, key_of: KeyOf) -> None:
        """Add the rows of a line that arrived at epoch time `now`; raises RejectedError."""

    def read(
        self,
        pending: PendingLines,
        now: float,
        is_new: IsNew,
        key_of: KeyOf,
        at_once: int,
        line_filter: KeepsLines | None = None,
    ) -> Iterator[Rows]:
        """Yield the rows of lines that arrived at epoch time `now`, those of whole lines after about `at_once` rows.

        Lines that the filter leaves out are skipped.
        """
        rows, has_times = Rows(), any(chunk.time for chunk in pending.chunks)
        kept = _kept(pending, line_filter) if line_filter else repeat(True)  # all lines
        for (stream, offset, line, time), is_kept in zip(pending.lines(), kept, strict=False):
            if len(rows) + len(rows.rejected) >= at_once:
                yield rows
                rows = Rows()
            if not is_kept:
                rows.skipped += 1
                continue
            try:
                self.add(line, (stream, offset), rows, now, is_new, key_of)
            except RejectedError as error:
                rows.reject((stream, offset), error)
            if has_times:
                rows.times.extend([time] * (len(rows) - len(rows.times)))
        yield rows

    def expire(self, now: float) -> int:
        """Return how many waiting lines were given up since the last call, those too old at `now` included."""
        return 0

    def release(self) -> int:
        """Return how many waiting lines are given up because the source stops."""
        return self.expire(math.inf)

    def resume(self, before: RowReader) -> None:  # noqa: B027  # no line waits
        """Take over the waiting lines of the reader that this one replaces."""

    @property
    def waiting(self) -> tuple[WaitingLine, ...]:
        """The waiting lines that are part of the state."""
        return ()

    def restore(self, waiting: Iterable[WaitingLine]) -> int:
        """Take the waiting lines of a state; return how many cannot be used any more."""
        return sum(1 for _ in waiting)


def _kept(pending: PendingLines, line_filter: KeepsLines) -> list[bool]:
    """Return whether each line is kept."""
    data = pending.block
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == NEWLINE)
    kept = np.zeros(len(ends), np.bool_)
    kept[line_filter.numbers(data, ends)] = True
    return kept.tolist()


def runtime_times(times: Sequence[bytes], now: float, numbers: Sequence[int]) -> float | Floats:
    """Return some of the times of a container's runtime in epoch seconds; `now` where one is absent or unreadable."""
    if not times:
        return now
    found = [epoch_of(times[number].decode(errors="replace")) for number in numbers]
    return np.array([now if time is None else time for time in found])


def as_text(line: bytes) -> str:
    """Return a line as text; raises RejectedError."""
    if not line.strip():
        raise RejectedError(Reason.BLANK, "the line is blank")
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RejectedError(Reason.INVALID_UTF8, f"not UTF-8 at byte {error.start + 1} of the line") from None


def json_value(line: bytes) -> tuple[Any, bool]:
    """Return the value of a line of JSON, and whether it may contain NaN, Infinity or lone surrogates.

    Raises RejectedError.
    """
    try:
        return msgspec.json.decode(line), False
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        # Given bytes, json.loads would guess the encoding, and might take the line for UTF-16.
        return json.loads(as_text(line)), True
    except json.JSONDecodeError as error:
        text = JSON_MISTAKES.get(error.msg, error.msg[0].lower() + error.msg[1:])
        raise RejectedError(Reason.INVALID_JSON, f"character {error.pos + 1}: {text}") from None
    except RecursionError:
        raise RejectedError(Reason.INVALID_JSON, "objects or lists are nested too deeply") from None
    except ValueError:
        raise RejectedError(Reason.INVALID_JSON, "a number has too many digits") from None
