"""Poll a database: each row of a query becomes a line of JSON, an object of its columns.

Exactly once: the mark up to which rows were read is the position of the source's stream, and moves in the same step in
which the rows go to the sink. The database is read in a thread; while it is unreachable, polling is retried.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
import structlog

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources.database.marks import Mark, Part, QueryError
from exporter.sources.source import SourceContext, SourceError, SourceOptions, room, secret_problems
from exporter.sources.url import PathUrl, SourceUrl, split
from exporter.units import Duration, FilePath, Positive

if TYPE_CHECKING:
    # SQLAlchemy is an extra.
    from exporter.sources.database.query import SqlDatabase

RETRY_SECONDS = 1.0
# How a query starts; what follows a comment or a parenthesis is for the database to judge.
SELECT = re.compile(r"\s*(--|/\*|\(|(select|with|values|table)\b)", re.IGNORECASE)
LIMIT = re.compile(r"\blimit\s+\d+\s*;?\s*$", re.IGNORECASE)

T = TypeVar("T")

log = structlog.get_logger()


class PostgresqlUrl(SourceUrl):
    """postgresql://USER@HOST/DATABASE, as SQLAlchemy spells it, without a password."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> PostgresqlUrl:
        """Raises ValueError with what was expected, without the text itself, because it may contain a password."""
        rest = split(text)[1]
        host = r"(\[[0-9A-Fa-f:.]+\]|[^:@/?#]*)(:[0-9]+)?"
        is_valid = re.fullmatch(rf"([^:@/?#]+@)?{host}/[^:@/?#]+(\?[^#]*)?", rest)
        if not is_valid or re.search(r"[?&](ssl)?password=", rest):
            raise ValueError("expected postgresql://USER@HOST/DATABASE, got another; a password: `password_file`")
        return cls(text)


