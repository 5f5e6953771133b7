"""The HTTP side: `/metrics`, health, and the page for people. It knows no statistics and no sources."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from aiohttp import web

from exporter.exposition.exposition import Accept, Exposition
from exporter.serving.connections import Answers, Listener, Tell
from exporter.store_error import StoreError

Scrape = Callable[[Accept], Awaitable[Exposition]]
Reload = Callable[[], Awaitable[list[str]]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# How long a connection may take to send a request's head, or be idle: longer than Prometheus scrapes apart.
IDLE_SECONDS = 75.0


class Receiver(Protocol):
    """Who takes what is POSTed at a path."""

    async def handle(self, request: web.Request) -> web.StreamResponse: ...


class Gate(Protocol):
    """What stands before every request (web.guard)."""

    def headers(self) -> Mapping[str, str]: ...

    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse: ...


@dataclass(frozen=True)
class Serving:
    """A site that is being served."""

    _runner: web.AppRunner
    _listener: Listener
    port: int

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._listener.open

    async def close(self) -> None:
        """Answer who has asked, and hang up."""
        await self._listener.close()
        await self._runner.cleanup()


@dataclass
class Site:
    """What is served. `scrape` takes what the scraper accepts; it may raise StoreError.

    `receivers` returns who takes what is POSTed, by path. `reload` returns what was wrong, in lines; None: it is off.
    `gate` lets requests through, or answers them. `refused` is told why a client was hung up on.
    `pages` are further handlers of GET, by path.
    """

    scrape: Scrape
    is_ready: Callable[[], bool]
    receivers: Callable[[], Mapping[str, Receiver]]
    reload: Reload | None
    gate: Gate | None
    refused: Tell = field(default=lambda _: None)
    pages: Mapping[str, Handler] = field(default_factory=dict)
    _answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self._answers = Answers(self.refused)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> Serving:
        """Listen. Raises OSError."""
        # Bodies are unpacked where they are read, against a limit.
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=5.0,
            auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS,
        )
        await runner.setup()
        listener = Listener(cast(web.Server, runner.server), tls, self.refused)
        try:
            return Serving(runner, listener, listener.start(host, port))
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
        response = await (self.gate.admit(request, handler) if self.gate else handler(request))
        return await self._answers.send(request, response)

    async def _add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update({"X-Content-Type-Options": "nosniff"} | dict(self.gate.headers() if self.gate else {}))

    async def _metrics(self, request: web.Request) -> web.Response:
        accept = Accept.of(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
        try:
            exposition = await self.scrape(accept)
        except StoreError as error:
            # Nothing is shown that a crash could take back.
            return web.Response(status=503, text=f"{error}\n")
        headers = {"Content-Type": exposition.content_type, "Vary": "Accept, Accept-Encoding"}
        if exposition.content_encoding:
            headers["Content-Encoding"] = exposition.content_encoding
        return web.Response(body=exposition.body, headers=headers)

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="prediction-exporter is healthy.\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self.is_ready():
            return web.Response(text="prediction-exporter is ready.\n")
        return web.Response(status=503, text="prediction-exporter is not ready.\n")

    async def _reload(self, request: web.Request) -> web.Response:
        if self.reload is None:
            return web.Response(status=403, text="Reloading over HTTP is off; `reload_endpoint: true` turns it on.\n")
        if "Origin" in request.headers:
            return web.Response(status=403, text="Not for web pages.\n")
        problems = await self.reload()
        return web.Response(status=400 if problems else 200, text="".join(problem + "\n" for problem in problems))

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        receiver = self.receivers().get(request.path)
        if receiver is None:
            raise web.HTTPNotFound
        if request.method != "POST":
            raise web.HTTPMethodNotAllowed(request.method, ["POST"])
        return await receiver.handle(request)
