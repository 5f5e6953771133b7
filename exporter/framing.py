"""Bytes in any pieces become blocks of whole lines, and a position to go on from.

The law: however the bytes of a stream are cut, the blocks joined are the same, less the lines that are
longer than the limit; and `position` always stands behind a whole line (or within an oversize one, which
it then says), so that a reader that resumes there loses and repeats nothing.
"""

from __future__ import annotations

import hashlib

import msgspec

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
    CONTEXT_BYTES each. `skipping` says that `offset` lies within an oversize line.
    """

    offset: int = 0
    skipping: bool = False
    head: Digest = Digest()
    context: Digest = Digest()


class Lines:
    """Frames one stream. `context` are the bytes just before `position.offset` (see Position)."""

    def __init__(self, limit: int, position: Position | None = None, context: bytes = b"") -> None:
        position = position or Position()
        self._limit = limit
        self._offset = position.offset
        self._skipping = position.skipping
        self._head = position.head
        self._context = context
        self._rest = b""

    @property
    def offset(self) -> int:
        """How many bytes of the stream are done with."""
        return self._offset

    @property
    def rest(self) -> bytes:
        """The bytes fed after `offset`: a last line that still waits for its newline."""
        return self._rest

    @property
    def position(self) -> Position:
        return Position(self._offset, self._skipping, self._head, Digest.of(self._context))

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Take bytes; return the whole lines that are now complete, and how many were oversize."""
        data = self._rest + data if self._rest else data
        oversize = 0
        start = 0
        if self._skipping:
            newline = data.find(b"\n")
            self._skipping = newline < 0
            start = len(data) if newline < 0 else newline + 1
        end = max(start, data.rfind(b"\n") + 1)
        block = data[start:end]
        if len(block) > self._limit:
            lines = block.split(b"\n")[:-1]
            kept = [line + b"\n" for line in lines if len(line) <= self._limit]
            oversize += len(lines) - len(kept)
            block = b"".join(kept)
        if len(data) - end > self._limit:
            oversize += 1
            self._skipping = True
            end = len(data)
        self._advance(data, end)
        self._rest = data[end:]
        return block, oversize

    def _advance(self, data: bytes, end: int) -> None:
        """The bytes before `end` are done with."""
        if self._head.length < CONTEXT_BYTES and self._offset == len(self._context):
            self._head = Digest.of((self._context + data[: min(end, CONTEXT_BYTES)])[:CONTEXT_BYTES])
        self._offset += end
        self._context = (self._context + data[max(0, end - CONTEXT_BYTES) : end])[-CONTEXT_BYTES:]
