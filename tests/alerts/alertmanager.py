"""A real Alertmanager on the shipped configuration, with local addresses in it, and stand-ins that it tells."""

import json
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.process import wait_until
from tests.servers import free_port, require, wait_until_ready

SHIPPED = Path(__file__).parent.parent.parent / "alerts" / "alertmanager"


@dataclass
class Inbox:
    """What has been received, by path, with the time of each."""

    address: str
    received: list[tuple[str, float, Any]] = field(default_factory=list)

    def of(self, path: str) -> list[Any]:
        return [body for at, _, body in self.received if at == path]

    def wait_for(self, path: str, number: int) -> list[Any]:
        """Wait until a path has received so many bodies; return all of them."""
        wait_until(lambda: len(self.of(path)) >= number, lambda: f"{number} at {path}: {self.received}")
        return self.of(path)


@contextmanager
def http_inbox() -> Iterator[Inbox]:
    """Answer every POST as Slack and PagerDuty do, and keep it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            inbox.received.append((self.path, time.time(), body))
            answer = b"ok"
            self.send_response(202 if self.path == "/pager" else 200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        inbox = Inbox(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield inbox
        server.shutdown()


@contextmanager
def smtp_inbox() -> Iterator[Inbox]:
    """Take mail as a server does that asks for nothing."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (part := self.rfile.readline()) != b".\r\n":
                        lines.append(part)
                    inbox.received.append(("mail", time.time(), b"".join(lines)))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        inbox = Inbox(f"127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield inbox
        server.shutdown()


def local(folder: Path, http: str = "http://127.0.0.1:1", smtp: str = "127.0.0.1:1", retrain: str = "") -> Path:
    """Write the shipped configuration with local addresses and secrets; all else is as it is."""
    (folder / "slack-url").write_text(f"{http}/slack")
    (folder / "key").write_text("key")
    text = (SHIPPED / "alertmanager.yml").read_text()
    for shipped, here in {
        "/etc/alertmanager/secrets/slack-url": str(folder / "slack-url"),
        "/etc/alertmanager/secrets/pagerduty-routing-key": str(folder / "key"),
        "/etc/alertmanager/secrets/smtp-password": str(folder / "key"),
        "/etc/alertmanager/secrets/retrain-secret": str(folder / "key"),
        "/etc/alertmanager/templates/": f"{SHIPPED}/templates/",
        "smtp.example.org:587": smtp,
        "smtp_require_tls: true": "smtp_require_tls: false",
        "https://events.pagerduty.com/v2/enqueue": f"{http}/pager",
        "http://prediction-exporter-retrain:9470/alerts": retrain or f"{http}/retrain",
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    config = yaml.safe_load(text)
    # The server of the test has no users.
    del config["global"]["smtp_auth_username"], config["global"]["smtp_auth_password_file"]
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a route and all below it."""
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


@contextmanager
def alertmanager(folder: Path, config: Path) -> Iterator[str]:
    """Run it, alone in its cluster; return its address."""
    address = f"127.0.0.1:{free_port()}"
    command = [
        require("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (folder / "alertmanager.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until_ready(f"http://{address}")
            yield address
        finally:
            process.terminate()
