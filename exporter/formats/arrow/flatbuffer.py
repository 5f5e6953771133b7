"""Tables of a flatbuffer that nobody vouches for: every offset in it is compared with where it ends.

Format: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct

import numpy as np

from exporter.batch import Ints

PAIR_BYTES = 16


class FlatbufferError(ValueError):
    """An offset leads out of the flatbuffer."""


class FlatTable:
    """A table at a place in a flatbuffer; its fields go by number. Raises FlatbufferError."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._vtable = at - self._read("<i", at)
        self._vtable_bytes = self._read("<H", self._vtable)

    @classmethod
    def root(cls, data: bytes) -> FlatTable:
        """Return the table that a flatbuffer begins with."""
        return cls(data, cls._number(data, "<I", 0))

    def number(self, field: int, kind: str) -> int:
        """Return a number, 0 where it is absent; `kind` is as in `struct`."""
        at = self._place(field)
        return self._read(kind, at) if at else 0

    def has(self, field: int) -> bool:
        """Whether a field is there."""
        return self._place(field) != 0

    def table(self, field: int) -> FlatTable:
        """Return a table that this one refers to."""
        at = self._place(field)
        if not at:
            raise FlatbufferError
        return FlatTable(self._data, at + self._read("<I", at))

    def pairs(self, field: int) -> Ints:
        """Return a vector of structs of two int64, of shape (n, 2)."""
        at = self._place(field)
        if not at:
            return np.empty((0, 2), np.int64)
        at += self._read("<I", at)
        count = self._read("<I", at)
        if count * PAIR_BYTES > len(self._data) - at - 4:
            raise FlatbufferError
        return np.frombuffer(self._data, "<i8", 2 * count, at + 4).reshape(count, 2)

    def _place(self, field: int) -> int:
        """Return where a field lies; 0 where it is absent."""
        entry = 4 + 2 * field
        if entry + 2 > self._vtable_bytes:
            return 0
        offset = self._read("<H", self._vtable + entry)
        return self._at + offset if offset else 0

    def _read(self, kind: str, at: int) -> int:
        return self._number(self._data, kind, at)

    @staticmethod
    def _number(data: bytes, kind: str, at: int) -> int:
        # A negative place would be counted from the end.
        if not 0 <= at <= len(data) - struct.calcsize(kind):
            raise FlatbufferError
        return int(struct.unpack_from(kind, data, at)[0])
