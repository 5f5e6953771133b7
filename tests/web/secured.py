"""A sidecar with a web configuration: its certificates, its users, and a client that speaks to it."""

import base64
import http.client
import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import bcrypt
import trustme

from tests.process import DEADLINE_SECONDS, Exporter, exporter

COST = 4
RELOADED = "prediction_exporter_web_config_last_reload_successful"


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode().replace("$2b$", "$2y$")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def replace(file: Path, text: str | bytes) -> None:
    """Put a file in another's place at once, as one that is careful does, and wait until it counts as settled."""
    new = file.with_suffix(".new")
    new.write_bytes(text.encode() if isinstance(text, str) else text)
    os.replace(new, file)
    time.sleep(0.6)


def certify(folder: Path, ca: trustme.CA, *names: str, at: str = "server") -> trustme.LeafCert:
    """Issue a certificate and write it to `at`.pem and `at`.key."""
    leaf = ca.issue_cert(*(names or ("127.0.0.1",)))
    (folder / f"{at}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    (folder / f"{at}.key").write_bytes(leaf.private_key_pem.bytes())
    return leaf


def trusting(ca: trustme.CA, client: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """Return a client's context."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if client:
        client.configure_cert(context)
    return context


class Site:
    """A running sidecar and where it listens."""

    def __init__(self, process: Exporter) -> None:
        self.process = process
        parts = urlsplit(process.address)
        self.scheme, self.host, self.port = parts.scheme, str(parts.hostname), int(parts.port or 0)

    def ask(
        self,
        path: str = "/metrics",
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
    ) -> http.client.HTTPResponse:
        """Return an answer, wholly read: its text is in `.text`."""
        connection: http.client.HTTPConnection
        if self.scheme == "https":
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=DEADLINE_SECONDS, context=tls)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE_SECONDS)
        try:
            connection.request("POST" if body is not None else "GET", path, body, dict(headers or {}))
            answer = connection.getresponse()
            answer.text = answer.read().decode()  # type: ignore[attr-defined]
            return answer
        finally:
            connection.close()

    def status(self, path: str = "/metrics", **options) -> int:
        return self.ask(path, **options).status


@contextmanager
def site(folder: Path, web: Mapping[str, object], source: str = "/nowhere/*.jsonl") -> Iterator[Site]:
    """Run a sidecar with this web configuration."""
    (folder / "web.yml").write_text(json.dumps(web))
    (folder / "config.yaml").write_text(f"listen: 127.0.0.1:0\nsources: [{source}]\nweb_config: web.yml\n")
    with exporter("--config", folder / "config.yaml") as running:
        yield Site(running)
