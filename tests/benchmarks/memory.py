"""Resident memory over ten million records."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.benchmarks.exporter import resident_mib, running, wait_for_records
from tests.benchmarks.log import write_log

FILE_RECORDS = 250_000
FILES = 40


def measure(folder: Path, reference: Path) -> list[float]:
    """Return the resident memory in MiB after every million records; files come and go as logs rotate."""
    folder.mkdir()
    pattern = folder / "pattern"
    write_log(pattern, FILE_RECORDS)
    sizes = []
    with running(folder, str(folder / "log-*.jsonl"), reference) as sidecar:
        for number in range(FILES):
            log = folder / f"log-{number}.jsonl"
            shutil.copyfile(pattern, folder / "next")
            (folder / "next").rename(log)
            wait_for_records(sidecar, (number + 1) * FILE_RECORDS)
            log.unlink()
            if (number + 1) * FILE_RECORDS % 1_000_000 == 0:
                sizes.append(resident_mib(sidecar))
    return sizes
