"""How late the event loop wakes while something else goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

TICK_SECONDS = 0.001


class Lateness:
    """How late a task woke that asks to be woken every millisecond."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    @property
    def milliseconds(self) -> list[float]:
        """The median, the 99th percentile and the maximum."""
        return [float(late) * 1e3 for late in np.quantile(self._seconds, [0.5, 0.99, 1.0])]

    async def tick(self) -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            self._seconds.append(time.perf_counter() - begin - TICK_SECONDS)


@asynccontextmanager
async def lateness() -> AsyncIterator[Lateness]:
    """Watch the event loop for as long as the context lasts."""
    late = Lateness()
    ticker = asyncio.create_task(late.tick())
    try:
        yield late
    finally:
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)