class SqliteUrl(PathUrl):
    """sqlite:////PATH, as SQLAlchemy spells it."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> SqliteUrl:
        """Raises ValueError with what was expected."""
        rest = split(text)[1]
        if not re.fullmatch(r"/[^?#]+", rest):
            raise ValueError("expected sqlite:////PATH")
        return cls.at(text, rest.removeprefix("/"))


class QueryOptions(SourceOptions, frozen=True, kw_only=True):
    """The options of both databases; `modules` are the optional packages that they need."""

    modules: ClassVar[tuple[str, ...]]

    query: str | None = None
    """One `SELECT` with the parameter `:mark`; required. It is ordered by the mark whatever its `ORDER BY` says."""
    mark: str | None = None
    """The column that grows and records how far the query was read; required, and never null."""
    initial: str | int | float | None = None
    """What `:mark` is at first. Without it, the least time, and in SQLite the least number."""
    every: Duration = Duration.parse("30s")
    """How long to wait between polls."""
    lag: Duration | None = None
    """How much older than the newest mark rows are still read again, if marks are times or numbers of seconds."""
    timeout: Duration = Duration.parse("30s")
    """How long a query may take."""
    rows: Positive = 10_000
    """How many new rows are read at a time; while there are more, without a pause."""

    def make(self, context: SourceContext) -> SqlSource:
        return SqlSource(context, self.database(), self)

    def database(self) -> SqlDatabase:
        """Return the database to poll."""
        raise NotImplementedError

    def _query(self) -> dict[str, Any]:
        return {
            "query": self.query or "",
            "mark": self.mark or "",
            "initial": self.initial,
            "lag": self.lag.seconds if self.lag else 0.0,
            "timeout": self.timeout.seconds,
            "rows": self.rows,
        }

    def problems(self) -> Iterator[str]:
        if missing := [name for name in self.modules if importlib.util.find_spec(name) is None]:
            yield f"url: {' and '.join(missing)} not installed: pip install 'prediction-exporter[sql]'"
        if not self.mark:
            yield "mark: this key is required: the column that records how far the query was read, such as updated_at"
        if not self.query:
            yield "query: this key is required, such as SELECT … FROM labels WHERE updated_at > :mark"
        elif not SELECT.match(self.query):
            yield "query: expected one SELECT"
        elif not missing and (names := _parameters(self.query)) != {"mark"}:
            found = ", ".join(f":{name}" for name in sorted(names)) or "none"
            yield rf"query: expected one parameter, :mark, and found {found}; write a literal colon as \:"

    def notes(self) -> Iterator[str]:
        if self.query and LIMIT.search(self.query):
            yield "query: it ends with a LIMIT, so rows may be missed; `rows` limits how many are read at a time"


class PostgresqlOptions(QueryOptions, frozen=True, kw_only=True):
    """A query of a PostgreSQL database."""

    scheme: ClassVar[str] = "postgresql"
    example: ClassVar[str] = "postgresql://user@host/database"
    modules: ClassVar[tuple[str, ...]] = ("sqlalchemy", "psycopg")

    url: PostgresqlUrl
    """The database, without a password."""
    password_file: FilePath | None = None
    """A file with the password, read at each poll. A password in the URL is rejected."""

    def database(self) -> SqlDatabase:
        from exporter.sources.database.query import PostgresqlDatabase  # noqa: PLC0415  # an extra

        return PostgresqlDatabase(self.url, self.password_file, **self._query())

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        yield from secret_problems("password_file", self.password_file)


class SqliteOptions(QueryOptions, frozen=True, kw_only=True):
    """A query of a SQLite file."""

    scheme: ClassVar[str] = "sqlite"
    example: ClassVar[str] = "sqlite:////path"
    modules: ClassVar[tuple[str, ...]] = ("sqlalchemy",)

    url: SqliteUrl
    """The file."""

    def database(self) -> SqlDatabase:
        from exporter.sources.database.query import SqliteDatabase  # noqa: PLC0415  # an extra

        return SqliteDatabase(self.url.path, **self._query())

    def notes(self) -> Iterator[str]:
        if not Path(self.url.path).exists():
            yield f"url: there is no {self.url.path} yet"
        yield from super().notes()


@dataclass
class SqlSource:
    """Polls a database for new rows."""

    context: SourceContext
    database: SqlDatabase
    options: QueryOptions
    _stream: Stream = field(init=False)
    _failures: int = 0
    _logged: str = ""

    def __post_init__(self) -> None:
        # An inode, so that the stream is lasting.
        self._stream = Stream(self.context.name, self.options.mark or "", inode=1)

    async def start(self) -> None:
        """Resume after the rows that were committed; the database may be unreachable."""
        self.context.telemetry.errors.labels(self.context.name)
        self.context.sink.open(self._stream, self.context.sink.remembered(self.context.name).get(self._stream))

    async def run(self) -> None:
        """Poll until cancelled; without a pause while there are more rows."""
        while True:
            seconds = await self.poll()
            await asyncio.sleep(seconds)

    async def poll(self) -> float:
        """Deliver a page of rows, and return after how many seconds to poll again."""
        saved = self.context.sink.position(self._stream).mark
        mark = msgspec.msgpack.decode(saved, type=Mark) if saved else None
        try:
            page = await _in_thread(lambda: self.database.page(mark))
        except QueryError as error:
            return self._failed(str(error))
        if self._failures:
            log.info("database reachable again", source=self.context.name, failures=self._failures)
            self._failures, self._logged = 0, ""
        for part in page.parts:
            await room(self.context.sink)
            self._take(part)
            # A page may be large, and other tasks are waiting.
            await asyncio.sleep(0)
        return self.options.every.seconds if page.is_whole else 0.0

    async def read_all(self) -> None:
        """Deliver all rows that are there now. Raises SourceError."""
        while not await self.poll():
            pass
        if self._failures:
            raise SourceError(f"{self.context.name}: {self._logged}")

    async def drain(self, deadline: float) -> None:
        """Deliver nothing more: unread rows stay in the database."""

    def close(self) -> None:
        """Do nothing: the sink has the mark, and a running query ends by itself."""

    def _take(self, part: Part) -> None:
        # Without an await in between, so that every saved state contains both the rows and the mark.
        offset = self.context.sink.position(self._stream).offset
        self.context.sink.open(self._stream, Position(offset, mark=msgspec.msgpack.encode(part.mark)))
        self.context.sink.feed(self._stream, part.lines, self.context.clock())

    def _failed(self, reason: str) -> float:
        self.context.telemetry.errors.labels(self.context.name).inc()
        self._failures += 1
        if reason != self._logged:
            self._logged = reason
            log.warning("cannot read database; will retry", source=self.context.name, error=reason)
        return float(min(self.options.every.seconds, RETRY_SECONDS * 2 ** min(self._failures - 1, 30)))


async def _in_thread(work: Callable[[], T]) -> T:
    """Return the result of `work`, run in a daemon thread: unlike `asyncio.to_thread`, it does not delay the exit."""
    future: Future[T] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # raised where the result is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="sql", daemon=True).start()
    return await asyncio.wrap_future(future)


def _parameters(query: str) -> set[str]:
    """Return the names of a query's parameters, as SQLAlchemy sees them."""
    from sqlalchemy import text  # noqa: PLC0415  # an extra

    return {*text(query).compile().params}
