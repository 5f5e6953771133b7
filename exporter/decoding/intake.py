"""Intake: the bytes of any number of streams, gathered into blocks of whole lines until there is enough to fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exporter.lines.framing import NOTHING, Cut, Framer, Framing, Lines, Position
from exporter.lines.rejects import INCOMPLETE, OVERSIZE
from exporter.lines.stream import Stream


class Piece(NamedTuple):
    """Whole lines of one stream, or of Arrow a record batch; `offset` is where they begin in it."""

    stream: Stream
    offset: int
    block: Any


@dataclass(frozen=True, slots=True)
class BadLine:
    """The first of `count` lines that were refused for one of rejects.REASONS, and where it begins in its stream.

    Of Arrow, it is `row`, counted from 1, of the record batch that begins there.
    """

    stream: Stream
    offset: int
    reason: str
    detail: str
    count: int = 1
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of lines that came together: how many are records now, and which are not.

    A batch that came before is repeated, and nothing of it is counted.
    """

    records: int = 0
    refused: tuple[BadLine, ...] = ()
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a source has brought since the last time: whole lines, and those that are none."""

    pieces: list[Piece] = field(default_factory=list)
    refused: list[BadLine] = field(default_factory=list)

    @property
    def block(self) -> bytes:
        """All whole lines."""
        return self.pieces[0].block if len(self.pieces) == 1 else b"".join(piece.block for piece in self.pieces)

    def place(self, at: int) -> tuple[Stream, int]:
        """Return the stream and the offset in it of the byte `at` of the block."""
        for piece in self.pieces:
            if at < len(piece.block):
                break
            at -= len(piece.block)
        return piece.stream, piece.offset + at


class Intake:
    """The open streams and their positions. `unclaimed` are the positions of streams that are not open again yet.

    `framers` gives the framing of each source by name, where it is not lines.
    """

    def __init__(
        self, line_bytes: int, unclaimed: Mapping[Stream, Position], framers: Mapping[str, Framer] | None = None
    ) -> None:
        self._line_bytes = line_bytes
        self._framers = framers or {}
        self._unclaimed = dict(unclaimed)
        self._lines: dict[Stream, Framing] = {}
        self._gathered: dict[str, Gathered] = {}
        self.pending_bytes = 0
        self.held_bytes = 0

    def adopt(self, line_bytes: int, framers: Mapping[str, Framer]) -> None:
        """Frame the streams that are opened from now on in another way, and the open ones where they can be."""
        self._line_bytes, self._framers = line_bytes, framers
        for stream, lines in self._lines.items():
            lines.adopt(framers.get(stream.source, Lines))

    def release(self, source: str) -> None:
        """Keep the positions of a source's streams that last, and forget the others."""
        for stream in [stream for stream in self._lines if stream.source == source]:
            lines = self._lines.pop(stream)
            self.held_bytes -= lines.held
            if stream.is_lasting:
                self._unclaimed[stream] = lines.position

    @property
    def positions(self) -> dict[Stream, Position]:
        """Where each stream would be gone on with."""
        lasting = {stream: lines.position for stream, lines in self._lines.items() if stream.is_lasting}
        return self._unclaimed | lasting

    def remembered(self, source: str) -> dict[Stream, Position]:
        """Return the streams of a source that are not open again yet."""
        return {stream: position for stream, position in self._unclaimed.items() if stream.source == source}

    def position(self, stream: Stream) -> Position:
        """Return where an open stream would be gone on with."""
        return self._lines[stream].position

    def open(self, stream: Stream, position: Position | None, context: bytes) -> None:
        """Begin a stream, or go on with a remembered one; `context` are the bytes before its offset."""
        self._unclaimed.pop(stream, None)
        framer = self._framers.get(stream.source, Lines)
        if stream in self._lines:
            self.held_bytes -= self._lines[stream].held
        self._lines[stream] = framer(self._line_bytes, position, context)

    def feed(self, stream: Stream, data: bytes) -> int:
        """Take bytes of an open stream; return how many more bytes of it are done with."""
        lines = self._lines[stream]
        before, held = lines.offset, lines.held
        self._gather(stream, lines.feed(data))
        self.held_bytes += lines.held - held
        self.pending_bytes += int((lines.offset - before) * lines.weight)
        return lines.offset - before

    def is_broken(self, stream: Stream) -> bool:
        """Whether an open stream cannot be read on."""
        return self._lines[stream].is_broken

    def close(self, stream: Stream) -> int:
        """Forget a stream that has ended; return how many more bytes of it are done with."""
        self._unclaimed.pop(stream, None)
        lines = self._lines.pop(stream, None)
        if lines is None:
            return 0
        before = lines.offset
        self.held_bytes -= lines.held
        self._gather(stream, lines.end())
        return lines.offset - before

    def _gather(self, stream: Stream, cut: Cut) -> None:
        if cut is NOTHING:
            return
        gathered = self._gathered.setdefault(stream.source, Gathered())
        too_long = f"longer than {self._line_bytes} bytes"
        gathered.refused.extend(BadLine(stream, offset, OVERSIZE, too_long) for offset in cut.oversize)
        gathered.refused.extend(cut_off(stream, offset) for offset in cut.incomplete)
        for offset, block in cut.pieces:
            gathered.pieces.append(Piece(stream, offset, block))
        if cut.broken:
            offset, error = cut.broken
            gathered.refused.append(BadLine(stream, offset, error.reason, str(error)))

    def take(self) -> dict[str, Gathered]:
        """Return what has gathered, by source, and begin anew."""
        gathered, self._gathered, self.pending_bytes = self._gathered, {}, 0
        return gathered


def cut_off(stream: Stream, offset: int, count: int = 1) -> BadLine:
    """Return what tells of records of which only a part has come."""
    return BadLine(stream, offset, INCOMPLETE, "the stream ended within the record", count)


def gather(stream: Stream, line_bytes: int, data: bytes, framer: Framer = Lines) -> Gathered:
    """Gather the lines of a stream that has come all at once."""
    intake = Intake(line_bytes, {}, {stream.source: framer})
    intake.open(stream, None, b"")
    intake.feed(stream, data)
    intake.close(stream)
    return intake.take().get(stream.source, Gathered())
