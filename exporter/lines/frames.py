"""A stream of records that each come after their length becomes blocks of whole lines."""

from __future__ import annotations

from exporter.lines.framing import NOTHING, Cut, Framer, Position

LENGTH_BYTES = 4


class Frames:
    """Frames a stream of records that each come after their length, 4 bytes big-endian.

    A record becomes a line: line breaks in it are white space, since no text in JSON holds one. A length is
    compared with the limit before anything is kept for it.
    """

    is_broken, weight = False, 1.0

    def __init__(self, limit: int, position: Position | None = None, context: bytes = b"") -> None:
        self._limit = limit
        self._offset = position.offset if position else 0
        self._rest: list[bytes] = [context[:0]]
        self.held = 0
        self._needed = LENGTH_BYTES
        self._skip = 0

    @property
    def offset(self) -> int:
        """How many bytes of the stream are done with."""
        return self._offset

    @property
    def position(self) -> Position:
        return Position(self._offset)

    def feed(self, data: bytes) -> Cut:
        """Take the stream's next bytes."""
        if self.held + len(data) < self._needed and not self._skip:
            self._rest.append(data)
            self.held += len(data)
            return NOTHING
        data = b"".join((*self._rest, data))
        pieces: list[tuple[int, bytes]] = []
        oversize: list[int] = []
        at = 0
        while True:
            skipped = min(self._skip, len(data) - at)
            self._skip -= skipped
            at += skipped
            begin = at + LENGTH_BYTES
            self._needed = LENGTH_BYTES
            if self._skip or len(data) < begin:
                break
            length = int.from_bytes(data[at:begin])
            if length > self._limit:
                oversize.append(self._offset + at)
                self._skip = LENGTH_BYTES + length
                continue
            self._needed = LENGTH_BYTES + length
            if len(data) < begin + length:
                break
            pieces.append((self._offset + at, data[begin : begin + length].replace(b"\n", b" ") + b"\n"))
            at = begin + length
        self._offset += at
        self._rest = [data[at:]]
        self.held = len(data) - at
        return Cut(pieces, oversize, [])

    def end(self) -> Cut:
        """Take it that there are no more bytes: what is left is a record that was cut off."""
        return Cut([], [], [self._offset]) if self.held or self._skip else NOTHING

    def adopt(self, framer: Framer) -> None:
        """A stream keeps the limit that it was opened with."""
