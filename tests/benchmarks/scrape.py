"""The time from start to the first scrape, and how much a scrape of thousands of series delays the event loop."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from exporter.configuration import loading
from exporter.exposition.exposition import Accept
from exporter.sidecar import Sidecar
from tests.benchmarks.exporter import running
from tests.benchmarks.figure import Figure
from tests.benchmarks.lateness import lateness
from tests.benchmarks.log import Log, write_log

LOG_RECORDS = 20_000
STARTS = 5
SCRAPES = 100


def measure(folder: Path, reference: Path) -> list[Figure]:
    """Return the time to the first scrape with one model version, and the cost of a scrape with two."""
    log = folder / "log.jsonl"
    write_log(log, LOG_RECORDS, seed=3)
    starts = sorted(_first_scrape(folder / f"start{number}", log, reference) for number in range(STARTS))
    write_log(folder / "log-4.jsonl", LOG_RECORDS, Log(versions=("4",)))
    settings = loading.from_options(str(folder / "log*.jsonl"), str(reference), "127.0.0.1:0")
    return [
        Figure("Start to first scrape: median, maximum", (starts[STARTS // 2], starts[-1]), "s", "1 s"),
        *asyncio.run(_scrapes(Sidecar(settings))),
    ]


def _first_scrape(folder: Path, log: Path, reference: Path) -> float:
    """Return the seconds from starting the process to the first scrape that succeeds."""
    with running(folder, log, reference) as sidecar:
        sidecar.get("/metrics")
        return time.perf_counter() - sidecar.started


async def _scrapes(sidecar: Sidecar) -> list[Figure]:
    server = asyncio.create_task(sidecar.run())
    await asyncio.sleep(3.0)
    async with lateness() as late:
        begin = time.perf_counter()
        for _ in range(SCRAPES):
            await sidecar.scrape(Accept(is_gzip=True))
        elapsed = time.perf_counter() - begin
    page = await sidecar.scrape()
    server.cancel()
    await asyncio.gather(server, return_exceptions=True)
    series = sum(not line.startswith(b"#") for line in page.body.splitlines())
    return [
        Figure(f"Scrape of {series:,} series", [elapsed / SCRAPES * 1e3], "ms"),
        Figure("Delay of the event loop meanwhile: median, p99, maximum", late.milliseconds, "ms", "20 ms"),
    ]
