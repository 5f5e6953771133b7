"""The line buffer: the whole lines of any number of streams, until there are enough to decode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from exporter.lines.framing import NOTHING, Framer, FrameResult, Framing, Lines, Position
from exporter.lines.rejects import Reason
from exporter.lines.stream import Stream

# Fed at a time, so that lines of a byte or two take little memory.
PIECE_BYTES = 64 * 1024
# The fixed cost of folding a line, as bytes of JSON lines.
LINE_BYTES = 64
# Up to this size, bytes.count is faster than numpy.
SHORT_BYTES = 4096

NEWLINE = ord("\n")


class Chunk(NamedTuple):
    """Whole lines of one stream (of Arrow: a record batch) that start at `offset`.

    `time` is that of a container's runtime, for a chunk of one line; empty without one.
    """

    stream: Stream
    offset: int
    block: Any
    time: bytes = b""

    @property
    def lines(self) -> int:
        """The number of lines (of Arrow: rows)."""
        if not isinstance(self.block, bytes):
            return int(self.block.num_rows)
        if len(self.block) < SHORT_BYTES:
            return self.block.count(b"\n")
        # Four times as fast as bytes.count.
        return int(np.count_nonzero(np.frombuffer(self.block, np.uint8) == NEWLINE))


@dataclass(frozen=True, slots=True)
class BadLine:
    """The first of `count` lines that were rejected for one reason, and its offset in its stream.

    Of Arrow, it is `row` (from 1) of the record batch that starts at the offset.
    """

    stream: Stream
    offset: int
    reason: Reason
    detail: str
    count: int = 1
    row: int | None = None


class TooLargeError(ValueError):
    """A request has more bytes or records than it may have; the message says how many were expected."""


class IngestRequest(NamedTuple):
    """The lines of a request, or its Arrow IPC stream, and the key that identifies it if it is sent again."""

    lines: bytes
    key: str | None = None
    is_arrow: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of lines that arrived together: how many are records, and those rejected, one for each reason.

    `repeated` lines were counted before, and are not counted again. `waiting` lines become records only with later
    ones.
    """

    records: int = 0
    rejected: tuple[BadLine, ...] = ()
    repeated: int = 0
    waiting: int = 0

    @property
    def is_repeated(self) -> bool:
        """Whether all was counted before."""
        return self.repeated > 0 and not self.records and not self.rejected

    @property
    def is_waiting(self) -> bool:
        """Whether all of it waits."""
        return self.waiting > 0 and not self.records and not self.rejected

    def plus(self, other: Receipt) -> Receipt:
        """Return the result of these lines and later ones."""
        return Receipt(
            self.records + other.records,
            merged((*self.rejected, *other.rejected)),
            self.repeated + other.repeated,
            self.waiting + other.waiting,
        )


@dataclass(frozen=True, slots=True)
class PendingLines:
    """The lines that a source has delivered since the last fold, and those that framing has rejected."""

    chunks: list[Chunk] = field(default_factory=list)
    rejected: list[BadLine] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of lines, including rejected ones."""
        return sum(chunk.lines for chunk in self.chunks) + sum(bad.count for bad in self.rejected)

    @property
    def block(self) -> bytes:
        """All whole lines, joined."""
        return self.chunks[0].block if len(self.chunks) == 1 else b"".join(chunk.block for chunk in self.chunks)

    @property
    def times(self) -> list[bytes]:
        """The time of a container's runtime of each line; none without one."""
        if not any(chunk.time for chunk in self.chunks):
            return []
        return [chunk.time for chunk in self.chunks for _ in range(chunk.lines)]

    def lines(self) -> Iterator[tuple[Stream, int, bytes, bytes]]:
        """Yield each line without its newline, after its stream and its offset there, and before its runtime's time."""
        for stream, start, block, time in self.chunks:
            offset = start
            for line in block.split(b"\n")[:-1]:
                yield stream, offset, line, time
                offset += len(line) + 1

    def locate(self, at: int) -> tuple[Stream, int]:
        """Return the stream and the offset in it of byte `at` of the block."""
        for chunk in self.chunks:
            if at < len(chunk.block):
                break
            at -= len(chunk.block)
        return chunk.stream, chunk.offset + at


