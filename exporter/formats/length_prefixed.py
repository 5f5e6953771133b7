"""Records that each follow their length, as some clients of sockets send them: a wrapper around another format."""

from typing import ClassVar

from exporter.formats.format import Format
from exporter.lines.framing import NOTHING, Framer, FrameResult, Framing, Position

LENGTH_BYTES = 4


class LengthPrefixedRecords(Framing):
    """Frames a stream of records that each follow their length, 4 bytes big-endian.

    A record becomes a line: a line break in it can only be white space between JSON tokens. A length is compared with
    the limit before any of the record is kept.
    """

    def __init__(self, limit: int, position: Position | None = None, context: bytes = b"") -> None:
        super().__init__(position.offset if position else 0)
        self._limit = limit
        self._rest: list[bytes] = []
        self._needed = LENGTH_BYTES
        self._skip = 0

    def feed(self, data: bytes) -> FrameResult:
        if self.held + len(data) < self._needed and not self._skip:
            self._rest.append(data)
            self.held += len(data)
            return NOTHING
        data = b"".join((*self._rest, data))
        blocks: list[tuple[int, bytes]] = []
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
                oversize.append(self.offset + at)
                self._skip = LENGTH_BYTES + length
                continue
            self._needed = LENGTH_BYTES + length
            if len(data) < begin + length:
                break
            blocks.append((self.offset + at, data[begin : begin + length].replace(b"\n", b" ") + b"\n"))
            at = begin + length
        self.offset += at
        self._rest = [data[at:]]
        self.held = len(data) - at
        return FrameResult(blocks, oversize, [])

    def end(self) -> FrameResult:
        """Treat the stream as ended: the rest is a record that was cut off."""
        return FrameResult([], [], [self.offset]) if self.held or self._skip else NOTHING


class LengthPrefixed(Format, frozen=True):
    """Each record follows its length in 4 bytes, big-endian."""

    name: ClassVar[str] = "length_prefixed"
    framer: ClassVar[Framer] = LengthPrefixedRecords
    is_wrapper: ClassVar[bool] = True
    needs_stream: ClassVar[bool] = True
