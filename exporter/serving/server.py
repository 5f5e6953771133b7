"""The HTTP server: `/metrics`, health, reload, and the handlers of the status page and of HTTP sources."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

from aiohttp import web

from exporter.exposition.exposition import Accept, Exposition
from exporter.serving.connections import Listener, OnClosed, Responses, Use
from exporter.store_error import StoreError
from exporter.web.middleware import AuthMiddleware, Handler

# With the address of the client, if it is a Prometheus or a relative.
Scrape = Callable[[Accept, str | None], Awaitable[Exposition]]
Reload = Callable[[], Awaitable[list[str]]]

# Sent by Prometheus, its agents and VictoriaMetrics.
SCRAPER_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
# How long a connection may be idle, or take to send the head of a request; longer than most scrape intervals.
IDLE_SECONDS = 75.0


class _ScrapeResponse(web.Response):
    """Calls `on_sent` when the body has been sent, unless the client has disconnected."""

    on_sent: Callable[[], object] | None = None

    async def write_eof(self, data: bytes = b"") -> None:
        await super().write_eof(data)
        if self.on_sent:
            self.on_sent()


class Receiver(Protocol):
    """Handles what is POSTed to a path."""

    async def handle(self, request: web.Request) -> web.StreamResponse: ...


@dataclass(frozen=True)
class Serving:
    """A running server."""

    _runner: web.AppRunner
    _listener: Listener
    port: int

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return self._listener.open

    async def close(self) -> None:
        """Finish the requests that have begun, and close all connections."""
        await self._listener.close()
        await self._runner.cleanup()


@dataclass
class Site:
    """What the server serves.

    `scrape` returns the exposition in a format that the scraper accepts; it may raise StoreError. None stands for
    metrics that are delivered otherwise. `sent` is called with
    the scraper's address and the number of the exposition when it has been sent. `receivers` returns
    the receivers by path. `reload` returns the mistakes in the configuration; None disables `/-/reload`. `on_closed` is
    called with the reason when the server closes a connection. `pages` are further GET handlers, by path.
    """

    scrape: Scrape | None
    sent: Callable[[str, int], object]
    is_ready: Callable[[], bool]
    receivers: Callable[[], Mapping[str, Receiver]]
    reload: Reload | None
    auth: AuthMiddleware | None
    on_closed: OnClosed = field(default=lambda _: None)
    pages: Mapping[str, Handler] = field(default_factory=dict)
    _responses: Responses = field(init=False)
    _listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self._responses = Responses(self.on_closed)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> Serving:
        """Start to listen. Raises OSError."""
        # Bodies are decompressed where they are read, up to a limit.
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=5.0,
            auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS,
        )
        await runner.setup()
        self._listener = Listener(cast(web.Server, runner.server), tls, self.on_closed)
        try:
            return Serving(runner, self._listener, self._listener.start(host, port))
        except BaseException:
            await runner.cleanup()
            raise

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._admit])
        app.on_response_prepare.append(self._add_headers)
        app.add_routes([web.get(path, handler) for path, handler in self.pages.items()])
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
                web.post("/-/reload", self._reload),
                web.route("*", "/{path:.*}", self._receive),
            ]
        )
        return app

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._listener.mark(request.protocol, Use.POST if request.method == "POST" else Use.GET)
        try:
            response = await (self.auth.admit(request, handler) if self.auth else handler(request))
            return await self._responses.send(request, response)
        finally:
            self._listener.mark(request.protocol, Use.IDLE)

    async def _add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update({"X-Content-Type-Options": "nosniff"} | dict(self.auth.headers() if self.auth else {}))

    async def _metrics(self, request: web.Request) -> web.Response:
        if self.scrape is None:
            return web.Response(status=404, text="metrics are delivered at the end; scraped, they would count twice\n")
        accept = Accept.of(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
        scraper = request.remote if SCRAPER_HEADER in request.headers else None
        try:
            exposition = await self.scrape(accept, scraper)
        except StoreError as error:
            # Because a crash could undo what has not been committed.
            return web.Response(status=503, text=f"{error}\n")
        headers = {"Content-Type": exposition.content_type, "Vary": "Accept, Accept-Encoding"}
        if exposition.content_encoding:
            headers["Content-Encoding"] = exposition.content_encoding
        response = _ScrapeResponse(body=exposition.body, headers=headers)
        if scraper is not None:
            response.on_sent = partial(self.sent, scraper, exposition.number)
        return response

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="prediction-exporter is healthy.\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self.is_ready():
            return web.Response(text="prediction-exporter is ready.\n")
        return web.Response(status=503, text="prediction-exporter is not ready.\n")

    async def _reload(self, request: web.Request) -> web.Response:
        if self.reload is None:
            return web.Response(status=403, text="Reloading over HTTP is disabled; set `reload_endpoint: true`.\n")
        if "Origin" in request.headers:
            return web.Response(status=403, text="Requests from web pages are not allowed.\n")
        problems = await self.reload()
        return web.Response(status=400 if problems else 200, text="".join(problem + "\n" for problem in problems))

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        receiver = self.receivers().get(request.path)
        if receiver is None:
            raise web.HTTPNotFound
        if request.method != "POST":
            raise web.HTTPMethodNotAllowed(request.method, ["POST"])
        return await receiver.handle(request)
