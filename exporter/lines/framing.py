"""Bytes in any pieces become blocks of whole lines, and a position to go on from.

The law: however the bytes of a stream are cut, the blocks joined are the same, less the lines that are
longer than the limit; and `position` always stands behind a whole line (or within an oversize one, which
it then says), so that a reader that resumes there loses and repeats nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from exporter.lines.rejects import RefusedError

CONTEXT_BYTES = 1024


class Digest(msgspec.Struct, frozen=True):
    """The hash of a run of bytes and its length."""

    length: int = 0
    hash: bytes = b""

    @classmethod
    def of(cls, data: bytes) -> Digest:
        return cls(len(data), hashlib.blake2b(data, digest_size=16).digest() if data else b"")

    def matches(self, data: bytes) -> bool:
        """Whether `data` begins with the bytes that were hashed."""
        return len(data) >= self.length and Digest.of(data[: self.length]) == self


class Position(msgspec.Struct, frozen=True):
    """Where to go on in a stream, and how to know that it is still the same stream.

    `head` covers the stream's first bytes and `context` the ones just before `offset`, at most
    CONTEXT_BYTES each. `skipping` says that `offset` lies within an oversize line. `mark` is the source's own: how far
    it has read what is no run of bytes, such as a table.
    """

    offset: int = 0
    skipping: bool = False
    head: Digest = Digest()
    context: Digest = Digest()
    mark: bytes = b""


class Cut(NamedTuple):
    """What some bytes complete.

    `pieces` are whole lines, each piece with where it begins in the stream; `oversize` says where each line over the
    limit begins, and `incomplete` where a record does that the stream ended within. `broken` says where a stream
    cannot be read on, and why. Of Arrow, a piece is a record batch.
    """

    pieces: list[tuple[int, Any]]
    oversize: list[int]
    incomplete: list[int]
    broken: tuple[int, RefusedError] | None = None


NOTHING = Cut([], [], [])


class Framing(Protocol):
    """Cuts the bytes of one stream into whole lines. `held` is how many bytes wait for the rest of theirs.

    `weight` is what it costs to fold a byte, against one of lines.
    """

    held: int
    is_broken: bool
    weight: float

    @property
    def offset(self) -> int:
        """How many bytes of the stream are done with."""
        ...

    @property
    def position(self) -> Position:
        """Where to go on after a restart."""
        ...

    def feed(self, data: bytes) -> Cut:
        """Take the stream's next bytes."""
        ...

    def end(self) -> Cut:
        """Take it that there are no more bytes."""
        ...

    def adopt(self, framer: Framer) -> None:
        """Go on as what `framer` makes would, from the next record on, where that is of this kind."""
        ...


# Begins to frame a stream: with the limit of a line, the position to go on from, and the bytes just before that.
Framer = Callable[[int, Position | None, bytes], Framing]


class Lines:
    """Frames a stream of lines. `context` are the bytes just before `position.offset` (see Position)."""

    is_broken, weight = False, 1.0

    def __init__(self, limit: int, position: Position | None = None, context: bytes = b"") -> None:
        position = position or Position()
        self._limit = limit
        self._offset = position.offset
        self._skipping = position.skipping
        self._head = position.head
        self._context = context
        self._mark = position.mark
        # Joined when the newline comes, or a line that comes byte by byte would be copied for each of them.
        self._rest: list[bytes] = []
        self.held = 0

    @property
    def offset(self) -> int:
        """How many bytes of the stream are done with."""
        return self._offset

    @property
    def position(self) -> Position:
        return Position(self._offset, self._skipping, self._head, Digest.of(self._context), self._mark)

    def feed(self, data: bytes) -> Cut:
        """Take the stream's next bytes."""
        if b"\n" not in data and not self._skipping and self.held + len(data) <= self._limit:
            self._rest.append(data)
            self.held += len(data)
            return NOTHING
        data = b"".join((*self._rest, data))
        begin, start = self._offset, 0
        if self._skipping:
            start = self._skip(data)
            self._skipping = not start
            start = start or len(data)
        end, pieces, oversize = self._cut(begin, data, start)
        if len(data) - end > self._limit:
            oversize.append(begin + end)
            self._skipping = True
            end = len(data)
        self._advance(data, end)
        self.held = len(data) - end
        self._rest = [data[end:]] if self.held else []
        return Cut(pieces, oversize, [])

    def end(self) -> Cut:
        """Take it that there are no more bytes: what is left is a line without its newline."""
        if not self.held:
            return NOTHING
        line = b"".join(self._rest)
        begin = self._offset
        self._advance(line, len(line))
        self._rest, self.held = [], 0
        return Cut([(begin, line + b"\n")], [], [])

    def adopt(self, framer: Framer) -> None:
        """A stream keeps the limit that it was opened with."""

    def _skip(self, data: bytes) -> int:
        """Return where the record ends that is being skipped; 0 where it goes on."""
        return data.find(b"\n") + 1

    def _cut(self, begin: int, data: bytes, start: int) -> tuple[int, list[tuple[int, bytes]], list[int]]:
        """Return where the last whole record ends, the whole ones from `start` on, and which are over the limit.

        `begin` is the offset of the data in its stream; records are without those over the limit.
        """
        end = max(start, data.rfind(b"\n") + 1)
        return end, *self._within_limit(begin + start, data[start:end])

    def _within_limit(self, begin: int, block: bytes) -> tuple[list[tuple[int, bytes]], list[int]]:
        if len(block) <= self._limit:
            return ([(begin, block)] if block else []), []
        pieces, oversize, start, at = [], [], 0, 0
        for line in block.split(b"\n")[:-1]:
            if len(line) > self._limit:
                if start < at:
                    pieces.append((begin + start, block[start:at]))
                oversize.append(begin + at)
                start = at + len(line) + 1
            at += len(line) + 1
        if start < at:
            pieces.append((begin + start, block[start:]))
        return pieces, oversize

    def _advance(self, data: bytes, end: int) -> None:
        """The bytes before `end` are done with."""
        if self._head.length < CONTEXT_BYTES and self._offset == len(self._context):
            self._head = Digest.of((self._context + data[: min(end, CONTEXT_BYTES)])[:CONTEXT_BYTES])
        self._offset += end
        self._context = (self._context + data[max(0, end - CONTEXT_BYTES) : end])[-CONTEXT_BYTES:]
