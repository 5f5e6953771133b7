"""A running `prediction-exporter`, as a user starts it, and what it costs."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

LISTENING = re.compile(r'"address": "(http://[^"]+)"')
DEADLINE_SECONDS = 600.0


@dataclass
class Running:
    """The process and its address; `started` is when it was started, by time.perf_counter."""

    process: psutil.Process
    address: str
    started: float

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return str(answer.read().decode())

    def value(self, metric: str) -> float:
        """Return the sum of a metric's samples."""
        return sum(
            float(value) for value in re.findall(rf"^{metric}(?:\{{.*\}})? (\S+)$", self.get("/metrics"), re.MULTILINE)
        )

    def wait_for_records(self, records: int) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (seen := self.value("prediction_exporter_source_records_total")) < records:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{seen:.0f} of {records} records")
            time.sleep(0.5)

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def running(folder: Path, pattern: str, reference: Path) -> Iterator[Running]:
    """Run the exporter on the logs that match `pattern`, with a reference, three windows and durable state."""
    config = folder / "config.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nsources: ['{pattern}']\nreference: {reference}\nstate_dir: {folder / 'state'}\n"
        "windows: [5m, 1h, 24h]\n"
    )
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", "run", "--config", config], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            lines = (LISTENING.search(line) for line in process.stderr)
            address = next(match[1] for match in lines if match)
            yield Running(psutil.Process(process.pid), address, started)
        finally:
            process.terminate()
            process.communicate()


def make_reference(log: Path, output: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "exporter", "profile", log, "--output", output], check=True, capture_output=True
    )
