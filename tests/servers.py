"""Real servers for tests: each on a free port of 127.0.0.1, stopped by who started it."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


def require(program: str) -> str:
    """Return the program's path; without it the test is skipped, or fails where REQUIRE_SERVERS=1."""
    path = shutil.which(program)
    if path is None:
        told = f"{program} is not installed (apt-get install prometheus prometheus-alertmanager mtail chromium)"
        if os.environ.get("REQUIRE_SERVERS") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    address: str

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        """Return an instant query's values by their labels' values, sorted by label name."""
        url = f"{self.address}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return {
            tuple(
                value
                for label, value in sorted(sample["metric"].items())
                if label not in ("__name__", "job", "instance")
            ): float(sample["value"][1])
            for sample in result
        }

    def wait_for(self, expression: str, *, seconds: float = 30) -> dict[tuple[str, ...], float]:
        """Return the first answer that is not empty."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if result := self.query(expression):
                return result
            time.sleep(0.2)
        raise TimeoutError(expression)


@contextmanager
def prometheus(folder: Path, *targets: str, interval: str = "1s", rules: str = "") -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes targets, HOST:PORT each; `rules` are files of rules, a pattern."""
    program = require("prometheus")
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
        f"scrape_configs: [{{job_name: model, static_configs: [{{targets: {json.dumps(targets)}}}]}}]\n"
        f"rule_files: {json.dumps([rules] if rules else [])}\n"
    )
    port = free_port()
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with subprocess.Popen(
        [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        server = Prometheus(f"http://127.0.0.1:{port}")
        try:
            _wait_until_ready(server.address)
            yield server
        finally:
            process.terminate()


def _wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{address}/-/ready", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
