"""A substitute for Slack: it receives the messages of Alertmanager and shows them on a page.

The links in the messages lead here, too. Links to Grafana are redirected to the exporter's status page, and links to
runbooks show the text of the runbook.
"""

import html
import re
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from deploy.demo.monitoring import ALERTS

MAX_MESSAGES = 100
COLORS = {"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}
PARAMETERS = {"model": "var-model_name", "version": "var-model_version"}

DATE = re.compile(r"<!date\^(\d+)\^([^|>]*)\|[^>]*>")


def readable(text: str) -> str:
    """Return a message as Slack shows it: dates in the local time zone, and without the escapes of <, > and &."""
    return html.unescape(DATE.sub(_local_time, text))


def _local_time(found: re.Match[str]) -> str:
    local = datetime.fromtimestamp(int(found[1]), UTC).astimezone()
    date = local.strftime("%b %d, %Y")
    return found[2].replace("{date_short_pretty}", date).replace("{time}", local.strftime("%H:%M"))


ENVIRONMENT = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
ENVIRONMENT.filters["readable"] = readable
ENVIRONMENT.filters["color"] = lambda name: COLORS.get(name, name)


class Slack:
    """Keeps the latest messages. `exporter` is the exporter's URL; `speedup` is mentioned on the page."""

    def __init__(self, exporter: str, speedup: int) -> None:
        self._exporter = exporter
        self._speedup = speedup
        self._messages: deque[tuple[datetime, dict[str, Any]]] = deque(maxlen=MAX_MESSAGES)

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.router.add_post("/slack", self._receive)
        app.router.add_get("/", self._page)
        app.router.add_get("/d/{dashboard}", self._dashboard)
        app.router.add_get("/runbooks/{name}", _runbook)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        self._messages.appendleft((datetime.now(UTC), await request.json()))
        return web.Response(text="ok")

    async def _page(self, _: web.Request) -> web.Response:
        page = ENVIRONMENT.get_template("slack.html").render(messages=self._messages, speedup=self._speedup)
        return web.Response(text=page, content_type="text/html")

    async def _dashboard(self, request: web.Request) -> web.Response:
        query = {name: request.query[variable] for name, variable in PARAMETERS.items() if variable in request.query}
        raise web.HTTPFound(f"{self._exporter}/?{urlencode(query)}" if query else f"{self._exporter}/")


async def _runbook(request: web.Request) -> web.Response:
    runbooks = {file.name: file for file in (ALERTS / "runbooks").glob("*.md")}
    if file := runbooks.get(request.match_info["name"]):
        return web.Response(text=file.read_text())
    raise web.HTTPNotFound(text="There is no such runbook.")
