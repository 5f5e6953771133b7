"""What a sidecar takes by request rate and features: CPU time, memory and series; `make sizing` prints the table.

A real sidecar follows a log that is written at a rate, and is scraped every 15 seconds, with all of its windows full.
CPU is the time that the process was given, by /proc, so that what else the machine does is no part of it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.exporter import cpu_seconds, make_reference, resident_mib, running, wait_for_records
from tests.benchmarks.log import line, records_of, write_log
from tests.process import Exporter

RATES = (10, 100, 1000, 5000)
FEATURES = (5, 20, 100, 500)
WINDOWS = (300.0, 3600.0, 86400.0)
REFERENCE_RECORDS = 3000
POOL = 2000
RECORDS_A_WINDOW = 600
MEASURED_SECONDS = 60.0
SCRAPE_SECONDS = 15.0
TICK_SECONDS = 0.1


class Size(NamedTuple):
    """Cores, MiB resident, and series on the page."""

    cores: float
    resident_mib: float
    series: int


def measure(folder: Path, rate: int, features: int) -> Size:
    """Return what a sidecar takes at `rate` records a second."""
    folder.mkdir()
    reference = folder / "reference.json"
    write_log(folder / "training.jsonl", REFERENCE_RECORDS, seed=2, numeric=features - 1)
    make_reference(folder / "training.jsonl", reference)
    log = folder / "log.jsonl"
    log.write_bytes(_of_the_past(features))
    lines = [line(record).encode() for record in records_of(POOL, seed=3, numeric=features - 1)]
    with running(folder, str(log), reference) as sidecar:
        wait_for_records(sidecar, RECORDS_A_WINDOW * len(WINDOWS))
        before = cpu_seconds(sidecar)
        written = _write(log, lines, rate, sidecar)
        # What is behind because others had the machine is to be paid for too.
        wait_for_records(sidecar, RECORDS_A_WINDOW * len(WINDOWS) + written)
        cores = (cpu_seconds(sidecar) - before) / MEASURED_SECONDS
        series = sum(not text.startswith("#") for text in sidecar.get("/metrics").splitlines())
        return Size(cores, resident_mib(sidecar), series)


def _of_the_past(features: int) -> bytes:
    """Return records at even times over each window, so that all panes have some."""
    now = time.time()
    times = (
        now - window + window * number / RECORDS_A_WINDOW for window in WINDOWS for number in range(RECORDS_A_WINDOW)
    )
    records = records_of(RECORDS_A_WINDOW * len(WINDOWS), seed=4, numeric=features - 1)
    return "".join(line(record | {"timestamp": at}) for record, at in zip(records, times, strict=True)).encode()


def _write(log: Path, lines: list[bytes], rate: int, sidecar: Exporter) -> int:
    """Write at an even rate for MEASURED_SECONDS, and scrape every SCRAPE_SECONDS; return how many records."""
    left = cycle(lines)
    written, scrapes = 0, 0
    begin = time.monotonic()
    with log.open("ab", buffering=0) as file:
        while (elapsed := time.monotonic() - begin) < MEASURED_SECONDS:
            due = int(rate * elapsed)
            file.write(b"".join(islice(left, due - written)))
            written = due
            if elapsed >= (scrapes + 1) * SCRAPE_SECONDS:
                sidecar.get("/metrics")
                scrapes += 1
            time.sleep(TICK_SECONDS)
    return written


def main() -> None:
    print("| features | series | memory | " + " | ".join(f"{rate:,}/s" for rate in RATES) + " |")
    print("| --- |" + " --- |" * (len(RATES) + 2))
    for features in FEATURES:
        sizes = []
        for rate in RATES:
            with tempfile.TemporaryDirectory(prefix="prediction-exporter-sizing-") as name:
                sizes.append(measure(Path(name) / "run", rate, features))
            print(features, rate, sizes[-1], file=sys.stderr)
        cores = " | ".join(f"{size.cores:.3f}" for size in sizes)
        memory = max(size.resident_mib for size in sizes)
        print(f"| {features} | {sizes[-1].series:,} | {memory:.0f} MiB | {cores} |", flush=True)


if __name__ == "__main__":
    main()
