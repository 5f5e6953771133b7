"""How late the event loop wakes while something else goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

TICK_SECONDS = 0.001


class Lateness:
    """What a task that wakes every millisecond saw, in seconds."""

    def __init__(self) -> None:
        self._late: list[float] = []

    def __str__(self) -> str:
        """The median, the 99th percentile and the worst."""
        p50, p99, worst = np.quantile(self._late, [0.5, 0.99, 1.0]) * 1e3
        return f"{p50:.1f}, {p99:.1f}, {worst:.1f} ms"

    async def tick(self) -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            self._late.append(time.perf_counter() - begin - TICK_SECONDS)


@asynccontextmanager
async def lateness() -> AsyncIterator[Lateness]:
    """Look at the loop for as long as the context lasts."""
    seen = Lateness()
    ticker = asyncio.create_task(seen.tick())
    try:
        yield seen
    finally:
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)