class LineBuffer:
    """The open streams with their positions and pending lines.

    `unclaimed` are the positions of streams that are not open again yet. `framers` makes the framing of each source's
    streams, by its name; the default is lines. `pending_bytes` is the cost of folding what is pending, as bytes of JSON
    lines.
    """

    def __init__(self, line_bytes: int, unclaimed: Mapping[Stream, Position], framers: Mapping[str, Framer]) -> None:
        self._line_bytes = line_bytes
        self._framers = framers
        self._unclaimed = dict(unclaimed)
        self._framings: dict[Stream, Framing] = {}
        self._pending: dict[str, PendingLines] = {}
        self.pending_bytes = 0
        self.held_bytes = 0

    def adopt(self, line_bytes: int, framers: Mapping[str, Framer]) -> None:
        """Frame new streams by other framers, and the open ones as far as possible."""
        self._line_bytes, self._framers = line_bytes, framers
        for stream, framing in self._framings.items():
            framing.adopt(framers.get(stream.source, Lines))

    def release(self, source: str) -> None:
        """Keep the positions of a source's lasting streams, and forget its others."""
        for stream in [stream for stream in self._framings if stream.source == source]:
            framing = self._framings.pop(stream)
            self.held_bytes -= framing.held
            if stream.is_lasting:
                self._unclaimed[stream] = framing.position

    @property
    def positions(self) -> dict[Stream, Position]:
        """The position from which each lasting stream would resume, open or not."""
        lasting = {stream: framing.position for stream, framing in self._framings.items() if stream.is_lasting}
        return self._unclaimed | lasting

    def remembered(self, source: str) -> dict[Stream, Position]:
        """Return the streams of a source that are not open again yet."""
        return {stream: position for stream, position in self._unclaimed.items() if stream.source == source}

    def orphans(self, sources: Container[str]) -> dict[Stream, Position]:
        """Return the streams of sources other than these, which are not open."""
        return {stream: position for stream, position in self._unclaimed.items() if stream.source not in sources}

    def forget(self, stream: Stream) -> None:
        """Forget a stream that is not open."""
        self._unclaimed.pop(stream, None)

    def move(self, stream: Stream, new: Stream) -> None:
        """Continue a stream under another identity."""
        if stream in self._framings:
            self._framings[new] = self._framings.pop(stream)
        else:
            self._unclaimed[new] = self._unclaimed.pop(stream)

    def position(self, stream: Stream) -> Position:
        """Return the position from which an open stream would resume."""
        return self._framings[stream].position

    def open(self, stream: Stream, position: Position | None, context: bytes) -> None:
        """Start a stream, or resume a remembered one; `context` are the bytes before the offset."""
        self._unclaimed.pop(stream, None)
        framer = self._framers.get(stream.source, Lines)
        if stream in self._framings:
            self.held_bytes -= self._framings[stream].held
        self._framings[stream] = framer(self._line_bytes, position, context)

    def feed(self, stream: Stream, data: bytes) -> int:
        """Take bytes of an open stream; return how many more of its bytes are complete."""
        framing = self._framings[stream]
        offset, held = framing.offset, framing.held
        lines = self._collect(stream, framing.feed(data))
        self.held_bytes += framing.held - held
        self.pending_bytes += int((framing.offset - offset + LINE_BYTES * lines) * framing.weight)
        return framing.offset - offset

    def is_broken(self, stream: Stream) -> bool:
        """Return whether an open stream cannot be read any further."""
        return self._framings[stream].is_broken

    def close(self, stream: Stream) -> int:
        """Forget a stream that has ended; return how many more of its bytes are complete."""
        self._unclaimed.pop(stream, None)
        framing = self._framings.pop(stream, None)
        if framing is None:
            return 0
        offset = framing.offset
        self.held_bytes -= framing.held
        self._collect(stream, framing.end())
        return framing.offset - offset

    def take(self) -> dict[str, PendingLines]:
        """Return what is pending by source, and empty the buffer."""
        pending, self._pending, self.pending_bytes = self._pending, {}, 0
        return pending

    def _collect(self, stream: Stream, result: FrameResult) -> int:
        """Keep a result until it is taken; return its number of lines."""
        if result is NOTHING:
            return 0
        pending = self._pending.setdefault(stream.source, PendingLines())
        too_long = f"longer than {self._line_bytes} bytes"
        pending.rejected.extend(BadLine(stream, offset, Reason.OVERSIZE, too_long) for offset in result.oversize)
        pending.rejected.extend(cut_off(stream, offset) for offset in result.incomplete)
        times = result.times or repeat(b"")
        chunks = [Chunk(stream, *block, time) for block, time in zip(result.blocks, times, strict=False)]
        pending.chunks.extend(chunks)
        if result.broken:
            offset, error = result.broken
            pending.rejected.append(BadLine(stream, offset, error.reason, str(error)))
        return sum(chunk.lines for chunk in chunks)


def cut_off(stream: Stream, offset: int) -> BadLine:
    """Return the rejection of records that arrived only in part."""
    return BadLine(stream, offset, Reason.INCOMPLETE, "the stream ended within the record")


def merged(rejected: Iterable[BadLine]) -> tuple[BadLine, ...]:
    """Return the first line that was rejected for each reason, with the count of all."""
    first: dict[Reason, BadLine] = {}
    counts = Counter[Reason]()
    for bad in rejected:
        first.setdefault(bad.reason, bad)
        counts[bad.reason] += bad.count
    return tuple(replace(bad, count=counts[reason]) for reason, bad in first.items())


def pieces(data: bytes) -> Iterator[bytes]:
    """Yield bytes as pieces that can be fed."""
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def framed(stream: Stream, line_bytes: int, data: bytes, framer: Framer, block_bytes: int) -> Iterator[PendingLines]:
    """Yield the lines of a whole stream, about `block_bytes` at a time; none for pieces before that."""
    buffer = LineBuffer(line_bytes, {}, {stream.source: framer})
    buffer.open(stream, None, b"")
    for piece in pieces(data):
        buffer.feed(stream, piece)
        is_due = buffer.pending_bytes >= block_bytes
        yield buffer.take().get(stream.source, PendingLines()) if is_due else PendingLines()
    buffer.close(stream)
    yield from buffer.take().values()
