"""A running `prediction-exporter` on a log of the benchmark's shape, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.process import Exporter, command, exporter

DEADLINE_SECONDS = 600.0
# Rarely enough that what a scrape costs is no part of what a record costs.
LOOK_SECONDS = 2.0


@contextmanager
def running(folder: Path, pattern: str, reference: Path, form: str = "lines") -> Iterator[Exporter]:
    """Run the exporter on the logs that match `pattern`, with a reference, three windows and durable state."""
    config = folder / "config.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nsources: [{{url: '{pattern}', format: {form}}}]\n"
        f"reference: {reference}\nstate_dir: {folder / 'state'}\nwindows: [5m, 1h, 24h]\n"
    )
    with exporter("--config", config) as sidecar:
        yield sidecar


def wait_for_records(sidecar: Exporter, records: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (seen := sidecar.total("prediction_exporter_source_records_total")) < records:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{seen:.0f} of {records} records")
        time.sleep(LOOK_SECONDS)


def cpu_seconds(sidecar: Exporter) -> float:
    times = psutil.Process(sidecar.process.pid).cpu_times()
    return float(times.user + times.system)


def resident_mib(sidecar: Exporter) -> float:
    return float(psutil.Process(sidecar.process.pid).memory_info().rss / 2**20)


def make_reference(log: Path, output: Path) -> None:
    made = command("profile", log, "--output", output)
    if made.returncode:
        raise RuntimeError(made.stderr)
