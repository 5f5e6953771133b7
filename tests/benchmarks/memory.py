"""Resident memory over ten million records."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.benchmarks.exporter import resident_mib, running, wait_for_records
from tests.benchmarks.figure import Figure
from tests.benchmarks.log import write_log

FILE_RECORDS = 250_000
FILES = 40
FIRST_RECORDS = 1_000_000


def measure(folder: Path, reference: Path) -> list[Figure]:
    """Return the resident memory after a million records and after ten; files come and go as logs rotate."""
    original = folder / "original"
    write_log(original, FILE_RECORDS)
    sizes = []
    with running(folder, folder / "log-*.jsonl", reference) as sidecar:
        for number in range(FILES):
            log = folder / f"log-{number}.jsonl"
            shutil.copyfile(original, folder / "next")
            (folder / "next").rename(log)
            records = (number + 1) * FILE_RECORDS
            wait_for_records(sidecar, records)
            log.unlink()
            if records in (FIRST_RECORDS, FILES * FILE_RECORDS):
                sizes.append(resident_mib(sidecar))
    return [Figure("Resident memory after 1 million records, and 10 million", sizes, "MiB", "90 MiB")]
