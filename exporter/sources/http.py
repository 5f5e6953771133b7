"""Records that clients POST: answered only once they are committed, and counted once however often they are sent.

200 all records are counted · 202 it waits for its other half, in memory · 400 some are not, and which; the others
are · 401 no token, or a wrong one · 403 from a web page · 413 too large · 415 neither JSON, lines nor Arrow · 429 too
much at once, try again · 503 the state cannot be saved, send it again with the same Idempotency-Key
"""

from __future__ import annotations

import asyncio
import hmac
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from exporter.decoding.intake import Receipt
from exporter.requests.bodies import ARROW, Body, BodyError, Reader, Records, Sent, TooLargeError, media_type
from exporter.store_error import StoreError
from exporter.telemetry import Telemetry

# Held of all bodies that are being read, so that memory is bounded whatever is sent.
HELD_BYTES = 64 * 1024**2
READ_SECONDS = 30.0
RETRY_SECONDS = 1
LOST_SECONDS = 1.0
MAX_KEY_CHARACTERS = 200
MOST_REASONS = 20
GZIP = ("gzip", "x-gzip")

REASONS = {
    HTTPStatus.UNAUTHORIZED: "expected the header Authorization: Bearer TOKEN",
    HTTPStatus.FORBIDDEN: "not for web pages",
    HTTPStatus.REQUEST_TIMEOUT: "the body did not come in time",
    HTTPStatus.TOO_MANY_REQUESTS: "too much at once; try again",
}


class Receiver(Protocol):
    """Where whole batches go (the engine)."""

    def ingest(self, source: str, sent: Sent, now: float) -> Receipt: ...

    def lose(self, source: str, count: int) -> None: ...


class _RefusedError(Exception):
    """A request that is not read."""

    def __init__(self, status: HTTPStatus, text: str = "") -> None:
        super().__init__(text or REASONS[status])
        self.status = status


@dataclass
class HttpSource:
    """Takes records at the path of its URL on the address that serves metrics.

    `commit` makes durable what was received. A body may have `body_bytes`, packed and unpacked; at most `requests`
    are read at a time. With `token_file`, clients have to send its content as a bearer token. `reader` makes lines of
    bodies; what it loses is counted. `load_arrow` is called off the event loop before a body of Arrow is received.
    """

    name: str
    path: str
    receiver: Receiver
    commit: Callable[[], Awaitable[object]]
    telemetry: Telemetry
    clock: Callable[[], float]
    body_bytes: int
    requests: int
    token_file: Path | None = None
    reader: Reader = field(default_factory=Records)
    load_arrow: Callable[[], object] = lambda: None
    _open: int = 0
    _held: int = 0
    _accepts: bool = False
    _is_closed: bool = False
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    async def start(self) -> None:
        """Take records from now on."""
        self._accepts = True

    async def run(self) -> None:
        """Count what is lost, until cancelled; the server brings the requests."""
        while True:
            await asyncio.sleep(LOST_SECONDS)
            self._count_lost(self.clock())

    async def drain(self, deadline: float) -> None:
        """Answer those that have begun, and no others."""
        self._accepts = False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), max(0.0, deadline - self.clock()))
        self._count_lost(math.inf)

    def close(self) -> None:
        """Take nothing more, also of those that have begun: the source may be unknown from now on."""
        self._is_closed = True
        self._accepts = False
        self._count_lost(math.inf)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a POST."""
        try:
            response = await self._answer(request)
        except _RefusedError as error:
            headers = {"Connection": "close"}
            if error.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
                headers["Retry-After"] = str(RETRY_SECONDS)
            response = web.json_response({"error": str(error)}, status=error.status, headers=headers)
        self.telemetry.requests.labels(self.name, str(response.status)).inc()
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
                # Its first import takes 0.1 s.
                await asyncio.to_thread(self.load_arrow)
            if self._is_closed:
                raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the source is gone; try again")
            now = self.clock()
            sent = self.reader.read(_lower(request), body, now)
            self._count_lost(now)
            if sent.is_waiting:
                return web.json_response({"accepted": 0}, status=HTTPStatus.ACCEPTED)
            receipt = self.receiver.ingest(self.name, sent, now)
            await self.commit()
        except BodyError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None
        except StoreError as error:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()
        return _told(receipt, sent)

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
        if not self.reader.accepts(_lower(request)) or _encoding(request) not in (*GZIP, "identity"):
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {self.reader.expected}, as it is or gzip")
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

    def _count_lost(self, now: float) -> None:
        if lost := self.reader.lost(now):
            self.receiver.lose(self.name, lost)

    def _too_large(self) -> _RefusedError:
        return _RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {self.body_bytes} bytes, also unpacked"
        )


def _token(file: Path) -> bytes:
    """Return the token; while there is none, nobody has it."""
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


def _told(receipt: Receipt, sent: Sent) -> web.Response:
    told: dict[str, Any] = {"accepted": receipt.records}
    if receipt.is_repeated:
        told["repeated"] = True
    if not receipt.refused:
        return web.json_response(told)
    told["rejected"] = [
        {"reason": bad.reason, "detail": bad.detail, "count": bad.count, **sent.place(bad)}
        for bad in receipt.refused[:MOST_REASONS]
    ]
    return web.json_response(told, status=HTTPStatus.BAD_REQUEST)
