"""Real servers for tests: each on a free port of 127.0.0.1, stopped by who started it."""

import glob
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.process import DEADLINE_SECONDS, wait_until

# Debian keeps the programs of PostgreSQL's server off the path, and logrotate off that of ordinary users.
PLACES = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
)
PACKAGES = (
    "prometheus prometheus-pushgateway prometheus-alertmanager mtail postgresql chromium systemd logrotate faketime"
)


def require(program: str) -> str:
    """Return the program's path; without it the test is skipped, or fails where REQUIRE_SERVERS=1."""
    path = shutil.which(program, path=PLACES)
    if path is None:
        told = f"{program} is not installed (apt-get install {PACKAGES})"
        if os.environ.get("REQUIRE_SERVERS") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return path


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free for TCP and UDP, and likely stays so until it is listened on.

    It is below those that Linux gives to connections (from 32768 on), of which a busy test run soon takes any; and
    chosen by the system's chance, as two processes of tests may have the same seed.
    """
    while True:
        port = secrets.choice(range(10_000, 32_000))
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, suppress(OSError):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    address: str

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        """Return an instant query's values by their labels' values, sorted by label name."""
        return {
            tuple(
                value for label, value in sorted(labels.items()) if label not in ("__name__", "job", "instance")
            ): found
            for labels, found in self.labelled(expression)
        }

    def labelled(self, expression: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Return an instant query's labels and values, as of a Unix time or now."""
        asked = {"query": expression} | ({} if at is None else {"time": str(at)})
        with urllib.request.urlopen(
            f"{self.address}/api/v1/query?{urllib.parse.urlencode(asked)}", timeout=DEADLINE_SECONDS
        ) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]

    def wait_for(self, expression: str) -> None:
        """Wait until an instant query returns anything."""
        wait_until(lambda: self.query(expression), lambda: expression)


@contextmanager
def prometheus(
    folder: Path,
    *targets: str,
    interval: str = "1s",
    rules: str = "",
    alertmanager: str = "",
    labels: Sequence[Mapping[str, str]] = ({},),
    options: Sequence[str] = (),
) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes targets, HOST:PORT each; `rules` are files of rules, a pattern.

    The targets are scraped once for each of `labels`, and get these. `options` are more of its command line.
    """
    told = json.dumps([{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else [])
    static = [{"targets": targets, "labels": {**each}} for each in labels]
    program = require("prometheus")
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
        f"scrape_configs: [{{job_name: model, static_configs: {json.dumps(static)}}}]\n"
        f"rule_files: {json.dumps([rules] if rules else [])}\n"
        f"alerting: {{alertmanagers: {told}}}\n"
    )
    port = free_port()
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}", *options]
    with subprocess.Popen(
        [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        server = Prometheus(f"http://127.0.0.1:{port}")
        try:
            wait_until_ready(server.address)
            yield server
        finally:
            process.terminate()


def wait_until_ready(address: str, path: str = "/-/ready") -> None:
    def is_ready() -> bool:
        try:
            with urllib.request.urlopen(f"{address}{path}", timeout=DEADLINE_SECONDS):
                return True
        except OSError:
            return False

    wait_until(is_ready, lambda: address)


class Postgres:
    """A PostgreSQL of its own, with a database `postgres` and its owner of the same name."""

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        self._password = password
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._options = ("--options", options, "--log", str(folder / "log"))
        secret = folder / "password"
        secret.write_text(password)
        secret.chmod(0o644)
        kind = ("--username=postgres", "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--no-locale")
        self._run("initdb", f"--pgdata={folder / 'data'}", f"--pwfile={secret}", *kind)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self._control("start", *self._options)

    def stop(self) -> None:
        """End it, and all connections."""
        self._control("stop", "--mode", "immediate")

    def restart(self) -> None:
        """Start it anew, whether it runs or not."""
        self._control("restart", "--mode", "immediate", *self._options)

    def execute(self, statement: str, *rows: tuple[Any, ...]) -> None:
        """Execute a statement, once or for each row, in a transaction of its own."""
        with self.connection() as connection:
            if rows:
                connection.cursor().executemany(statement, rows)
            else:
                connection.execute(statement)

    def connection(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, password=self._password)

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "--pgdata", str(self._folder / "data"), "--wait", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        # It refuses to be run by root.
        user = "postgres" if os.geteuid() == 0 else None
        command = [require(program), *arguments]
        done = subprocess.run(
            command,
            user=user,
            group=user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert not done.returncode, done.stderr.decode()


@contextmanager
def postgres(password: str = "secret") -> Iterator[Postgres]:
    """Run a PostgreSQL, in a folder that its user can reach."""
    require("initdb")
    with tempfile.TemporaryDirectory(prefix="postgres", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        server = Postgres(folder, password)
        server.start()
        try:
            yield server
        finally:
            server.stop()
