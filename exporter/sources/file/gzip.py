"""The content of a file that is compressed with gzip: unpacked as it is read, and never held whole."""

from __future__ import annotations

import os
import zlib

SUFFIX = ".gz"
# What else rotated files are compressed with, that we cannot unpack.
SUFFIXES = (SUFFIX, ".bz2", ".lz4", ".xz", ".zip", ".zst", ".Z")

MAGIC = b"\x1f\x8b"
FORMAT = 16 + zlib.MAX_WBITS
# How much is read of the file at a time, and unpacked on the way to an offset.
STORED_BYTES = 64 * 1024
SKIPPED_BYTES = 256 * 1024


class Gzipped:
    """Reads forward; the bytes that were read last are kept, for the next read to begin among them.

    A file that is not written to its end, or was cut off, ends early, and is read on once there is more of it. What
    is damaged ends for good with what could be unpacked. Neither is ever without bytes left: there were others.
    """

    is_zipped = True

    def __init__(self, number: int) -> None:
        self._number = number
        self._begin()

    def status(self) -> os.stat_result:
        """That of the file as it is stored."""
        return os.fstat(self._number)

    def read(self, length: int, offset: int) -> bytes:
        """The unpacked bytes at an offset, fewer only where they end."""
        if offset < self._offset:
            self._begin()
        while self._offset < offset and self._unpack(min(SKIPPED_BYTES, offset - self._offset)):
            self._drop(offset)
        self._drop(offset)
        while len(self._kept) < length and self._unpack(length - len(self._kept)):
            pass
        return bytes(self._kept[:length]) if self._offset == offset else b""

    def left(self, offset: int) -> int:
        """How many bytes there are behind an offset, those that are not unpacked yet as they are stored."""
        unpacked = max(0, self._offset + len(self._kept) - offset)
        return unpacked + (0 if self._is_whole else max(1, self.status().st_size - self._stored + len(self._rest)))

    @property
    def is_cut_off(self) -> bool:
        """Whether it ended early when it was read, and what is missing may come."""
        return self._is_at_end and not self._is_damaged and not self._is_whole

    def close(self) -> None:
        os.close(self._number)

    @property
    def _is_whole(self) -> bool:
        is_between = self._members > 0 and self._unpacker is None and not self._rest
        return self._is_over or (is_between and self._stored == self.status().st_size)

    def _begin(self) -> None:
        self._kept, self._offset = bytearray(), 0
        # How much of the file was read, and what of that is not unpacked yet.
        self._stored, self._rest = 0, b""
        self._unpacker: zlib._Decompress | None = None
        self._members = 0
        self._is_at_end = self._is_over = self._is_damaged = False

    def _drop(self, offset: int) -> None:
        """Let go of the bytes before an offset."""
        count = min(offset - self._offset, len(self._kept))
        del self._kept[:count]
        self._offset += count

    def _unpack(self, limit: int) -> bool:
        """Unpack so many bytes at most; return whether there may be more."""
        if self._is_over or self._is_damaged:
            return False
        if len(self._rest) < len(MAGIC):
            more = os.pread(self._number, STORED_BYTES, self._stored)
            self._stored += len(more)
            self._is_at_end = not more
            self._rest += more
        given = self._rest
        if self._unpacker is None:
            self._begin_member()
        if self._unpacker is None:
            return len(self._rest) < len(given) or not self._is_at_end
        try:
            new = self._unpacker.decompress(self._rest, limit)
        except zlib.error:
            self._is_damaged = True
            return False
        self._kept += new
        self._rest = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        if self._unpacker.eof:
            self._unpacker = None
            self._members += 1
        # What was taken in before may have more to give than there was room for.
        return bool(given or new)

    def _begin_member(self) -> None:
        """Begin a member if one is there; what else comes after one is left alone, as gzip does."""
        if self._members:
            self._rest = self._rest.lstrip(b"\0")
        if self._rest.startswith(MAGIC):
            self._unpacker = zlib.decompressobj(FORMAT)
        elif not MAGIC.startswith(self._rest):
            self._is_over, self._is_damaged = self._members > 0, self._members == 0
