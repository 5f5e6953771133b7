"""The messages of an Arrow IPC stream, split from bytes in pieces of any size. No length or offset in it is trusted.

A message is FF FF FF FF, the length of its metadata (4 bytes, little-endian), the metadata, which are a flatbuffer, and
a body whose length is in the metadata. A length of 0 ends a stream, and another may follow.
Formats: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format and
https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum
from itertools import islice
from typing import NamedTuple

import numpy as np

from exporter.batch import Ints
from exporter.lines.rejects import Reason, RejectedError

MARKER = b"\xff\xff\xff\xff"
PREFIX_BYTES = 8
MESSAGE_BYTES = 8 * 1024**2
# A column takes about 100 bytes of metadata.
METADATA_BYTES = 1024**2
MOST_ROWS = 65_536
# The size of a struct of two int64.
PAIR_BYTES = 16


class MessageKind(IntEnum):
    """The kind of a message, numbered as in the format's Message.fbs, except for END."""

    END = 0
    SCHEMA = 1
    DICTIONARY = 2
    BATCH = 3


class Message(NamedTuple):
    """A whole message; `rows` is a batch's number of rows, `dictionary` the number of a dictionary."""

    kind: MessageKind
    size: int
    rows: int = 0
    dictionary: int = 0


class Messages:
    """Splits a stream into messages. `held` is the number of bytes of the unfinished message."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._needed = PREFIX_BYTES
        self.held = 0

    def feed(self, data: bytes) -> Iterator[tuple[Message, bytes]]:
        """Take the stream's next bytes and yield each message that they complete, with its bytes.

        Raises RejectedError if a message is invalid or too large; nothing can be fed after that.
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
            self.held -= message.size
            yield message, data[at : at + message.size]
            at += message.size
        if self.held:
            self._rest = [data[at:]]


def count_rows(data: bytes) -> int:
    """Return how many rows the whole batches at the start of a stream have."""
    return sum(message.rows for message in _whole(data))


def has_more_messages(data: bytes, count: int) -> bool:
    """Return whether a stream starts with more than `count` whole messages."""
    return next(islice(_whole(data), count, None), None) is not None


def _whole(data: bytes) -> Iterator[Message]:
    """Yield the whole messages at the start of a stream."""
    at = 0
    with suppress(RejectedError):
        while message := _first(data, at)[0]:
            yield message
            at += message.size


def _first(data: bytes, at: int) -> tuple[Message | None, int]:
    """Return the message at a place, if it is whole, and how many bytes it takes to read on."""
    there = len(data) - at
    if data[at : at + len(MARKER)] != MARKER[:there]:
        raise RejectedError(
            Reason.INVALID_ARROW, "not an Arrow IPC stream: expected a message that starts with FF FF FF FF"
        )
    if there < PREFIX_BYTES:
        return None, PREFIX_BYTES
    length = int.from_bytes(data[at + len(MARKER) : at + PREFIX_BYTES], "little", signed=True)
    if length == 0:
        return Message(MessageKind.END, PREFIX_BYTES), PREFIX_BYTES
    if length < 0:
        raise RejectedError(Reason.INVALID_ARROW, "a message of a negative length")
    if length > METADATA_BYTES:
        raise RejectedError(Reason.OVERSIZE, f"a message with more than {METADATA_BYTES} bytes of metadata")
    begin = PREFIX_BYTES + length
    if there < begin:
        return None, begin
    try:
        message = _described(data[at + PREFIX_BYTES : at + begin], begin)
    except _FlatbufferError:
        raise RejectedError(Reason.INVALID_ARROW, "a message whose metadata cannot be read") from None
    return (message if there >= message.size else None), message.size


