"""Records that clients POST to the address that serves metrics: acknowledged once committed, and counted once.

200 all records are counted · 202 waits for its other half (of KServe: in memory) · 400 some records are rejected,
listed in the response; the others are counted · 401 no token, or a wrong one · 403 sent by a web page · 408 too slow ·
413 too large, or too many records · 415 not a format of this source · 429 too many requests at once, try again · 503
the state cannot be saved, send it again with the same Idempotency-Key
"""

from __future__ import annotations

import asyncio
import hmac
import importlib
import re
import zlib
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from exporter import regular_file
from exporter.formats.arrow.messages import count_rows
from exporter.formats.bodies import ARROW, BodyError, media_type
from exporter.lines.buffer import BadLine, IngestRequest, Receipt, TooLargeError
from exporter.sources.source import SourceContext, SourceOptions, secret_problems
from exporter.sources.url import SourceUrl, split
from exporter.store_error import StoreError
from exporter.units import FilePath, Positive, Size

# Paths of the exporter's own, and those below them.
RESERVED = ("/-/", "/metrics", "/api/")
# Of all bodies that are being read, so that memory is bounded.
HELD_BYTES = 64 * 1024**2
READ_SECONDS = 30.0
# How long a body may take to arrive while others find no room.
SLOW_SECONDS = 5.0
# Decompressed at a time, as sent and unpacked.
PIECE_BYTES = 16 * 1024
UNPACKED_BYTES = 256 * 1024
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
    # The bodies of the requests in progress, as sent.
    _bodies: set[_Body] = field(default_factory=set)
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
            response = self._refusal(request, error.status, error)
        except BodyError as error:
            response = self._refusal(request, HTTPStatus.BAD_REQUEST, error)
        except TooLargeError as error:
            response = self._refusal(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
        except StoreError as error:
            response = self._refusal(request, HTTPStatus.SERVICE_UNAVAILABLE, error)
        self.context.telemetry.requests.labels(self.context.name, str(response.status)).inc()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        self._check(request)
        if not self._accepts:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "starting, or stopping; try again")
        if len(self._bodies) >= self.options.requests and not self._give_up_one():
            raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY)
        body = _Body(request.remote or "", asyncio.get_running_loop().time())
        self._bodies.add(body)
        self._idle.clear()
        try:
            await self._read(request, body)
            if media_type(request.headers) == ARROW:
                await asyncio.to_thread(_load_arrow)
            response = await self.context.between_commits(self._count(request, body))
            if response.status != HTTPStatus.ACCEPTED or not self.context.format.waits_in_memory:
                await self.context.commit()
            return response
        finally:
            self._bodies.remove(body)
            if not self._bodies:
                self._idle.set()

    def _count(self, request: web.Request, body: _Body) -> Generator[None, None, web.Response]:
        """Count the records of a body in short steps, and return the response.

        Raises _RefusedError, BodyError and TooLargeError, and then nothing is counted.
        """
        if not self._is_open:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the source is gone; try again")
        data = b"".join(body.pieces)
        if _encoding(request) in GZIP:
            data = yield from decompressed(data, self.options.body_bytes)
        lines = self.context.format.request(request.headers, data)
        receipt = yield from self.context.sink.ingest(self.context.name, lines, self.context.clock())
        return self._response(request, *_outcome(receipt, lines))

    def _response(
        self, request: web.Request, status: HTTPStatus, document: Mapping[str, Any], **headers: str
    ) -> web.Response:
        """Return a response as the format has it."""
        reply = self.context.format.reply(request.headers, status, document)
        return web.Response(status=reply.status, body=reply.body, content_type=reply.media_type, headers=headers)

    def _refusal(self, request: web.Request, status: HTTPStatus, error: Exception) -> web.Response:
        headers = {"Connection": "close"}
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            headers["Retry-After"] = str(RETRY_SECONDS)
        return self._response(request, status, {"error": str(error)}, **headers)

    def _check(self, request: web.Request) -> None:
        """Check the headers of a request; raises _RefusedError and TooLargeError."""
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
            raise TooLargeError(_too_large(self.options.body_bytes))

    async def _read(self, request: web.Request, body: _Body) -> None:
        """Receive the body of a request; raises _RefusedError and TooLargeError."""
        try:
            async with asyncio.timeout(READ_SECONDS) as body.arriving:
                async for data in request.content.iter_any():
                    body.pieces.append(data)
                    body.size += len(data)
                    if body.size > self.options.body_bytes:
                        raise TooLargeError(_too_large(self.options.body_bytes))
                    if sum(each.size for each in self._bodies) > HELD_BYTES:
                        raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY)
        except TimeoutError:
            raise _RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time") from None
        finally:
            body.arriving = None

    def _give_up_one(self) -> bool:
        """Stop waiting for a slow body, of the address with the most of them; return whether there is one."""
        now = asyncio.get_running_loop().time()
        slow = [body for body in self._bodies if body.arriving and now - body.since >= SLOW_SECONDS]
        by_address = Counter(body.address for body in slow)
        given_up = min(slow, key=lambda body: (-by_address[body.address], body.since), default=None)
        if given_up is None or given_up.arriving is None:
            return False
        given_up.arriving.reschedule(now)
        given_up.arriving = None
        return True


@dataclass(eq=False)
class _Body:
    """What a request from an address has sent of its body; `arriving` is its timeout until it is whole."""

    address: str
    since: float
    arriving: asyncio.Timeout | None = None
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0


def decompressed(data: bytes, limit: int) -> Generator[None, None, bytes]:
    """Decompress a gzip body in short steps, and return it.

    Raises TooLargeError beyond `limit` bytes, and BodyError if it is not gzip.
    """
    gzip = zlib.decompressobj(GZIP_FORMAT)
    pieces: list[bytes] = []
    size = 0
    for start in range(0, len(data), PIECE_BYTES):
        rest = data[start : start + PIECE_BYTES]
        while rest:
            if gzip.eof:
                gzip = zlib.decompressobj(GZIP_FORMAT)  # another member
            try:
                pieces.append(gzip.decompress(rest, UNPACKED_BYTES))
            except zlib.error as error:
                raise BodyError(f"not gzip: {error}") from None
            size += len(pieces[-1])
            if size > limit:
                raise TooLargeError(_too_large(limit))
            rest = gzip.unconsumed_tail or gzip.unused_data
        yield
    if not gzip.eof:
        raise BodyError("not gzip: it ends too early")
    return b"".join(pieces)


def _too_large(limit: int) -> str:
    return f"expected at most {limit} bytes, also unpacked"


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


def _outcome(receipt: Receipt, request: IngestRequest) -> tuple[HTTPStatus, Mapping[str, Any]]:
    """Return the status of a response, and what it says."""
    if receipt.is_waiting:
        return HTTPStatus.ACCEPTED, {"accepted": 0}
    document: dict[str, Any] = {"accepted": receipt.records}
    if receipt.is_repeated:
        document["repeated"] = True
    if not receipt.rejected:
        return HTTPStatus.OK, document
    document["rejected"] = [
        {"reason": bad.reason, "detail": bad.detail, "count": bad.count, **_place(request, bad)}
        for bad in receipt.rejected[:MAX_REASONS]
    ]
    return HTTPStatus.BAD_REQUEST, document


def _place(request: IngestRequest, bad: BadLine) -> dict[str, int]:
    """Return the number of the first line or row that was rejected, from 1."""
    if request.is_arrow:
        return {"first_row": count_rows(request.lines[: bad.offset]) + (bad.row or 1)}
    return {"first_line": request.lines.count(b"\n", 0, bad.offset) + 1}
