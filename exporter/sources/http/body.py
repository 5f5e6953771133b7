"""The body of a request, read in pieces and unpacked, within a limit."""

from __future__ import annotations

import zlib

from exporter.formats.bodies import BodyError

GZIP_FORMAT = 16 + zlib.MAX_WBITS


class TooLargeError(ValueError):
    """A body that is larger than the limit, as sent or unpacked."""


class Body:
    """A body that arrives in pieces, gzip if `is_gzip`; at most `limit` bytes, as sent and unpacked.

    Raises TooLargeError, and BodyError if it is not gzip.
    """

    def __init__(self, limit: int, *, is_gzip: bool) -> None:
        self._limit = limit
        self._unpack = zlib.decompressobj(GZIP_FORMAT) if is_gzip else None
        self._pieces: list[bytes] = []
        self._received = 0
        self.size = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._received += len(data)
        if self._received > self._limit:
            raise TooLargeError
        if self._unpack is None:
            self._keep(data)
            return
        while data:
            try:
                self._keep(self._unpack.decompress(data, self._limit + 1 - self.size))
            except zlib.error as error:
                raise BodyError(f"not gzip: {error}") from None
            data = self._unpack.unconsumed_tail or self._unpack.unused_data
            if self._unpack.eof and data:
                self._unpack = zlib.decompressobj(GZIP_FORMAT)  # another member

    def end(self) -> bytes:
        """Return the whole body."""
        if self._unpack is not None and not self._unpack.eof:
            raise BodyError("not gzip: it ends too early")
        return b"".join(self._pieces)

    def _keep(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limit:
            raise TooLargeError
        self._pieces.append(data)
