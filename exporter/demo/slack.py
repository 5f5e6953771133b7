"""A stand-in for Slack: it takes what Alertmanager sends to a webhook, and shows the messages on a page.

Their links lead here too, in place of Grafana and a wiki: a dashboard's to the sidecar's page, a runbook's to its text.
"""

from __future__ import annotations

import html
from collections import deque
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from jinja2 import Environment, PackageLoader

from exporter.demo import shipped
from exporter.demo.local_server import Handler, LocalServer

MOST_MESSAGES = 100
DASHBOARDS, RUNBOOKS = "/d/", "/runbooks/"
# Slack's names of colours.
COLORS = {"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}

ENVIRONMENT = Environment(loader=PackageLoader("exporter.demo"), autoescape=True)
# Slack's text has <, > and & escaped, and no more.
ENVIRONMENT.filters["said"] = lambda text: html.unescape(str(text))
ENVIRONMENT.filters["color"] = lambda name: COLORS.get(name, name)


class Slack(LocalServer):
    """Takes messages on a port of 127.0.0.1 while the `with` block lasts, and keeps the last ones.

    `model` is the address of the sidecar's page, and `hurry` by what the times of the rules were divided.
    """

    def __init__(self, port: int, model: str, hurry: int) -> None:
        self.messages: deque[tuple[datetime, dict[str, Any]]] = deque(maxlen=MOST_MESSAGES)
        self._model = model
        self._hurry = hurry
        super().__init__(partial(_Handler, self), port)

    def page(self) -> str:
        """Return the page: the newest message first."""
        return ENVIRONMENT.get_template("slack.html").render(messages=[*self.messages][::-1], hurry=self._hurry)

    def dashboard(self, query: str) -> str:
        """Return where the page of a model is, by the variables of its dashboard."""
        asked = parse_qs(query)
        names = {"model": "var-model_name", "version": "var-model_version"}
        chosen = {name: asked[variable][0] for name, variable in names.items() if variable in asked}
        return f"{self._model}?{urlencode(chosen)}" if chosen else self._model


class _Handler(Handler):
    def __init__(self, slack: Slack, *arguments: Any) -> None:
        self._slack = slack
        super().__init__(*arguments)

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        self._slack.messages.append((datetime.now(UTC), self.read_json()))
        self.answer(b"ok", "text/plain")

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        asked = urlsplit(self.path)
        if asked.path.startswith(DASHBOARDS):
            self.redirect(self._slack.dashboard(asked.query))
        elif asked.path.startswith(RUNBOOKS):
            name = asked.path.removeprefix(RUNBOOKS)
            text = shipped.runbook(name)
            page = ENVIRONMENT.get_template("runbook.html").render(name=name, text=text or "There is no such runbook.")
            status = HTTPStatus.NOT_FOUND if text is None else HTTPStatus.OK
            self.answer(page.encode(), "text/html; charset=utf-8", status)
        else:
            self.answer(self._slack.page().encode(), "text/html; charset=utf-8")
