"""Pauses in long work on the event loop."""

import asyncio
from time import perf_counter

WORK_SECONDS = 0.02
# Long enough for other tasks to take all their steps, of which a request has several.
PAUSE_SECONDS = 0.002


class Pacer:
    """Leaves the event loop to other tasks for PAUSE_SECONDS after each WORK_SECONDS of work."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def pause(self) -> None:
        """Pause if there was enough work since the last pause."""
        if perf_counter() - self._since >= WORK_SECONDS:
            await asyncio.sleep(PAUSE_SECONDS)
            self._since = perf_counter()