def _described(metadata: bytes, begin: int) -> Message:
    """Return the message with this metadata and a body at `begin`; raises RejectedError, and _FlatbufferError."""
    root = _FlatTable(metadata, _unpack(metadata, "<I", 0))
    kind, body = root.number(1, "<B"), root.number(3, "<q")
    if body < 0:
        raise RejectedError(Reason.INVALID_ARROW, "a message of a negative length")
    size = begin + body
    if size > MESSAGE_BYTES:
        raise RejectedError(Reason.OVERSIZE, f"a message of more than {MESSAGE_BYTES} bytes; send fewer rows at a time")
    header = root.table(2)
    if kind == MessageKind.SCHEMA:
        return Message(MessageKind.SCHEMA, size)
    if kind == MessageKind.DICTIONARY:
        _check_rows(header.table(1), size, body)
        if header.number(2, "<B"):
            # Each batch would contain a copy of all earlier entries.
            raise RejectedError(Reason.INVALID_ARROW, "a dictionary that only adds to one before; send it whole")
        return Message(MessageKind.DICTIONARY, size, dictionary=header.number(0, "<q"))
    if kind == MessageKind.BATCH:
        return Message(MessageKind.BATCH, size, rows=_check_rows(header, size, body))
    raise RejectedError(Reason.INVALID_ARROW, "a message that is neither a schema, a dictionary nor a record batch")


def _check_rows(batch: _FlatTable, size: int, body: int) -> int:
    """Return how many rows a batch has; raises RejectedError if they would take more memory than their bytes."""
    rows = batch.number(0, "<q")
    if batch.has(3):
        raise RejectedError(Reason.INVALID_ARROW, "a compressed body; send it as it is")
    if not 0 <= rows <= size:
        raise RejectedError(Reason.INVALID_ARROW, "a record batch of more rows than bytes")
    if rows > MOST_ROWS:
        raise RejectedError(Reason.OVERSIZE, f"a record batch of more than {MOST_ROWS} rows")
    lengths = batch.pairs(2)[:, 1]
    # Overlapping buffers could expand to far more data than was sent.
    if len(lengths) and (lengths.min() < 0 or lengths.max() > body or int(lengths.sum()) > body):
        raise RejectedError(Reason.INVALID_ARROW, "a record batch whose buffers overlap, or lie outside of it")
    return rows


class _FlatbufferError(ValueError):
    """An offset points outside of the flatbuffer."""


class _FlatTable:
    """A table in an untrusted flatbuffer, whose fields are numbered. Its methods raise _FlatbufferError."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._vtable = at - _unpack(data, "<i", at)
        self._vtable_bytes = _unpack(data, "<H", self._vtable)

    def number(self, field: int, kind: str) -> int:
        """Return a number, 0 if it is absent; `kind` is a format of `struct`."""
        at = self._place(field)
        return _unpack(self._data, kind, at) if at else 0

    def has(self, field: int) -> bool:
        """Return whether a field is present."""
        return self._place(field) != 0

    def table(self, field: int) -> _FlatTable:
        """Return a table that this one refers to."""
        at = self._place(field)
        if not at:
            raise _FlatbufferError
        return _FlatTable(self._data, at + _unpack(self._data, "<I", at))

    def pairs(self, field: int) -> Ints:
        """Return a vector of structs of two int64, shape (n, 2)."""
        at = self._place(field)
        if not at:
            return np.empty((0, 2), np.int64)
        at += _unpack(self._data, "<I", at)
        count = _unpack(self._data, "<I", at)
        if count * PAIR_BYTES > len(self._data) - at - 4:
            raise _FlatbufferError
        return np.frombuffer(self._data, "<i8", 2 * count, at + 4).reshape(count, 2)

    def _place(self, field: int) -> int:
        """Return the position of a field; 0 if it is absent."""
        entry = 4 + 2 * field
        if entry + 2 > self._vtable_bytes:
            return 0
        offset = _unpack(self._data, "<H", self._vtable + entry)
        return self._at + offset if offset else 0


def _unpack(data: bytes, kind: str, at: int) -> int:
    """Return a number of a flatbuffer; `kind` is a format of `struct`. Raises _FlatbufferError."""
    # A negative position would count from the end.
    if not 0 <= at <= len(data) - struct.calcsize(kind):
        raise _FlatbufferError
    return int(struct.unpack_from(kind, data, at)[0])
