"""The HTTP side: `/metrics`, health, and a landing page. It knows no statistics and no sources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from exporter import __version__
from exporter.commit import CommitError
from exporter.exposition import Exposition, Format

Scrape = Callable[[Format], Awaitable[Exposition]]
Reload = Callable[[], Awaitable[list[str]]]


class Receiver(Protocol):
    """Who takes what is POSTed at a path."""

    async def handle(self, request: web.Request) -> web.StreamResponse: ...


LANDING_PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>prediction-exporter</title></head>
<body><h1>prediction-exporter {__version__}</h1>
<p><a href="/metrics">Metrics</a> · <a href="/-/healthy">Healthy</a> · <a href="/-/ready">Ready</a></p></body></html>
"""


@dataclass(frozen=True)
class Site:
    """What is served. `scrape` takes the format that is wanted; it may raise CommitError.

    `receivers` returns who takes what is POSTed, by path. `reload` returns what was wrong, in lines; None: it is off.
    """

    scrape: Scrape
    is_ready: Callable[[], bool]
    receivers: Callable[[], Mapping[str, Receiver]]
    reload: Reload | None

    def application(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._landing),
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
                web.post("/-/reload", self._reload),
                web.route("*", "/{path:.*}", self._receive),
            ]
        )
        return app

    async def _metrics(self, request: web.Request) -> web.Response:
        wanted = Format.of(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
        try:
            page = await self.scrape(wanted)
        except CommitError as error:
            # Nothing is shown that a crash could take back.
            return web.Response(status=503, text=f"{error}\n")
        headers = {"Content-Type": page.content_type, "Vary": "Accept, Accept-Encoding"}
        if page.content_encoding:
            headers["Content-Encoding"] = page.content_encoding
        return web.Response(body=page.body, headers=headers)

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="prediction-exporter is healthy.\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self.is_ready():
            return web.Response(text="prediction-exporter is ready.\n")
        return web.Response(status=503, text="prediction-exporter is not ready.\n")

    async def _landing(self, _: web.Request) -> web.Response:
        return web.Response(text=LANDING_PAGE, content_type="text/html")

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


async def start(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen; return what to clean up, and the port that was bound. Raises OSError."""
    # Bodies are unpacked where they are read, against a limit.
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=5.0, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner, int(runner.addresses[0][1])
