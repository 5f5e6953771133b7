"""`python -m alerts.retrain --to URL`: start trainings for alerts with `action="retrain"` from Alertmanager."""

import hmac
import json
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click

from alerts.retrain.dispatch import Target, target_of
from alerts.retrain.throttle import Throttle, held, requests

# Some 300 alerts.
BODY_BYTES = 512 * 1024
# How long a request may take to arrive.
ARRIVAL_SECONDS = 10.0
CONNECTIONS = 16


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


class Server(ThreadingHTTPServer):
    """Serves `POST /alerts` and `GET /-/healthy`; closes connections beyond CONNECTIONS.

    With a `secret_file`, it accepts alerts only with the content of that file as a bearer token. The file is read again
    for each request.
    """

    def __init__(self, trigger: Trigger, host: str, port: int, secret_file: Path | None = None) -> None:
        super().__init__((host, port), Handler)
        self._trigger = trigger
        # So that no training is started twice.
        self._taking = threading.Lock()
        self._secret_file = secret_file
        self._free = threading.Semaphore(CONNECTIONS)

    def hears(self, authorization: str) -> bool:
        """Return whether an Authorization header has the secret, if there is one."""
        if self._secret_file is None:
            return True
        secret = ""
        with suppress(OSError):
            secret = self._secret_file.read_text().strip()
        return bool(secret) and hmac.compare_digest(authorization.encode(), f"Bearer {secret}".encode())

    def take(self, notification: dict[str, Any]) -> dict[str, str]:
        """Start the trainings that a notification requests, one notification at a time."""
        with self._taking:
            return self._trigger.take(notification, time.time())

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, unless there are too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log the exception of a request in one line."""
        click.echo(f"retrain: {client_address[0]}: {sys.exc_info()[1]!r}", err=True)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def setup(self) -> None:
        super().setup()
        # A timeout of the socket would start again with each byte.
        self._arriving = threading.Timer(ARRIVAL_SECONDS, self._stop_reading)
        self._arriving.daemon = True
        self._arriving.start()

    def finish(self) -> None:
        self._arriving.cancel()
        super().finish()

    def do_GET(self) -> None:  # the library's name
        self._answer(200 if self.path == "/-/healthy" else 404, {})

    def do_POST(self) -> None:  # the library's name
        if not self.server.hears(self.headers.get("Authorization", "")):
            self._answer(401, {})
            return
        if self.path != "/alerts":
            self._answer(404, {})
            return
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            self._answer(400, {"error": "expected the header Content-Length: BYTES"})
        elif len(length) > len(str(BODY_BYTES)) or int(length) > BODY_BYTES:
            self._answer(413, {"error": f"expected at most {BODY_BYTES} bytes"})
        elif (notification := parsed(self.rfile.read(int(length)))) is None:
            self._answer(400, {"error": "not an Alertmanager notification"})
        else:
            self._arriving.cancel()
            self._answer(200, self.server.take(notification))

    def _stop_reading(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, said: dict[str, str]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the trigger logs its results."""


def parsed(body: bytes) -> dict[str, Any] | None:
    """Return the notification in a body; None if it is not one of Alertmanager's."""
    try:
        notification = json.loads(body)
    except (ValueError, RecursionError):
        return None
    alerts = notification.get("alerts", []) if isinstance(notification, dict) else None
    return notification if isinstance(alerts, list) and all(map(_is_alert, alerts)) else None


def _is_alert(alert: Any) -> bool:
    """Return whether a value has the parts of an alert that are read, each of its type."""
    if not isinstance(alert, dict):
        return False
    texts = [alert.get("status"), alert.get("startsAt", "")]
    for named in (alert.get("labels", {}), alert.get("annotations", {})):
        if not isinstance(named, dict):
            return False
        texts += named.values()
    return all(isinstance(text, str) for text in texts)


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
