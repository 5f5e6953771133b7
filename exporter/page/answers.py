"""Answers to who looks: the page, and the status document as JSON. Both are built off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import msgspec
from aiohttp import web

from exporter.exposition.collector import Collector
from exporter.exposition.exposition import Format, gzipped
from exporter.state.commit import Committer
from exporter.state.snapshot import Snapshot
from exporter.status import assembly
from exporter.status.assembly import Asked, UnknownError
from exporter.status.document import Status
from exporter.status.operation import Operation
from exporter.store_error import StoreError
from exporter.telemetry import Telemetry

Write = Callable[[Status], tuple[bytes, dict[str, str]]]


class Looks:
    """Each look is a commit, as a scrape is; where the state cannot be saved, it is at what was saved last.

    `collector` returns the one in use, which a reload changes.
    """

    def __init__(
        self,
        committer: Committer,
        collector: Callable[[], Collector],
        telemetry: Telemetry,
        state_dir: str | None,
    ) -> None:
        self._committer = committer
        self._collector = collector
        self._telemetry = telemetry
        self._state_dir = state_dir
        # Two threads that build at once would both stand between the event loop and its turn.
        self._one = threading.Lock()

    async def page(self, request: web.Request) -> web.Response:
        """Answer with the page for people."""
        return await self._answer(request, _html)

    async def document(self, request: web.Request) -> web.Response:
        """Answer with the status document."""
        return await self._answer(request, _json)

    async def _answer(self, request: web.Request, write: Write) -> web.Response:
        query = request.query
        is_gzip = Format.of("", request.headers.get("Accept-Encoding", "")).is_gzip
        asked = Asked(query.get("window"), query.get("model"), query.get("version"))
        # Taken before: after the commit, it may be that of another configuration.
        collector, problem = self._collector(), None
        try:
            snapshot = await self._committer.commit()
        except StoreError as error:
            if self._committer.last is None:
                return web.Response(status=503, text=f"{error}\n")
            snapshot, problem = self._committer.last, str(error)
        try:
            body, headers = await asyncio.to_thread(self._build, collector, snapshot, asked, problem, write)
        except UnknownError as error:
            return web.Response(status=404, text=f"{error}\n")
        headers |= {"Vary": "Accept-Encoding"}
        if is_gzip:
            body, headers = await asyncio.to_thread(gzipped, [body]), headers | {"Content-Encoding": "gzip"}
        return web.Response(body=body, headers=headers)

    def _build(
        self, collector: Collector, snapshot: Snapshot, asked: Asked, problem: str | None, write: Write
    ) -> tuple[bytes, dict[str, str]]:
        with self._one:
            operation = Operation(self._state_dir, problem, [*self._telemetry.registry.collect()])
            return write(assembly.status(collector, snapshot, asked, operation))


def _json(status: Status) -> tuple[bytes, dict[str, str]]:
    return msgspec.json.encode(status), {"Content-Type": "application/json", "Cache-Control": "no-store"}


def _html(status: Status) -> tuple[bytes, dict[str, str]]:
    # jinja2 costs memory, and many a sidecar is never looked at.
    from exporter.page import rendering  # noqa: PLC0415

    return rendering.page(status), {"Content-Type": "text/html; charset=utf-8"} | rendering.HEADERS
