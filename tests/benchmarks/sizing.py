"""What a sidecar takes, by request rate and number of features: CPU time, memory and series.

`make sizing` prints the table. A sidecar follows a log that is written at a rate, and is scraped every 15 seconds, with
all of its windows full. CPU is the process's own time, which other load on the machine does not change.
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.arrival import paced, stamped
from tests.benchmarks.exporter import cpu_seconds, make_reference, resident_mib, running, wait_for_records
from tests.benchmarks.log import Log, generate, write_log
from tests.process import Exporter

RATES = (10, 100, 1000, 5000)
FEATURES = (5, 20, 100, 500)
WINDOWS = (300.0, 3600.0, 86400.0)
REFERENCE_RECORDS = 3000
DISTINCT_RECORDS = 2000
RECORDS_PER_WINDOW = 600
MEASURED_SECONDS = 60
SCRAPE_SECONDS = 15.0


class Size(NamedTuple):
    """Cores, resident MiB, and series in /metrics."""

    cores: float
    resident_mib: float
    series: int


def measure(folder: Path, rate: int, features: int) -> Size:
    """Return what a sidecar takes at `rate` records per second."""
    kind = Log(features=features - 1)
    reference = folder / "reference.json"
    write_log(folder / "training.jsonl", REFERENCE_RECORDS, kind, seed=2)
    make_reference(folder / "training.jsonl", reference)
    log = folder / "log.jsonl"
    log.write_bytes(_past(kind))
    lines = generate(kind, DISTINCT_RECORDS, seed=3).lines
    before, records = RECORDS_PER_WINDOW * len(WINDOWS), rate * MEASURED_SECONDS
    with running(folder, log, reference) as sidecar:
        wait_for_records(sidecar, before)
        begin = cpu_seconds(sidecar)
        _write(log, lines, rate, sidecar)
        # Records that are read late, because others used the CPU, belong to the cost.
        wait_for_records(sidecar, before + records)
        cores = (cpu_seconds(sidecar) - begin) / MEASURED_SECONDS
        series = sum(not line.startswith("#") for line in sidecar.get("/metrics").splitlines())
        return Size(cores, resident_mib(sidecar), series)


def _past(kind: Log) -> bytes:
    """Return records at even times over each window, so that all panes have some."""
    now = time.time()
    lines = generate(kind, RECORDS_PER_WINDOW, seed=4).lines
    return b"".join(line for window in WINDOWS for line in stamped(lines, now - window, RECORDS_PER_WINDOW / window))


def _write(log: Path, lines: list[bytes], rate: int, sidecar: Exporter) -> None:
    """Write at an even rate for MEASURED_SECONDS, and scrape every SCRAPE_SECONDS."""
    next_scrape = time.monotonic() + SCRAPE_SECONDS
    with log.open("ab", buffering=0) as file:
        for block in paced(islice(cycle(lines), rate * MEASURED_SECONDS), rate):
            file.write(block)
            if time.monotonic() >= next_scrape:
                sidecar.get("/metrics")
                next_scrape += SCRAPE_SECONDS


def main() -> None:
    print("| features | series | memory | " + " | ".join(f"{rate:,}/s" for rate in RATES) + " |")
    print("| --- |" + " --- |" * (len(RATES) + 2))
    for features in FEATURES:
        sizes = []
        for rate in RATES:
            with tempfile.TemporaryDirectory(prefix="prediction-exporter-sizing-") as name:
                sizes.append(measure(Path(name), rate, features))
            print(features, rate, sizes[-1], file=sys.stderr)
        cores = " | ".join(f"{size.cores:.3f}" for size in sizes)
        memory = max(size.resident_mib for size in sizes)
        print(f"| {features} | {sizes[-1].series:,} | {memory:.0f} MiB | {cores} |", flush=True)


if __name__ == "__main__":
    main()
