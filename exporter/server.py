"""The HTTP side: `/metrics`, health, and a landing page. It knows no statistics and no sources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from exporter import __version__
from exporter.commit import CommitError
from exporter.exposition import Exposition, Format

Scrape = Callable[[Format], Awaitable[Exposition]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LANDING_PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>prediction-exporter</title></head>
<body><h1>prediction-exporter {__version__}</h1>
<p><a href="/metrics">Metrics</a> · <a href="/-/healthy">Healthy</a> · <a href="/-/ready">Ready</a></p></body></html>
"""


def application(scrape: Scrape, is_ready: Callable[[], bool], posts: Mapping[str, Handler]) -> web.Application:
    """Return the application. `scrape` takes the format that is wanted; it may raise CommitError.

    `posts` answer what is POSTed, by path.
    """

    async def metrics(request: web.Request) -> web.Response:
        try:
            page = await scrape(
                Format.of(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
            )
        except CommitError as error:
            # Nothing is shown that a crash could take back.
            return web.Response(status=503, text=f"{error}\n")
        headers = {"Content-Type": page.content_type, "Vary": "Accept, Accept-Encoding"}
        if page.content_encoding:
            headers["Content-Encoding"] = page.content_encoding
        return web.Response(body=page.body, headers=headers)

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="prediction-exporter is healthy.\n")

    async def ready(_: web.Request) -> web.Response:
        if is_ready():
            return web.Response(text="prediction-exporter is ready.\n")
        return web.Response(status=503, text="prediction-exporter is not ready.\n")

    async def landing(_: web.Request) -> web.Response:
        return web.Response(text=LANDING_PAGE, content_type="text/html")

    app = web.Application()
    app.add_routes(
        [
            web.get("/", landing),
            web.get("/metrics", metrics),
            web.get("/-/healthy", healthy),
            web.get("/-/ready", ready),
            *(web.post(path, handler) for path, handler in posts.items()),
        ]
    )
    return app


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
