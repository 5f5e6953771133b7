"""Poll a database: each row of a query becomes a line of JSON, an object of its columns.

Exactly once: the mark up to which rows were read is the position of the source's stream, and moves in the same step in
which the rows go to the sink. The database is read in a thread; while it is unreachable, it is tried again and again.
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
from exporter.sources.database.marks import Mark
from exporter.sources.source import SourceContext, room

RETRY_SECONDS = 1.0

T = TypeVar("T")

log = structlog.get_logger()


class QueryError(Exception):
    """The query failed; the message says why, in one line and without secrets."""


@dataclass(frozen=True)
class Query:
    """A SELECT with the parameter `:mark`.

    `column` is the mark's, `initial` what the mark is at first if not less than all values. `rows` is how many are read
    at a time; `lag` and `timeout` are in seconds.
    """

    select: str
    column: str
    initial: float | str | None
    rows: int
    lag: float
    timeout: float


class Part(NamedTuple):
    """Some new rows as lines, and the mark after them."""

    lines: bytes
    mark: Mark


class Page(NamedTuple):
    """The new rows of a query in parts, in their order. `is_whole` says that there are no more."""

    parts: list[Part]
    is_whole: bool


class Database(Protocol):
    """What is polled."""

    def page(self, mark: Mark | None) -> Page:
        """Return the rows after a mark, or the first rows. Raises QueryError; blocks."""
        ...


@dataclass
class SqlSource:
    """Polls `database` every so many seconds; `column` is that of the mark."""

    context: SourceContext
    database: Database
    column: str
    every: float
    _stream: Stream = field(init=False)
    _failures: int = 0
    _logged: str = ""

    def __post_init__(self) -> None:
        # An inode, so that the stream is lasting.
        self._stream = Stream(self.context.name, self.column, inode=1)

    async def start(self) -> None:
        """Resume where the last run stopped; the database may be unreachable."""
        self.context.telemetry.errors.labels(self.context.name)
        self.context.sink.open(self._stream, self.context.sink.remembered(self.context.name).get(self._stream))

    async def run(self) -> None:
        """Poll until cancelled; while there is more, without a pause."""
        while True:
            seconds = await self.poll()
            await asyncio.sleep(seconds)

    async def poll(self) -> float:
        """Deliver a page of rows, and return after how many seconds to poll again."""
        mark = self.context.sink.position(self._stream).mark
        try:
            page = await _in_thread(
                lambda: self.database.page(msgspec.msgpack.decode(mark, type=Mark) if mark else None)
            )
        except QueryError as error:
            return self._failed(str(error))
        if self._failures:
            log.info("database reachable again", source=self.context.name, failures=self._failures)
            self._failures, self._logged = 0, ""
        for part in page.parts:
            await room(self.context.sink)
            self._take(part)
            # A page may be large, and other tasks wait.
            await asyncio.sleep(0)
        return self.every if page.is_whole else 0.0

    async def drain(self, deadline: float) -> None:
        """Deliver nothing more: what was not read stays in the database."""

    def close(self) -> None:
        """The mark stays with the sink. A running query ends by itself, and nothing waits for it."""

    def _take(self, part: Part) -> None:
        # Without an await, so that whatever is saved has both the rows and the mark.
        offset = self.context.sink.position(self._stream).offset
        self.context.sink.open(self._stream, Position(offset, mark=msgspec.msgpack.encode(part.mark)))
        self.context.sink.feed(self._stream, part.lines, self.context.clock())

    def _failed(self, reason: str) -> float:
        self.context.telemetry.errors.labels(self.context.name).inc()
        self._failures += 1
        if reason != self._logged:
            self._logged = reason
            log.warning("cannot read database; will retry", source=self.context.name, error=reason)
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
