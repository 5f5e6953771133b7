"""The body of a request becomes lines: JSON lines as they are, or a JSON array of records, or a single one.

An Arrow IPC stream stays what it is.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from exporter.arrow.messages import count_rows
from exporter.decoding.intake import BadLine

GZIP_FORMAT = 16 + zlib.MAX_WBITS
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines", "text/plain")
JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
TYPES = (JSON, *LINES, ARROW)


class BodyError(ValueError):
    """A body that holds no records; the message says why."""


class TooLargeError(ValueError):
    """A body that is larger, or unpacks to more, than it may."""


class Sent(NamedTuple):
    """The lines of a request, or its Arrow IPC stream; and what it is known by where it is sent again.

    `is_waiting` says that it becomes lines only with what is sent later.
    """

    lines: bytes
    batch: str | None = None
    is_arrow: bool = False
    is_waiting: bool = False

    def place(self, bad: BadLine) -> dict[str, int]:
        """Return the number of a line or row that was refused, from 1."""
        if self.is_arrow:
            return {"first_row": count_rows(self.lines[: bad.offset]) + (bad.row or 1)}
        return {"first_line": self.lines.count(b"\n", 0, bad.offset) + 1}


class Reader(Protocol):
    """Makes lines of requests; the names of `headers` are in lower case."""

    @property
    def expected(self) -> str:
        """What is accepted, in words."""
        ...

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers are those of what is read here."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes, now: float) -> Sent:
        """Return the lines of a body; raises BodyError."""
        ...

    def lost(self, now: float) -> int:
        """Return how much of what was read before will never be lines, since the last time."""
        ...


class Records:
    """Reads the records of clients, which are lines, JSON or Arrow."""

    expected = f"a body of {', '.join(TYPES)}"

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Whether the type is one of TYPES."""
        return media_type(headers) in TYPES

    def read(self, headers: Mapping[str, str], body: bytes, now: float) -> Sent:
        """Return the lines of a body; raises BodyError."""
        kind = media_type(headers)
        is_arrow = kind == ARROW
        return Sent(body if is_arrow else lines(body, kind), headers.get("idempotency-key"), is_arrow)

    def lost(self, now: float) -> int:
        """Nothing waits."""
        return 0


def media_type(headers: Mapping[str, str]) -> str:
    """Return the type of a body, less its parameters."""
    return headers.get("content-type", "").split(";")[0].strip().lower()


class Body:
    """A body that comes in pieces, gzip where `is_gzip`: of `limit` bytes at most, packed and unpacked.

    Raises TooLargeError, and BodyError where it is no gzip.
    """

    def __init__(self, limit: int, *, is_gzip: bool) -> None:
        self._limit = limit
        self._unpack = zlib.decompressobj(GZIP_FORMAT) if is_gzip else None
        self._pieces: list[bytes] = []
        self._come = 0
        self.size = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._come += len(data)
        if self._come > self._limit:
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
        """Return the whole of it."""
        if self._unpack is not None and not self._unpack.eof:
            raise BodyError("not gzip: it ends too early")
        return b"".join(self._pieces)

    def _keep(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limit:
            raise TooLargeError
        self._pieces.append(data)


def lines(body: bytes, content_type: str) -> bytes:
    """Return the records of a body as lines; raises BodyError where an array is none."""
    if content_type in LINES:
        return body if body.endswith(b"\n") or not body else body + b"\n"
    records = _items(body) if body.lstrip()[:1] == b"[" else [body]
    return b"".join(bytes(record).replace(b"\n", b" ") + b"\n" for record in records if record)


def _items(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        # This decoder reads NaN and Infinity, which cost no more than the record or feature that has them.
        return [json.dumps(item).encode() for item in json.loads(body.decode())]
    except (ValueError, RecursionError) as error:
        raise BodyError(f"not JSON: {error}") from None
