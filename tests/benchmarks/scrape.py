"""From start to the first scrape, and what a scrape of more than 1,000 series does to the event loop."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from exporter.assembly import config
from exporter.exposition.exposition import Accept
from exporter.sidecar import Sidecar
from tests.benchmarks.exporter import running
from tests.benchmarks.lateness import lateness

STARTS = 5
SCRAPES = 100


def first_scrape(folder: Path, log: Path, reference: Path) -> list[float]:
    """Return the seconds from starting the process to the first good scrape, for several starts."""
    seconds = []
    for attempt in range(STARTS):
        state = folder / f"start{attempt}"
        state.mkdir()
        with running(state, str(log), reference) as sidecar:
            sidecar.get("/metrics")
            seconds.append(time.perf_counter() - sidecar.started)
    return sorted(seconds)


@dataclass(frozen=True)
class Stall:
    """How late the loop woke while it was scraped; and how many series a scrape has."""

    series: int
    scrape_ms: float
    late: str


def stall(pattern: str, reference: Path) -> Stall:
    """Scrape a sidecar that has read the logs that match `pattern`, beside a task that wakes every millisecond."""
    settings = config.from_options(pattern, str(reference), "127.0.0.1:0")
    return asyncio.run(_stall(Sidecar(settings)))


async def _stall(sidecar: Sidecar) -> Stall:
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
    return Stall(series, elapsed / SCRAPES * 1e3, str(late))
