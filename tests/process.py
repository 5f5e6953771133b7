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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

DEADLINE_SECONDS = 60.0

Samples = Mapping[tuple[str, ...], float]


class Exporter:
    """A running sidecar. Its own log goes to a file; `entries` reads it."""

    def __init__(self, *arguments: str | Path) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exporter", "run", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
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
        lines = [line for line in self._log_bytes().split(b"\n") if line.startswith(b"{")]
        return [entry for line in lines if (entry := json.loads(line))["event"] == event]

    @property
    def address(self) -> str:
        """Where it listens; waits until it does."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (entries := self.entries("listening")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"status {self.process.poll()}: {self.said}")
            time.sleep(0.01)
        return str(entries[0]["address"])

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return str(answer.read().decode())

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.address + path, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def samples(self, name: str) -> Samples:
        """Return a metric's values by the values of its labels, sorted by label, less the model's name and version."""
        return samples_of(self.get("/metrics"), name)

    def total(self, name: str) -> float:
        return sum(self.samples(name).values())

    def wait_for(self, name: str, total: float) -> None:
        """Wait until the values of a metric add up to `total`."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (seen := self.total(name)) != total:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is {seen} and not {total}: {self.said}")
            time.sleep(0.05)

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
            self.process.wait()
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
    base = ("model_name", "model_version")
    return {
        tuple(value for label, value in sorted(sample.labels.items()) if label not in base): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name
    }


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `prediction-exporter` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
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
