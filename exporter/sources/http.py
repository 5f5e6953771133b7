"""Records that clients POST to the address that serves metrics: acknowledged once committed, and counted once.

200 all records are counted · 202 waits for its other half, in memory · 400 some records are rejected, listed in the
response; the others are counted · 401 no token, or a wrong one · 403 sent by a web page · 413 too large · 415 not a
format of this source · 429 too many requests at once, try again · 503 the state cannot be saved, send it again with the
same Idempotency-Key
"""

from __future__ import annotations

import asyncio
import hmac
import importlib
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from exporter import regular_file
from exporter.formats.arrow.messages import count_rows
from exporter.formats.bodies import ARROW, BodyError, media_type
from exporter.lines.buffer import BadLine, IngestRequest, Receipt
from exporter.sources.source import SourceContext, SourceOptions, secret_problems
from exporter.sources.url import SourceUrl, split
from exporter.store_error import StoreError
from exporter.units import FilePath, Positive, Size

# Paths of the exporter's own, and those below them.
RESERVED = ("/-/", "/metrics", "/api/")
# Of all bodies that are being read, so that memory is bounded.
HELD_BYTES = 64 * 1024**2
READ_SECONDS = 30.0
RETRY_SECONDS = 1
MAX_KEY_CHARACTERS = 200
MAX_REASONS = 20
TOO_MANY = "too many requests at once; try again"
GZIP = ("gzip", "x-gzip")
GZIP_FORMAT = 16 + zlib.MAX_WBITS


class HttpUrl(SourceUrl):
    """http:///PATH, on the address that serves metrics."""

    __slots__ = ("path",)
    path: str

    @classmethod
    def parse(cls, text: str) -> HttpUrl:
        """Raises ValueError with what was expected."""
        url = cls(text)
        url.path = split(text)[1]
        # Clients resolve "." and ".." before they send a request.
        if not re.fullmatch(r"(/(?!\.\.?(/|$))[\w.~-]+)+", url.path, re.ASCII):
            raise ValueError(f"expected http:///PATH, such as http:///v1/predictions, got {text!r}")
        return url

    @property
    def place(self) -> str:
        return self.path


class HttpOptions(SourceOptions, frozen=True, kw_only=True):
    """POST requests to a path of the address that serves metrics."""

    scheme: ClassVar[str] = "http"
    example: ClassVar[str] = "http:///v1/predictions"
    carries_streams: ClassVar[bool] = True

    url: HttpUrl
    """The path that clients POST to, on the address of `/metrics`."""
    body_bytes: Size = Size(8 * 1024**2)
    """The largest body of a POST, as sent and unpacked; a larger one gets a 413 response."""
    requests: Positive = 32
    """How many requests may be in progress; further ones get a 429 response."""
    token_file: FilePath | None = None
    """A file with the token that clients send as `Authorization: Bearer …`."""

    def make(self, context: SourceContext) -> HttpSource:
        return HttpSource(context, self)

    def problems(self) -> Iterator[str]:
        if f"{self.url.path}/".startswith(RESERVED) or self.url.path.startswith("/metrics"):
            yield f"url: {self.url.path} is a path of the exporter's own"
        yield from secret_problems("token_file", self.token_file)


