"""A scrape is a commit: what Prometheus saw is on disk before Prometheus sees it.

Otherwise a crash would take back what was shown, a counter would step back a little, and Prometheus would read
that as a reset and add the whole of it again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from time import perf_counter

import structlog

from exporter.counting.engine import Engine
from exporter.durable.durable_state import DurableState
from exporter.tallies.snapshot import Snapshot
from exporter.telemetry import Telemetry

log = structlog.get_logger()


class CommitError(Exception):
    """The state could not be made durable, and must not be shown."""


class Committer:
    """Commits the engine's state, one commit at a time; where nothing is kept, to memory.

    `tell` is told what was committed; `last` is the newest of it.
    """

    def __init__(
        self,
        engine: Engine,
        state: DurableState,
        telemetry: Telemetry,
        clock: Callable[[], float],
        tell: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._state = state
        self._telemetry = telemetry
        self._clock = clock
        self._tell = tell
        self._running: asyncio.Task[Snapshot] | None = None
        self._failed = False
        self.last: Snapshot | None = None

    async def commit(self) -> Snapshot:
        """Return a snapshot that is durable; callers at the same time share one. Raises CommitError."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._commit())
        # Shielded, so that a scraper that hangs up does not cancel the commit of the others.
        return await asyncio.shield(self._running)

    async def commit_all(self) -> Snapshot:
        """Return a durable snapshot of all that was folded before the call. Raises CommitError."""
        # One that has begun may have been taken before.
        if self._running is not None:
            await asyncio.wait({self._running})
        return await self.commit()

    async def settle(self) -> None:
        """Wait until no commit runs. Until the next await, none begins."""
        while self._running is not None and not self._running.done():
            await asyncio.wait({self._running})

    async def _commit(self) -> Snapshot:
        begin = perf_counter()
        if self._state.failure:
            raise CommitError(f"cannot save the state: {self._state.failure}")
        if not self._state.is_kept:
            snapshot = self._engine.snapshot(self._clock())
        else:
            try:
                snapshot = await asyncio.to_thread(self._state.save, self._engine.snapshot(self._clock()))
            except (OSError, sqlite3.Error) as error:
                self._telemetry.commits.labels("failure").inc()
                if not self._failed:
                    log.error("cannot save the state; scrapes are refused until it can be", error=str(error))
                self._failed = True
                raise CommitError(f"cannot save the state: {error}") from None
            if self._failed:
                log.info("the state can be saved again")
            self._failed = False
            self._engine.committed()
        self._telemetry.commits.labels("success").inc()
        self._telemetry.commit_seconds.observe(perf_counter() - begin)
        self._telemetry.committed_timestamp.set(snapshot.time)
        self.last = snapshot
        self._tell(snapshot)
        return snapshot
