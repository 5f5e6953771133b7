"""A `prediction-exporter run` of its own, as a user starts it: scraped over HTTP, stopped by a signal."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar

from prometheus_client.parser import text_string_to_metric_families

from tests.fork_server import ForkServer

# How long a test waits for anything: far more than a busy machine needs.
DEADLINE_SECONDS = 120.0

Samples = Mapping[tuple[str, ...], float]


def wait_until(
    condition: Callable[[], object], what: str | Callable[[], object] = "true", seconds: float = DEADLINE_SECONDS
) -> None:
    """Wait until a condition is true. Raises TimeoutError, with what was waited for, if it is not by the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not {what} within {seconds:g} s" if isinstance(what, str) else what())
        time.sleep(0.02)


class Exporter:
    """A running sidecar. Its own log goes to a file; `entries` reads it. `environment` adds variables to ours.

    It is a new interpreter, or a fork where there is a server of them.
    """

    forks: ClassVar[ForkServer | None] = None

    def __init__(self, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = tempfile.NamedTemporaryFile()  # noqa: SIM115  # closed by stop
        self.started = time.perf_counter()
        command = ["run", *map(str, arguments)]
        self.process = (
            self.forks.start(command, self._log.name)
            if self.forks and not environment
            else subprocess.Popen(
                [sys.executable, "-m", "exporter", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                env=os.environ | (environment or {}),
            )
        )

    @property
    def said(self) -> str:
        """All that it has said on standard error."""
        return self._log_bytes().decode()

    def _log_bytes(self) -> bytes:
        # Not by seeking: the sidecar writes through the same open file.
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0)

    def entries(self, event: str) -> list[dict[str, Any]]:
        """Return its log's entries of one event."""
        # Whole lines: it may be writing the last one.
        lines = [
            line
            for line in self._log_bytes().splitlines(keepends=True)
            if line.startswith(b"{") and line.endswith(b"\n")
        ]
        return [entry for line in lines if (entry := json.loads(line))["event"] == event]

    @property
    def address(self) -> str:
        """Where it listens; waits until it does."""
        wait_until(lambda: self.entries("listening") or self.process.poll() is not None, lambda: self.said)
        if not (entries := self.entries("listening")):
            raise RuntimeError(f"status {self.process.poll()}: {self.said}")
        return str(entries[0]["address"])

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.address + path, timeout=DEADLINE_SECONDS) as answer:
            return str(answer.read().decode())

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.address + path, timeout=DEADLINE_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def samples(self, name: str) -> Samples:
        """Return a metric's values by the values of its labels, sorted by label, without those of the model."""
        return samples_of(self.get("/metrics"), name)

    def total(self, name: str) -> float:
        return sum(self.samples(name).values())

    def wait_for(self, name: str, total: float) -> None:
        """Wait until the values of a metric add up to `total`."""
        wait_until(lambda: self.total(name) == total, lambda: f"{name} is {self.total(name)}: {self.said}")

    def wait(self) -> int:
        """Wait until it ends of itself; return its status."""
        return self.process.wait(DEADLINE_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the status it ends with."""
        self.process.send_signal(number)
        return self.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.wait()
        self._log.close()


@contextmanager
def exporter(*arguments: str | Path) -> Iterator[Exporter]:
    """Run `prediction-exporter run` with arguments; it is killed at the end if it still runs."""
    running = Exporter(*arguments)
    try:
        yield running
    finally:
        running.close()


def samples_of(page: str, name: str) -> Samples:
    """Return a metric's values in a page, as Exporter.samples does."""
    base = ("model_name", "model_version", "reference_id")
    return {
        tuple(value for label, value in sorted(sample.labels.items()) if label not in base): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name
    }


def command(
    *arguments: str | Path, stdin: IO[bytes] | int = subprocess.DEVNULL, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `prediction-exporter` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *map(str, arguments)],
        stdin=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def peak_bytes(process: int) -> int:
    """Return the highest resident memory of a process since its start, or since reset_peak."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def reset_peak(process: int) -> None:
    """Make the present resident memory of a process the highest."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
