"""Framing: bytes in pieces of any size become blocks of whole lines, and a position to resume from.

The law: however the bytes of a stream are split, the joined blocks are the same, except for lines longer than the
limit. And `position` is always just after a whole line (or within an oversize line, and then says so), so that a reader
that resumes there neither loses nor repeats a line.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from exporter.lines.rejects import RejectedError

CONTEXT_BYTES = 1024
# How many earlier places a position has, and the least distance between them, as a part of the offset.
TRAIL = 8
TRAIL_SPACING = 1 / 64


class Digest(msgspec.Struct, frozen=True):
    """The hash and the length of a run of bytes."""

    length: int = 0
    hash: bytes = b""

    @classmethod
    def of(cls, data: bytes) -> Digest:
        return cls(len(data), hashlib.blake2b(data, digest_size=16).digest() if data else b"")

    def matches(self, data: bytes) -> bool:
        """Return whether `data` starts with the bytes that were hashed."""
        return len(data) >= self.length and Digest.of(data[: self.length]) == self


class Landmark(msgspec.Struct, frozen=True, array_like=True):
    """A place that a stream was read up to, with the bytes just before it."""

    offset: int
    context: Digest


class Position(msgspec.Struct, frozen=True):
    """Where to resume a stream, and how to recognise that it is still the same stream.

    `head` covers the stream's first bytes and `context` those just before `offset`, at most CONTEXT_BYTES each.
    `skipping` means that `offset` lies within an oversize line. `mark` is the source's own, such as how far it has
    read a table. `trail` are earlier places, by which a copy is recognised that was made before `offset` was reached.
    """

    offset: int = 0
    skipping: bool = False
    head: Digest = Digest()
    context: Digest = Digest()
    mark: bytes = b""
    trail: tuple[Landmark, ...] = ()


class FrameResult(NamedTuple):
    """The lines that some bytes complete, each place as an offset in the stream.

    `blocks` are runs of whole lines (of Arrow: record batches). `oversize` are lines over the limit, and `incomplete`
    is a record within which the stream ended. `broken` is where the stream became unreadable, and why. `times` has the
    time that a container's runtime gave each block, which then is one line; it is empty without a runtime.
    """

    blocks: list[tuple[int, Any]]
    oversize: list[int]
    incomplete: list[int]
    broken: tuple[int, RejectedError] | None = None
    times: Sequence[bytes] = ()


NOTHING = FrameResult([], [], [])


class Framing(ABC):
    """Splits the bytes of one stream into whole lines.

    `offset` is the number of bytes that are complete, and `held` that of unfinished lines. A broken stream cannot be
    read any further. `weight` is the cost of folding a byte, relative to a byte of JSON lines.
    """

    weight = 1.0

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.held = 0
        self.is_broken = False

    @property
    def position(self) -> Position:
        """Where to resume after a restart."""
        return Position(self.offset)

    @abstractmethod
    def feed(self, data: bytes) -> FrameResult:
        """Take the stream's next bytes."""

    @abstractmethod
    def end(self) -> FrameResult:
        """Treat the stream as ended."""

    def adopt(self, framer: Framer) -> None:  # noqa: B027  # most streams keep the framing that they were opened with
        """Frame as `framer` would from the next record on, if possible."""


class Framer(Protocol):
    """Makes the framing of a stream; `limit` is that of a line, `context` the bytes just before the position."""

    def __call__(self, limit: int, position: Position | None = None, context: bytes = b"") -> Framing: ...


class Lines(Framing):
    """Frames a stream of lines. `context` are the bytes just before `position.offset` (see Position)."""

    def __init__(self, limit: int, position: Position | None = None, context: bytes = b"") -> None:
        position = position or Position()
        super().__init__(position.offset)
        self._limit = limit
        self._skipping = position.skipping
        self._head = position.head
        self._context = context
        self._mark = position.mark
        self._trail = position.trail
        # Joined once the newline arrives, so that a line that arrives byte by byte is not copied for each byte.
        self._rest: list[bytes] = []
        # The runtime's times of the blocks of the last split.
        self._times: Sequence[bytes] = ()

    @property
    def position(self) -> Position:
        return Position(self.offset, self._skipping, self._head, Digest.of(self._context), self._mark, self._trail)

    def feed(self, data: bytes) -> FrameResult:
        if b"\n" not in data and not self._skipping and self.held + len(data) <= self._limit:
            self._rest.append(data)
            self.held += len(data)
            return NOTHING
        data = b"".join((*self._rest, data))
        begin, start = self.offset, 0
        if self._skipping:
            start = self._skip(data)
            self._skipping = not start
            start = start or len(data)
        end, blocks, oversize = self._split(begin, data, start)
        if self._is_oversize(len(data) - end):
            oversize.append(begin + end)
            self._skipping = True
            end = len(data)
        self._advance(data, end)
        self.held = len(data) - end
        self._rest = [data[end:]] if self.held else []
        return FrameResult(blocks, oversize, [], times=self._times)

    def end(self) -> FrameResult:
        """Treat the stream as ended: the rest is a line without its newline."""
        if not self.held:
            return NOTHING
        line = b"".join(self._rest)
        begin = self.offset
        self._advance(line, len(line))
        self._rest, self.held = [], 0
        return FrameResult([(begin, line + b"\n")], [], [])

    def _skip(self, data: bytes) -> int:
        """Return where the line being skipped ends; 0 if not in `data`."""
        return data.find(b"\n") + 1

    def _split(self, begin: int, data: bytes, start: int) -> tuple[int, list[tuple[int, bytes]], list[int]]:
        """Return where the last whole line ends, the blocks of whole lines from `start` on, and the oversize lines.

        `begin` is the offset of the data in its stream. Blocks contain no oversize lines.
        """
        end = max(start, data.rfind(b"\n") + 1)
        return end, *self._within_limit(begin + start, data[start:end])

    def _is_oversize(self, rest: int) -> bool:
        """Return whether the unfinished line after the last split, of `rest` bytes, is too long already."""
        return rest > self._limit

    def _within_limit(self, begin: int, block: bytes) -> tuple[list[tuple[int, bytes]], list[int]]:
        if len(block) <= self._limit:
            return ([(begin, block)] if block else []), []
        blocks, oversize, start, at = [], [], 0, 0
        for line in block.split(b"\n")[:-1]:
            if len(line) > self._limit:
                if start < at:
                    blocks.append((begin + start, block[start:at]))
                oversize.append(begin + at)
                start = at + len(line) + 1
            at += len(line) + 1
        if start < at:
            blocks.append((begin + start, block[start:]))
        return blocks, oversize

    def _advance(self, data: bytes, end: int) -> None:
        """Move past the bytes before `end`."""
        last = self._trail[-1].offset if self._trail else 0
        if end and self.offset - last > TRAIL_SPACING * self.offset:
            self._trail += (Landmark(self.offset, Digest.of(self._context)),)
            if len(self._trail) > TRAIL:
                # The older ones are further apart.
                self._trail = self._trail[: TRAIL // 2 : 2] + self._trail[TRAIL // 2 :]
        if self._head.length < CONTEXT_BYTES and self.offset == len(self._context):
            self._head = Digest.of((self._context + data[: min(end, CONTEXT_BYTES)])[:CONTEXT_BYTES])
        self.offset += end
        self._context = (self._context + data[max(0, end - CONTEXT_BYTES) : end])[-CONTEXT_BYTES:]
