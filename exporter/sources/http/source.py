"""Records that clients POST: answered only once they are committed, and counted once however often they are sent.

200 all records are counted · 202 waits for its other half, in memory · 400 some records are rejected, listed in the
response; the others are counted · 401 no token, or a wrong one · 403 sent by a web page · 413 too large · 415 not a
format of this source · 429 too many requests at once, try again · 503 the state cannot be saved, send it again with the
same Idempotency-Key
"""

import asyncio
import hmac
import importlib
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from exporter.formats.arrow.messages import count_rows
from exporter.formats.bodies import ARROW, BodyError, media_type
from exporter.lines.buffer import BadLine, IngestRequest, Receipt
from exporter.sources.http.body import Body, TooLargeError
from exporter.sources.source import SourceContext
from exporter.store_error import StoreError

# Of all bodies that are being read, so that memory is bounded whatever is sent.
HELD_BYTES = 64 * 1024**2
READ_SECONDS = 30.0
RETRY_SECONDS = 1
MAX_KEY_CHARACTERS = 200
MAX_REASONS = 20
GZIP = ("gzip", "x-gzip")

REASONS = {
    HTTPStatus.UNAUTHORIZED: "expected the header Authorization: Bearer TOKEN",
    HTTPStatus.FORBIDDEN: "not for web pages",
    HTTPStatus.REQUEST_TIMEOUT: "the body did not arrive in time",
    HTTPStatus.TOO_MANY_REQUESTS: "too many requests at once; try again",
}


class _RefusedError(Exception):
    """A request that is not read."""

    def __init__(self, status: HTTPStatus, text: str = "") -> None:
        super().__init__(text or REASONS[status])
        self.status = status


@dataclass
class HttpSource:
    """Takes records at `path` on the address that serves metrics.

    A body may have `body_bytes`, as sent and unpacked; at most `requests` are read at a time. With `token_file`,
    clients have to send its content as a bearer token.
    """

    context: SourceContext
    path: str
    body_bytes: int
    requests: int
    token_file: Path | None = None
    _open: int = 0
    _held: int = 0
    _accepts: bool = False
    _is_open: bool = False
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    async def start(self) -> None:
        """Take records from now on."""
        self._accepts = self._is_open = True

    async def run(self) -> None:
        """The server brings the requests."""
        await asyncio.Event().wait()

    async def drain(self, deadline: float) -> None:
        """Answer the requests that have begun, and no others."""
        self._accepts = False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), max(0.0, deadline - self.context.clock()))

    def close(self) -> None:
        """Take nothing more, of requests that have begun neither: the source may be unknown from now on."""
        self._accepts = self._is_open = False

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a POST."""
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
        if self._open >= self.requests:
            raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS)
        self._open += 1
        self._idle.clear()
        try:
            body = await self._body(request)
            if media_type(_lower(request)) == ARROW:
                await asyncio.to_thread(_load_arrow)
            if not self._is_open:
                raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the source is gone; try again")
            lines = self.context.format.request(_lower(request), body)
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
        """Refuse a request by its headers."""
        if self.token_file is not None:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            # A header may hold any bytes.
            same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), _token(self.token_file))
            if scheme.lower() != "bearer" or not same:
                raise _RefusedError(HTTPStatus.UNAUTHORIZED)
        if "Origin" in request.headers:
            raise _RefusedError(HTTPStatus.FORBIDDEN)
        if not self.context.format.accepts(_lower(request)) or _encoding(request) not in (*GZIP, "identity"):
            raise _RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {self.context.format.expects}, as it is or gzip"
            )
        if len(request.headers.get("Idempotency-Key", "")) > MAX_KEY_CHARACTERS:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"Idempotency-Key: expected {MAX_KEY_CHARACTERS} characters")
        if (request.content_length or 0) > self.body_bytes:
            raise self._too_large()

    async def _body(self, request: web.Request) -> bytes:
        """Read the body; raises BodyError."""
        body = Body(self.body_bytes, is_gzip=_encoding(request) in GZIP)
        held = 0
        try:
            async with asyncio.timeout(READ_SECONDS):
                async for data in request.content.iter_any():
                    body.feed(data)
                    self._held += body.size - held
                    held = body.size
                    if self._held > HELD_BYTES:
                        raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS)
            return body.end()
        except TimeoutError:
            raise _RefusedError(HTTPStatus.REQUEST_TIMEOUT) from None
        except TooLargeError:
            raise self._too_large() from None
        finally:
            self._held -= held

    def _too_large(self) -> _RefusedError:
        return _RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {self.body_bytes} bytes, also unpacked"
        )


def _load_arrow() -> None:
    """Import pyarrow; the first time it takes 0.1 s."""
    importlib.import_module("exporter.formats.arrow.decode")


def _token(file: Path) -> bytes:
    """Return the token; while there is none, no client can have it."""
    try:
        token = file.read_bytes().strip()
    except OSError:
        token = b""
    if not token:
        raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the token_file is empty or cannot be read")
    return token


def _encoding(request: web.Request) -> str:
    return request.headers.get("Content-Encoding", "identity").lower()


def _lower(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


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
