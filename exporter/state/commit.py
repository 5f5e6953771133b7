"""Commits: a scrape saves the state before it returns the counts.

Otherwise a counter could decrease a little after a crash. Prometheus would take that for a reset, and add the whole
counter again.
"""

import asyncio
import math
from collections.abc import Callable, Generator
from time import monotonic, perf_counter
from traceback import clear_frames
from typing import Protocol, TypeVar

import structlog

from exporter.pacer import Pacer
from exporter.state.durable_state import DurableState
from exporter.state.snapshot import Snapshot
from exporter.store_error import StoreError
from exporter.telemetry import Telemetry

log = structlog.get_logger()

T = TypeVar("T")


class Committable(Protocol):
    """Something whose state is committed: the engine."""

    @property
    def is_full(self) -> bool: ...

    def snapshot(self, now: float) -> Snapshot: ...

    def committed(self, snapshot: Snapshot) -> Snapshot: ...


class Committer:
    """Commits the engine's state, one commit at a time; without a state folder, to memory.

    `judge` adds what depends on the last snapshot to a new one. `on_commit` is called with each committed snapshot;
    `last` is the newest.
    """

    def __init__(
        self,
        engine: Committable,
        state: DurableState,
        telemetry: Telemetry,
        clock: Callable[[], float],
        judge: Callable[[Snapshot, Snapshot | None], Snapshot] = lambda snapshot, _: snapshot,
        on_commit: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._state = state
        self._telemetry = telemetry
        self._clock = clock
        self._judge = judge
        self._on_commit = on_commit
        self._running: asyncio.Task[Snapshot] | None = None
        # Changes take turns, so that a commit waits for one of them at most.
        self._turn = asyncio.Lock()
        self._whole = asyncio.Lock()
        self._has_failed = False
        self.last: Snapshot | None = None
        # When a commit last began, by the monotonic clock.
        self.attempted_at = -math.inf

    async def commit(self) -> Snapshot:
        """Return a snapshot that is durable; callers at the same time share one. Raises StoreError."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._commit())
        # Shielded, so that a scraper that disconnects does not cancel the commit of the others.
        return await asyncio.shield(self._running)

    async def commit_all(self) -> Snapshot:
        """Return a durable snapshot of everything that was folded before the call. Raises StoreError."""
        # The snapshot of a commit that runs may have been taken before.
        if self._running is not None:
            await asyncio.wait({self._running})
        return await self.commit()

    async def between_commits(self, steps: Generator[None, None, T]) -> T:
        """Take the steps of a change to the engine, and return its result; no snapshot contains a part of the change.

        The event loop is free between the steps. They are taken to the end even if the caller is cancelled. Raises
        StoreError if the engine is full and cannot be committed.
        """
        return await asyncio.shield(asyncio.create_task(self._take(steps)))

    async def _take(self, steps: Generator[None, None, T]) -> T:
        async with self._turn:
            if self._engine.is_full:
                await self.commit()
            async with self._whole:
                pacer = Pacer()
                while True:
                    try:
                        next(steps)
                    except StopIteration as end:
                        result: T = end.value
                        return result
                    except Exception as error:
                        # Their variables, such as a whole body, would be kept until the caller has seen the error.
                        clear_frames(error.__traceback__)
                        raise
                    await pacer.pause()

    async def settle(self) -> None:
        """Wait until no commit runs, and no change is half made. Until the next await, none starts."""
        async with self._turn:
            while self._running is not None and not self._running.done():
                await asyncio.wait({self._running})

    async def _commit(self) -> Snapshot:
        start = perf_counter()
        self.attempted_at = monotonic()
        if self._state.failure:
            raise StoreError(f"cannot save the state: {self._state.failure}")
        try:
            async with self._whole:
                snapshot = self._engine.snapshot(self._clock())
            snapshot = await asyncio.to_thread(self._judge, snapshot, self.last or self._state.restored)
            await asyncio.to_thread(self._state.save, snapshot)
        except StoreError as error:
            self._telemetry.commits.labels("failure").inc()
            if not self._has_failed:
                log.error("checkpoint failed", error=str(error), file=error.path)
            self._has_failed = True
            raise StoreError(f"cannot save the state: {error}") from None
        if self._has_failed:
            log.info("checkpoint succeeded")
        self._has_failed = False
        snapshot = self._engine.committed(snapshot)
        self._telemetry.commits.labels("success").inc()
        self._telemetry.commit_seconds.observe(perf_counter() - start)
        self._telemetry.committed_timestamp.set(snapshot.time)
        self.last = snapshot
        self._on_commit(snapshot)
        return snapshot
