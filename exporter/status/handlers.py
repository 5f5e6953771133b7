"""HTTP handlers of the status page and of the status document as JSON, which are built off the event loop."""

import asyncio
import threading
from collections.abc import Callable

import msgspec
from aiohttp import web

from exporter.exposition.collector import Collector
from exporter.exposition.exposition import Accept, gzipped
from exporter.state.commit import Committer
from exporter.state.snapshot import Snapshot
from exporter.status.document import Status, StatusQuery, UnknownError, status
from exporter.status.operation import Operation
from exporter.store_error import StoreError
from exporter.telemetry import Telemetry

Write = Callable[[Status], tuple[bytes, dict[str, str]]]


class StatusHandlers:
    """Each request commits, as a scrape does; if the state cannot be saved, the last saved state is shown.

    `collector` returns the current collector, which a reload replaces.
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
        # One at a time, because several threads would keep the event loop waiting.
        self._lock = threading.Lock()

    async def page(self, request: web.Request) -> web.Response:
        """Respond with the page."""
        return await self._respond(request, _html)

    async def document(self, request: web.Request) -> web.Response:
        """Respond with the document as JSON."""
        return await self._respond(request, _json)

    async def _respond(self, request: web.Request, write: Write) -> web.Response:
        query = request.query
        is_gzip = Accept.of("", request.headers.get("Accept-Encoding", "")).is_gzip
        wanted = StatusQuery(query.get("window"), query.get("model"), query.get("version"))
        # Before the commit, during which a reload may replace the collector.
        collector, problem = self._collector(), None
        try:
            snapshot = await self._committer.commit()
        except StoreError as error:
            if self._committer.last is None:
                return web.Response(status=503, text=f"{error}\n")
            snapshot, problem = self._committer.last, str(error)
        try:
            body, headers = await asyncio.to_thread(self._build, collector, snapshot, wanted, problem, write)
        except UnknownError as error:
            return web.Response(status=404, text=f"{error}\n")
        headers |= {"Vary": "Accept-Encoding"}
        if is_gzip:
            body, headers = await asyncio.to_thread(gzipped, [body]), headers | {"Content-Encoding": "gzip"}
        return web.Response(body=body, headers=headers)

    def _build(
        self, collector: Collector, snapshot: Snapshot, query: StatusQuery, problem: str | None, write: Write
    ) -> tuple[bytes, dict[str, str]]:
        with self._lock:
            operation = Operation(self._state_dir, problem, self._telemetry)
            return write(status(collector, snapshot, query, operation))


def _json(document: Status) -> tuple[bytes, dict[str, str]]:
    return msgspec.json.encode(document), {"Content-Type": "application/json", "Cache-Control": "no-store"}


def _html(document: Status) -> tuple[bytes, dict[str, str]]:
    # Imported here because jinja2 takes memory, and the page of most sidecars is never opened.
    from exporter.status import rendering  # noqa: PLC0415

    return rendering.page(document), {"Content-Type": "text/html; charset=utf-8"} | rendering.HEADERS
