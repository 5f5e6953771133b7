"""A stand-in for Slack: it takes what Alertmanager sends to a webhook, and shows the messages on a page."""

from __future__ import annotations

import html
from collections import deque
from datetime import UTC, datetime
from functools import partial
from typing import Any

from exporter.demo.local_server import Handler, LocalServer

MOST_MESSAGES = 100
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="3"><title>({count}) Slack, so to speak</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.45 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
article {{ border-left: .3rem solid #888; padding: .2rem .9rem; margin: 1rem 0; white-space: pre-wrap; }}
article.danger, article.critical {{ border-color: #c0392b; }} article.warning {{ border-color: #d98e04; }}
article.good {{ border-color: #1e8449; }} time {{ opacity: .7; font-size: .85rem; }}
h2 {{ font-size: 1rem; margin: 0; }}
</style></head><body><h1>What Slack would show</h1>{messages}</body></html>
"""


class Slack(LocalServer):
    """Takes messages on a port of 127.0.0.1 while the `with` block lasts, and keeps the last ones."""

    def __init__(self, port: int) -> None:
        self.messages: deque[tuple[datetime, dict[str, Any]]] = deque(maxlen=MOST_MESSAGES)
        super().__init__(partial(_Handler, self), port)

    def page(self) -> str:
        """Return the page: the newest message first."""
        shown = "".join(
            f'<article class="{html.escape(str(attachment.get("color", "")))}">'
            f"<time>{time:%H:%M:%S} UTC</time><h2>{html.escape(str(attachment.get('title', '')))}</h2>"
            f"{html.escape(str(attachment.get('text') or attachment.get('fallback', '')))}</article>"
            for time, message in [*self.messages][::-1]
            for attachment in message.get("attachments") or [{"text": message.get("text", "")}]
        )
        return PAGE.format(count=len(self.messages), messages=shown or "<p>No message yet.</p>")


class _Handler(Handler):
    def __init__(self, slack: Slack, *arguments: Any) -> None:
        self._slack = slack
        super().__init__(*arguments)

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        self._slack.messages.append((datetime.now(UTC), self.read_json()))
        self.answer(b"ok", "text/plain")

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        self.answer(self._slack.page().encode(), "text/html; charset=utf-8")
