"""Frames a connection's Arrow IPC stream: its bytes become record batches of the columns that are read, validated.

pyarrow is given whole messages alone, whose lengths were compared with limits. What it does not take, or what does not
hold what it says, breaks the stream; the batches before it count.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import pyarrow as pa
from pyarrow import ipc

from exporter.decoding.schema import Node
from exporter.formats.arrow.leaves import Place, flat, places
from exporter.formats.arrow.messages import Message, MessageKind, Messages
from exporter.lines.framing import NOTHING, Framer, FrameResult, Position
from exporter.lines.rejects import INVALID_ARROW, OVERSIZE, RejectedError

# Of a stream's dictionaries, all together; they are kept, and gone through for every batch.
DICTIONARY_BYTES = 1024**2

# pyarrow's own are several of Python's as well, and extension types raise what they will.
ERRORS = (pa.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


class _Bytes:
    """A file of the messages that are to be read next."""

    closed = False

    def __init__(self) -> None:
        self._data = memoryview(b"")

    def put(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, size: int) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        return data.tobytes()


class _StreamReader(NamedTuple):
    """pyarrow's reader of one stream, what is put into it, and where the columns lie: in the schema, and in batches."""

    file: _Bytes
    batches: ipc.RecordBatchStreamReader
    places: list[Place]
    columns: dict[int, int]


class ArrowStream:
    """Frames a connection (a framing.Framing); `tree` says what is read of it."""

    # A fold of 250 records of Arrow, of 64 KiB, costs half of what one of 1,000 does.
    weight = 0.25

    def __init__(self, tree: Node, position: Position | None = None) -> None:
        self.tree = tree
        self._begin = position.offset if position else 0
        self._messages = Messages()
        self._reader: _StreamReader | None = None
        self._schema = b""
        # Those that came since the last batch; and the last of each, for when more of the batches is to be read.
        self._waiting: list[bytes] = []
        self._dictionaries: dict[int, bytes] = {}
        self.is_broken = False
        # Also what is kept for what is to come.
        self.held = 0

    @property
    def offset(self) -> int:
        """How many bytes of the stream are done with."""
        return self._begin + self._messages.offset

    @property
    def position(self) -> Position:
        return Position(self.offset)

    def feed(self, data: bytes) -> FrameResult:
        """Take the stream's next bytes."""
        if self.is_broken:
            return NOTHING
        blocks: list[tuple[int, pa.RecordBatch]] = []
        try:
            for message, whole in self._messages.feed(data):
                batch = self._take(message, whole)
                if batch is not None:
                    blocks.append((self.offset - message.size, batch))
        except RejectedError as error:
            self.is_broken = True
            self._reader, self._waiting, self._dictionaries, self.held = None, [], {}, 0
            return FrameResult(blocks, [], [], (self.offset, error))
        self.held = self._messages.held + _size(self._waiting) + _size(self._dictionaries.values())
        return FrameResult(blocks, [], []) if blocks else NOTHING

    def end(self) -> FrameResult:
        """Take it that there are no more bytes: what is left is a message that was cut off."""
        return FrameResult([], [], [self.offset]) if self._messages.held and not self.is_broken else NOTHING

    def adopt(self, framer: Framer) -> None:
        """Read from the next batch on what `framer` would."""
        other = framer(0, None, b"")
        if isinstance(other, ArrowStream):
            self.tree = other.tree
            if self._reader is not None:
                self._reader, self._waiting = self._opened(), [*self._dictionaries.values()]

    def _take(self, message: Message, whole: bytes) -> pa.RecordBatch | None:
        """Take a message; return the columns that are read of a batch. Raises RejectedError."""
        if message.kind in (MessageKind.SCHEMA, MessageKind.END):
            self._schema, self._waiting, self._dictionaries = whole, [], {}
            self._reader = self._opened() if message.kind == MessageKind.SCHEMA else None
            return None
        if self._reader is None:
            raise RejectedError(INVALID_ARROW, "a stream that does not begin with its schema")
        self._waiting.append(whole)
        if message.kind == MessageKind.DICTIONARY:
            self._dictionaries[message.dictionary] = whole
            if max(_size(self._dictionaries.values()), _size(self._waiting)) > DICTIONARY_BYTES:
                raise RejectedError(OVERSIZE, f"dictionaries of more than {DICTIONARY_BYTES} bytes")
            return None
        self._reader.file.put(b"".join(self._waiting))
        self._waiting = []
        try:
            batch = self._reader.batches.read_next_batch()
            return flat(batch, self._reader.places, self._reader.columns) if batch.num_rows else None
        except (*ERRORS, StopIteration):
            raise RejectedError(INVALID_ARROW, "a record batch that does not hold what it says") from None

    def _opened(self) -> _StreamReader:
        """Begin to read the stream of a schema; raises RejectedError."""
        file = _Bytes()
        try:
            fields = ipc.read_schema(pa.py_buffer(self._schema))
            found = places(fields, self.tree)
            # Given none, pyarrow would read all.
            read = sorted({place.path[0] for place in found}) or list(range(len(fields)))[:1]
            file.put(self._schema)
            options = ipc.IpcReadOptions(use_threads=False, included_fields=read)
            batches = ipc.open_stream(pa.PythonFile(file, mode="r"), options=options)
        except ERRORS:
            raise RejectedError(INVALID_ARROW, "a schema that cannot be read") from None
        return _StreamReader(file, batches, found, {column: number for number, column in enumerate(read)})


def _size(messages: Collection[bytes]) -> int:
    return sum(map(len, messages))
