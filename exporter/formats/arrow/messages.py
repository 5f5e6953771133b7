"""The messages of an Arrow IPC stream, cut out of bytes in any pieces without trusting a length in them.

A message is FF FF FF FF, the length of its metadata (4 bytes, little-endian), the metadata, which are a flatbuffer, and
a body whose length they tell. A length of 0 ends a stream, and another may begin.
Format: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from exporter.formats.arrow.flatbuffer import FlatbufferError, FlatTable
from exporter.lines.rejects import INVALID_ARROW, OVERSIZE, RejectedError

MARKER = b"\xff\xff\xff\xff"
PREFIX_BYTES = 8
MESSAGE_BYTES = 8 * 1024**2
# Of a message; a column costs some 100 of them.
METADATA_BYTES = 1024**2
MOST_ROWS = 65_536


class MessageKind(IntEnum):
    """What a message is; but for END as in the format's Message.fbs."""

    END = 0
    SCHEMA = 1
    DICTIONARY = 2
    BATCH = 3


class Message(NamedTuple):
    """A whole message. `rows` are a batch's; `dictionary` is the number of the dictionary that it holds."""

    kind: MessageKind
    size: int
    rows: int = 0
    dictionary: int = 0


class Messages:
    """Cuts a stream into messages. `held` is how many bytes wait for the rest of theirs."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._needed = PREFIX_BYTES
        self.held = 0
        self.offset = 0

    def feed(self, data: bytes) -> Iterator[tuple[Message, bytes]]:
        """Take the stream's next bytes and yield what they complete; `offset` is behind it.

        Raises RejectedError where a message cannot be one, or is too large; nothing can be fed after that.
        """
        self._rest.append(data)
        self.held += len(data)
        if self.held < self._needed:
            return
        data, at = b"".join(self._rest), 0
        self._rest = []
        while True:
            message, self._needed = _first(data, at)
            if message is None:
                break
            self.offset += message.size
            self.held -= message.size
            yield message, data[at : at + message.size]
            at += message.size
        if self.held:
            self._rest = [data[at:]]


def count_rows(data: bytes) -> int:
    """Return how many rows the batches have that a stream begins with."""
    rows = at = 0
    try:
        while message := _first(data, at)[0]:
            rows += message.rows
            at += message.size
    except RejectedError:
        pass
    return rows


def _first(data: bytes, at: int) -> tuple[Message | None, int]:
    """Return the message at a place, if it is whole, and how many bytes there have to be to know more."""
    there = len(data) - at
    if data[at : at + len(MARKER)] != MARKER[:there]:
        raise RejectedError(INVALID_ARROW, "no Arrow IPC stream: a message has to begin with FF FF FF FF")
    if there < PREFIX_BYTES:
        return None, PREFIX_BYTES
    length = int.from_bytes(data[at + len(MARKER) : at + PREFIX_BYTES], "little", signed=True)
    if length == 0:
        return Message(MessageKind.END, PREFIX_BYTES), PREFIX_BYTES
    if length < 0:
        raise RejectedError(INVALID_ARROW, "a message of a negative length")
    if length > METADATA_BYTES:
        raise RejectedError(OVERSIZE, f"a message with more than {METADATA_BYTES} bytes of metadata")
    begin = PREFIX_BYTES + length
    if there < begin:
        return None, begin
    try:
        message = _described(data[at + PREFIX_BYTES : at + begin], begin)
    except FlatbufferError:
        raise RejectedError(INVALID_ARROW, "a message whose metadata cannot be read") from None
    return (message if there >= message.size else None), message.size


def _described(metadata: bytes, begin: int) -> Message:
    """Return what the metadata of a message say of it, whose body is at `begin`; raises FlatbufferError."""
    root = FlatTable.root(metadata)
    kind, body = root.number(1, "<B"), root.number(3, "<q")
    if body < 0:
        raise RejectedError(INVALID_ARROW, "a message of a negative length")
    size = begin + body
    if size > MESSAGE_BYTES:
        raise RejectedError(OVERSIZE, f"a message of more than {MESSAGE_BYTES} bytes; send fewer rows at a time")
    header = root.table(2)
    if kind == MessageKind.SCHEMA:
        return Message(MessageKind.SCHEMA, size)
    if kind == MessageKind.DICTIONARY:
        _check_rows(header.table(1), size, body)
        if header.number(2, "<B"):
            # Each batch would hold a copy of all that came before.
            raise RejectedError(INVALID_ARROW, "a dictionary that only adds to one before; send it whole")
        return Message(MessageKind.DICTIONARY, size, dictionary=header.number(0, "<q"))
    if kind == MessageKind.BATCH:
        return Message(MessageKind.BATCH, size, rows=_check_rows(header, size, body))
    raise RejectedError(INVALID_ARROW, "a message that is neither a schema, a dictionary nor a record batch")


def _check_rows(batch: FlatTable, size: int, body: int) -> int:
    """Return how many rows a batch has; raises RejectedError if they would cost more than their bytes."""
    rows = batch.number(0, "<q")
    if batch.has(3):
        raise RejectedError(INVALID_ARROW, "a compressed body; send it as it is")
    if not 0 <= rows <= size:
        raise RejectedError(INVALID_ARROW, "a record batch of more rows than bytes")
    if rows > MOST_ROWS:
        raise RejectedError(OVERSIZE, f"a record batch of more than {MOST_ROWS} rows")
    lengths = batch.pairs(2)[:, 1]
    # Buffers that overlap could stand for far more than was sent.
    if len(lengths) and (lengths.min() < 0 or lengths.max() > body or int(lengths.sum()) > body):
        raise RejectedError(INVALID_ARROW, "a record batch whose buffers overlap, or lie outside of it")
    return rows
