"""`python -m alerts.retrain --to URL`: start trainings for alerts with `action="retrain"` from Alertmanager."""

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
    """Starts trainings. The times of all starts, by model, are kept in the file `state` across restarts."""

    target: Target
    throttle: Throttle
    state: Path | None = None
    started: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.state and self.state.exists():
            self.started = json.loads(self.state.read_text())

    def take(self, notification: dict[str, Any], now: float) -> dict[str, str]:
        """Start the trainings that a notification requests; return the result for each model.

        A start is saved before it is attempted, so a failed start counts and is not repeated at once.
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
    """Serves `POST /alerts` and `GET /-/healthy`, one request at a time, so that no training is started twice.

    With a `secret_file`, it accepts alerts only with the content of that file as a bearer token. The file is read again
    for each request.
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
            self._answer(400, {"error": "not an Alertmanager notification"})
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
        """Log nothing: the trigger logs its results."""


@click.command()
@click.option("--to", required=True, help="Where to start trainings: github:OWNER/REPOSITORY, or the URL of a webhook.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the bearer token to send.",
)
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the bearer token that Alertmanager must send (`authorization` of its webhook).",
)
@click.option("--listen", default="0.0.0.0:9470", show_default=True, help="HOST:PORT to listen on.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="File that stores which trainings were started."
)
@click.option(
    "--cooldown-hours", default=24.0, show_default=True, help="Start at most one training per model in this time."
)
@click.option(
    "--most-a-week", default=3, show_default=True, help="Start at most this many trainings per model in seven days."
)
def main(
    to: str,
    token_file: Path | None,
    secret_file: Path | None,
    listen: str,
    state: Path | None,
    cooldown_hours: float,
    most_a_week: int,
) -> None:
    """Start trainings when alerts request them, at a limited rate per model."""
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
