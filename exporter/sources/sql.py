"""Poll a database: each row of a query becomes a line of JSON, an object of its columns.

Exactly once: the mark up to which rows were read is the position of the source's stream, and moves in the same step
as the rows go into the sink. The database is read in a thread; one that is away is tried again and again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

import msgspec
import structlog

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources import Sink, room
from exporter.sources.marks import Mark
from exporter.telemetry import Telemetry

RETRY_SECONDS = 1.0

T = TypeVar("T")

log = structlog.get_logger()


class QueryError(Exception):
    """The database could not be asked; the message says why, in one line and without secrets."""


class Part(NamedTuple):
    """Some new rows as lines, and the mark after them."""

    lines: bytes
    mark: Mark


class Page(NamedTuple):
    """What the query gave: its new rows in parts, in their order. It is not whole where there may be more."""

    parts: list[Part]
    is_whole: bool


class Database(Protocol):
    """What is asked."""

    def page(self, mark: Mark | None) -> Page:
        """Return the rows behind a mark, or the first. Raises QueryError; blocks."""
        ...


@dataclass
class SqlSource:
    """Polls `database` every so many seconds; `column` is that of the mark, `name` its `source` label."""

    name: str
    database: Database
    column: str
    every: float
    sink: Sink
    telemetry: Telemetry
    clock: Callable[[], float]
    _stream: Stream = field(init=False)
    _failures: int = 0
    _told: str = ""

    def __post_init__(self) -> None:
        # A number, so that it lasts.
        self._stream = Stream(self.name, self.column, inode=1)

    async def start(self) -> None:
        """Go on where the last run was; the database may be away."""
        self.telemetry.errors.labels(self.name)
        self.sink.open(self._stream, self.sink.remembered(self.name).get(self._stream))

    async def run(self) -> None:
        """Poll until cancelled; while there is more, without a pause."""
        while True:
            seconds = await self.poll()
            await asyncio.sleep(seconds)

    async def poll(self) -> float:
        """Take a page of rows, and return after how many seconds to look again."""
        mark = self.sink.position(self._stream).mark
        try:
            page = await _in_thread(
                lambda: self.database.page(msgspec.msgpack.decode(mark, type=Mark) if mark else None)
            )
        except QueryError as error:
            return self._failed(str(error))
        if self._failures:
            log.info("the database answers again", source=self.name, failures=self._failures)
            self._failures, self._told = 0, ""
        for part in page.parts:
            await room(self.sink)
            self._take(part)
            # A page may be large, and others wait.
            await asyncio.sleep(0)
        return self.every if page.is_whole else 0.0

    async def drain(self, deadline: float) -> None:
        """Take nothing more: what was not read stays in the database."""

    def close(self) -> None:
        """The mark stays with the sink. A query that runs ends by itself, and nobody waits for it."""

    def _take(self, part: Part) -> None:
        # Without an await, so that whatever is saved has both the rows and the mark.
        offset = self.sink.position(self._stream).offset
        self.sink.open(self._stream, Position(offset, mark=msgspec.msgpack.encode(part.mark)))
        self.sink.feed(self._stream, part.lines, self.clock())

    def _failed(self, reason: str) -> float:
        self.telemetry.errors.labels(self.name).inc()
        self._failures += 1
        if reason != self._told:
            self._told = reason
            log.warning("cannot read the database; will try again", source=self.name, error=reason)
        return float(min(self.every, RETRY_SECONDS * 2 ** min(self._failures - 1, 30)))


async def _in_thread(work: Callable[[], T]) -> T:
    """Run in a thread that the process does not wait for when it ends, as it would for one of `asyncio.to_thread`."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # there is one where there is no error

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # it is raised where it is awaited
            failure = error
        with suppress(RuntimeError):  # the loop may have ended
            loop.call_soon_threadsafe(deliver, result, failure)

    threading.Thread(target=run, name="sql", daemon=True).start()
    return await future
