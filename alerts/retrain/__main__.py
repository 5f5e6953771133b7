"""`python -m alerts.retrain --to URL`: take alerts of `action="retrain"` from Alertmanager, and start trainings."""

import hmac
import json
import sys
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import click

from alerts.retrain.dispatch import Target, target_of
from alerts.retrain.throttle import Throttle, held, requests

BODY_BYTES = 4 << 20


@dataclass
class Trigger:
    """What has been started, kept in a file so that a restart does not forget it."""

    target: Target
    throttle: Throttle
    state: Path | None = None
    started: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.state and self.state.exists():
            self.started = json.loads(self.state.read_text())

    def take(self, notification: dict[str, Any], now: float) -> dict[str, str]:
        """Start what a notification asks for; return by model what was done.

        It is written down before it is started: if that fails, it is not tried again before its time.
        """
        done = {}
        broken = held(notification)
        for model, alert in requests(notification).items():
            before = self.started.get(model, [])
            refusal = f"held by {broken[model]}" if model in broken else self.throttle.refusal(before, now)
            if not refusal:
                self.started[model] = [*self.throttle.kept(before, now), now]
                self._save()
                try:
                    self.target.start(alert)
                except OSError as error:
                    refusal = f"failed: {error}"
            done[model] = refusal or "started"
            click.echo(f"{model}: {alert['labels'].get('alertname')}: {done[model]}", err=True)
        return done

    def _save(self) -> None:
        if self.state:
            written = self.state.with_suffix(".new")
            written.write_text(json.dumps(self.started))
            written.replace(self.state)


class Server(HTTPServer):
    """Takes `POST /alerts` and `GET /-/healthy`; one request at a time, so nothing is started twice.

    With a `secret_file`, which is read at each request, it takes alerts only from who sends that as a bearer token.
    """

    def __init__(self, trigger: Trigger, host: str, port: int, secret_file: Path | None = None) -> None:
        super().__init__((host, port), Handler)
        self.trigger = trigger
        self._secret_file = secret_file

    def hears(self, authorization: str) -> bool:
        if self._secret_file is None:
            return True
        secret = self._secret_file.read_text().strip()
        return bool(secret) and hmac.compare_digest(authorization.encode(), f"Bearer {secret}".encode())


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 30

    def do_GET(self) -> None:  # the library's name
        self._answer(200 if self.path == "/-/healthy" else 404, {})

    def do_POST(self) -> None:  # the library's name
        length = int(self.headers.get("Content-Length") or 0)
        if not self.server.hears(self.headers.get("Authorization", "")):
            self._answer(401, {})
            return
        if self.path != "/alerts" or length > BODY_BYTES:
            self._answer(404 if self.path != "/alerts" else 413, {})
            return
        try:
            notification = json.loads(self.rfile.read(length))
        except ValueError:
            notification = None
        if not isinstance(notification, dict):
            self._answer(400, {"error": "not a notification of Alertmanager"})
            return
        self._answer(200, self.server.trigger.take(notification, time.time()))

    def _answer(self, status: int, said: dict[str, str]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """What matters is said by the trigger."""


@click.command()
@click.option("--to", required=True, help="github:OWNER/REPOSITORY, or the URL of a webhook.")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A bearer token.")
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What Alertmanager has to send as a bearer token (`authorization` of the webhook).",
)
@click.option("--listen", default="0.0.0.0:9470", show_default=True, help="HOST:PORT.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="A file that remembers what was started."
)
@click.option("--cooldown-hours", default=24.0, show_default=True, help="At most one training of a model in this time.")
@click.option("--most-a-week", default=3, show_default=True, help="At most so many trainings of a model in seven days.")
def main(
    to: str,
    token_file: Path | None,
    secret_file: Path | None,
    listen: str,
    state: Path | None,
    cooldown_hours: float,
    most_a_week: int,
) -> None:
    """Start trainings when alerts ask for them, and not more often than is sensible."""
    try:
        host, port = listen.rsplit(":", 1)
        trigger = Trigger(target_of(to, token_file), Throttle(cooldown_hours * 3600, most_a_week), state)
        server = Server(trigger, host, int(port), secret_file)
    except (ValueError, OSError) as error:
        click.echo(f"retrain: {error}", err=True)
        sys.exit(2)
    click.echo(f"retrain: listening on {server.server_address[0]!s}:{server.server_address[1]}", err=True)
    server.serve_forever()


if __name__ == "__main__":
    main(prog_name="python -m alerts.retrain")