class _RefusedError(Exception):
    """A request that is answered with an error before its records are read."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class HttpSource:
    """Accepts the records of POST requests, which the server passes to `handle`."""

    context: SourceContext
    options: HttpOptions
    _open: int = 0
    _held: int = 0
    _accepts: bool = False
    _is_open: bool = False
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    async def start(self) -> None:
        """Accept requests from now on."""
        self._accepts = self._is_open = True

    async def run(self) -> None:
        """Wait: the server calls `handle`."""
        await asyncio.Event().wait()

    async def drain(self, deadline: float) -> None:
        """Answer the requests in progress, and accept no others."""
        self._accepts = False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), max(0.0, deadline - self.context.monotonic()))

    def close(self) -> None:
        """Accept nothing more, not even requests in progress: the sink may not know the source from now on."""
        self._accepts = self._is_open = False

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a POST request."""
        try:
            response = await self._answer(request)
        except _RefusedError as error:
            headers = {"Connection": "close"}
            if error.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
                headers["Retry-After"] = str(RETRY_SECONDS)
            response = web.json_response({"error": str(error)}, status=error.status, headers=headers)
        self.context.telemetry.requests.labels(self.context.name, str(response.status)).inc()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        self._check(request)
        if not self._accepts:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "starting, or stopping; try again")
        if self._open >= self.options.requests:
            raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY)
        self._open += 1
        self._idle.clear()
        try:
            body = await self._body(request)
            if media_type(request.headers) == ARROW:
                await asyncio.to_thread(_load_arrow)
            if not self._is_open:
                raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the source is gone; try again")
            lines = self.context.format.request(request.headers, body)
            receipt = self.context.sink.ingest(self.context.name, lines, self.context.clock())
            if receipt.is_waiting:
                return web.json_response({"accepted": 0}, status=HTTPStatus.ACCEPTED)
            await self.context.commit()
        except BodyError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None
        except StoreError as error:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()
        return _response(receipt, lines)

    def _check(self, request: web.Request) -> None:
        """Check the headers of a request; raises _RefusedError."""
        if self.options.token_file is not None:
            scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
            # A header may contain any bytes.
            token = sent.strip().encode(errors="surrogateescape")
            if not hmac.compare_digest(token, _token(Path(self.options.token_file))) or scheme.lower() != "bearer":
                raise _RefusedError(HTTPStatus.UNAUTHORIZED, "expected the header Authorization: Bearer TOKEN")
        if "Origin" in request.headers:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "not for web pages")
        if not self.context.format.accepts(request.headers) or _encoding(request) not in (*GZIP, "identity"):
            expected = f"expected {self.context.format.expects}, as it is or gzip"
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, expected)
        if len(request.headers.get("Idempotency-Key", "")) > MAX_KEY_CHARACTERS:
            expected = f"Idempotency-Key: expected at most {MAX_KEY_CHARACTERS} characters"
            raise _RefusedError(HTTPStatus.BAD_REQUEST, expected)
        if (request.content_length or 0) > self.options.body_bytes:
            raise self._too_large()

    async def _body(self, request: web.Request) -> bytes:
        """Return the body, unpacked; raises _RefusedError, and BodyError if it is not gzip."""
        body = _Body(self.options.body_bytes, is_gzip=_encoding(request) in GZIP)
        held = 0
        try:
            async with asyncio.timeout(READ_SECONDS):
                async for data in request.content.iter_any():
                    body.feed(data)
                    self._held += body.size - held
                    held = body.size
                    if self._held > HELD_BYTES:
                        raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY)
            return body.end()
        except TimeoutError:
            raise _RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time") from None
        except _TooLargeError:
            raise self._too_large() from None
        finally:
            self._held -= held

    def _too_large(self) -> _RefusedError:
        expected = f"expected at most {self.options.body_bytes} bytes, also unpacked"
        return _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, expected)


class _TooLargeError(ValueError):
    """A body is larger than the limit, as sent or unpacked."""


class _Body:
    """A body that arrives in pieces, compressed if `is_gzip`; at most `limit` bytes, as sent and unpacked.

    Raises _TooLargeError, and BodyError if it is not gzip.
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
            raise _TooLargeError
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
            raise _TooLargeError
        self._pieces.append(data)


def _load_arrow() -> None:
    """Import pyarrow, which takes 0.1 s the first time."""
    importlib.import_module("exporter.formats.arrow.decode")


def _token(file: Path) -> bytes:
    """Return the token in a file; raises _RefusedError while there is none."""
    with suppress(OSError):
        if token := regular_file.read(file).strip():
            return token
    raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the token_file is empty or cannot be read")


def _encoding(request: web.Request) -> str:
    return request.headers.get("Content-Encoding", "identity").lower()


def _response(receipt: Receipt, request: IngestRequest) -> web.Response:
    document: dict[str, Any] = {"accepted": receipt.records}
    if receipt.is_repeated:
        document["repeated"] = True
    if not receipt.rejected:
        return web.json_response(document)
    document["rejected"] = [
        {"reason": bad.reason, "detail": bad.detail, "count": bad.count, **_place(request, bad)}
        for bad in receipt.rejected[:MAX_REASONS]
    ]
    return web.json_response(document, status=HTTPStatus.BAD_REQUEST)


def _place(request: IngestRequest, bad: BadLine) -> dict[str, int]:
    """Return the number of the first line or row that was rejected, from 1."""
    if request.is_arrow:
        return {"first_row": count_rows(request.lines[: bad.offset]) + (bad.row or 1)}
    return {"first_line": request.lines.count(b"\n", 0, bad.offset) + 1}
