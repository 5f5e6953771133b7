"""Frames a connection's Arrow IPC stream: its bytes become validated record batches of the columns that are read.

pyarrow only receives whole messages, whose lengths were compared with limits. A message that it rejects, or that is
invalid, breaks the stream; the batches before it count.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from io import BytesIO
from typing import NamedTuple

import pyarrow as pa
from pyarrow import ipc

from exporter.decoding.schema import Node
from exporter.formats.arrow.leaves import Place, flat, places
from exporter.formats.arrow.messages import Message, MessageKind, Messages
from exporter.lines.framing import NOTHING, Framer, FrameResult, Framing, Position
from exporter.lines.rejects import Reason, RejectedError

# The size of all dictionaries of a stream; they are kept, and validated for every batch.
DICTIONARY_BYTES = 1024**2

# pyarrow raises several of Python's exceptions besides its own, and extension types raise any.
ERRORS = (pa.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


class _StreamReader(NamedTuple):
    """pyarrow's reader of one stream, its file, and where the columns lie: in the schema, and in batches.

    The file only contains the messages that are read next.
    """

    file: BytesIO
    batches: ipc.RecordBatchStreamReader
    places: list[Place]
    columns: dict[int, int]


class ArrowStream(Framing):
    """Frames a connection. `held` includes the dictionaries for later batches.

    `trees` say which fields are read; the names of a tree's columns in the flat batches have its key as a prefix.
    """

    # A fold of 250 Arrow records, in 64 KiB, costs half as much as a fold of 1,000.
    weight = 0.25

    def __init__(self, trees: Mapping[str, Node], position: Position | None = None) -> None:
        super().__init__(position.offset if position else 0)
        self.trees = trees
        self._messages = Messages()
        self._reader: _StreamReader | None = None
        self._schema = b""
        # The dictionaries received since the last batch; and the last of each, for when `trees` change.
        self._waiting: list[bytes] = []
        self._dictionaries: dict[int, bytes] = {}

    def feed(self, data: bytes) -> FrameResult:
        if self.is_broken:
            return NOTHING
        blocks: list[tuple[int, pa.RecordBatch]] = []
        try:
            for message, whole in self._messages.feed(data):
                self.offset += message.size
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
        """Treat the stream as ended: the rest is a message that was cut off."""
        return FrameResult([], [], [self.offset]) if self._messages.held and not self.is_broken else NOTHING

    def adopt(self, framer: Framer) -> None:
        """Read the columns that `framer` would, from the next batch on."""
        other = framer(0, None, b"")
        if isinstance(other, ArrowStream):
            self.trees = other.trees
            if self._reader is not None:
                self._reader, self._waiting = self._opened(), [*self._dictionaries.values()]

    def _take(self, message: Message, whole: bytes) -> pa.RecordBatch | None:
        """Take a message; return a batch's columns that are read. Raises RejectedError."""
        if message.kind in (MessageKind.SCHEMA, MessageKind.END):
            self._schema, self._waiting, self._dictionaries = whole, [], {}
            self._reader = self._opened() if message.kind == MessageKind.SCHEMA else None
            return None
        if self._reader is None:
            raise RejectedError(Reason.INVALID_ARROW, "a stream that does not start with its schema")
        self._waiting.append(whole)
        if message.kind == MessageKind.DICTIONARY:
            self._dictionaries[message.dictionary] = whole
            if max(_size(self._dictionaries.values()), _size(self._waiting)) > DICTIONARY_BYTES:
                raise RejectedError(Reason.OVERSIZE, f"dictionaries of more than {DICTIONARY_BYTES} bytes")
            return None
        _fill(self._reader.file, b"".join(self._waiting))
        self._waiting = []
        try:
            batch = self._reader.batches.read_next_batch()
            return flat(batch, self._reader.places, self._reader.columns) if batch.num_rows else None
        except (*ERRORS, StopIteration):
            raise RejectedError(Reason.INVALID_ARROW, "an invalid record batch") from None

    def _opened(self) -> _StreamReader:
        """Return a reader of the stream's schema and batches; raises RejectedError."""
        file = BytesIO()
        try:
            fields = ipc.read_schema(pa.py_buffer(self._schema))
            found = [
                replace(place, name=prefix + place.name)
                for prefix, tree in self.trees.items()
                for place in places(fields, tree)
            ]
            # Without included fields, pyarrow would read all.
            read = sorted({place.path[0] for place in found}) or list(range(len(fields)))[:1]
            _fill(file, self._schema)
            options = ipc.IpcReadOptions(use_threads=False, included_fields=read)
            batches = ipc.open_stream(pa.PythonFile(file, mode="r"), options=options)
        except ERRORS:
            raise RejectedError(Reason.INVALID_ARROW, "a schema that cannot be read") from None
        return _StreamReader(file, batches, found, {column: number for number, column in enumerate(read)})


def _fill(file: BytesIO, data: bytes) -> None:
    """Replace the content of a file."""
    file.seek(0)
    file.truncate()
    file.write(data)
    file.seek(0)


def _size(messages: Collection[bytes]) -> int:
    return sum(map(len, messages))
