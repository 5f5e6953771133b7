"""A running `prediction-exporter` on a synthetic log, and what it costs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.process import Exporter, command, exporter

DEADLINE_SECONDS = 600.0
# Seldom enough that the scrapes cost little beside the records.
POLL_SECONDS = 2.0


def write_config(
    folder: Path, source: str | Path, reference: Path, source_format: str = "json_lines", listen: str = "127.0.0.1:0"
) -> Path:
    """Write a configuration with one source, a reference, three windows and durable state; return its path."""
    config = folder / "config.yaml"
    config.write_text(
        f"listen: {listen}\nsources: [{{url: '{source}', format: {source_format}}}]\n"
        f"reference: {reference}\nstate_dir: {folder / 'state'}\nwindows: [5m, 1h, 24h]\n"
    )
    return config


@contextmanager
def running(folder: Path, source: str | Path, reference: Path, source_format: str = "json_lines") -> Iterator[Exporter]:
    """Run the exporter in a folder."""
    folder.mkdir(exist_ok=True)
    with exporter("--config", write_config(folder, source, reference, source_format)) as sidecar:
        yield sidecar


def wait_for_records(sidecar: Exporter, records: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (seen := sidecar.total("prediction_exporter_source_records_total")) < records:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{seen:.0f} of {records} records")
        time.sleep(POLL_SECONDS)


def cpu_seconds(sidecar: Exporter) -> float:
    times = psutil.Process(sidecar.process.pid).cpu_times()
    return float(times.user + times.system)


def resident_mib(sidecar: Exporter) -> float:
    return float(psutil.Process(sidecar.process.pid).memory_info().rss / 2**20)


def make_reference(log: Path, output: Path) -> None:
    profile = command("profile", log, "--output", output)
    if profile.returncode:
        raise RuntimeError(profile.stderr)
