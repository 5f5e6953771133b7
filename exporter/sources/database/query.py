"""Query PostgreSQL or SQLite for the rows after a mark, with SQLAlchemy: read-only, and within a timeout."""

import re
import sqlite3
import time
import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, NullPool, bindparam, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.types import NullType

from exporter import regular_file
from exporter.sources.database.marks import (
    DIGEST_BYTES,
    Mark,
    MarkError,
    Page,
    Part,
    QueryError,
    Row,
    digest,
    storable,
)

CONNECT_SECONDS = 10
# How many rows are fetched at a time, and delivered to the sink in one step.
ROWS_AT_ONCE = 1000
# SQLite checks the time after this many steps of its virtual machine.
SQLITE_STEPS = 10_000
MAX_CHARACTERS = 300

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class SqlDatabase(ABC):
    """A query of one database, `rows` rows at a time; `lag` and `timeout` are in seconds.

    `mark` is the column of marks, `initial` the first mark, and `least` a mark less than any other.
    """

    least: float | str

    def __init__(
        self, query: str, mark: str, initial: str | float | None, *, lag: float, timeout: float, rows: int
    ) -> None:
        self._column, self._initial, self._rows = mark, initial, rows
        self._lag, self._timeout = lag, timeout
        self._engine = self._connected()
        column = self._engine.dialect.identifier_preparer.quote(self._column)
        select = query.strip().rstrip(";")
        # Only the database knows the type of a mark that was saved as text: NullType leaves it alone.
        self._select = text(
            f"SELECT * FROM (\n{select}\n) AS read ORDER BY {column} LIMIT :most"  # noqa: S608  # the user's own query
        ).bindparams(bindparam("mark", type_=NullType()))

    @abstractmethod
    def _connected(self) -> Engine:
        """Return the engine of connections to the database."""

    def _limit(self, connection: Connection) -> Connection:
        """Return the connection, limited to reading and to the timeout."""
        return connection

    def _hidden(self, message: str) -> str:
        """Return an error message without secrets."""
        return message

    def page(self, mark: Mark | None) -> Page:
        """Return the rows after a mark, or the first rows. Raises QueryError; blocks."""
        is_default = mark is None and self._initial is None
        begin = mark or Mark(self.least if self._initial is None else self._initial)
        try:
            with self._engine.connect() as connection:
                return self._page(connection, begin)
        except MarkError as error:
            raise QueryError(f"{self._column}: {error}") from None
        except OSError as error:
            raise QueryError(f"{error.filename}: {error.strerror}") from None
        except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
            raise QueryError(f"a row that cannot be written as JSON ({type(error).__name__})") from None
        except SQLAlchemyError as error:
            hint = "; `initial` says what the mark is at first" * (is_default and isinstance(error, DataError))
            raise QueryError(self._reason(error) + hint) from None

    def _page(self, connection: Connection, begin: Mark) -> Page:
        connection = self._limit(connection)
        # In addition to the rows that are read again, so that there is room for new ones.
        most = self._rows + len(begin.seen) // DIGEST_BYTES
        read: list[Row] = []
        parts = list(self._parts(connection, begin, most, read))
        is_whole = len(read) < most
        end = begin.after(read, is_whole=is_whole, lag=self._lag)
        if parts:
            parts[-1] = Part(parts[-1].lines, end)
        elif end != begin:
            parts.append(Part(b"", end))
        return Page(parts, is_whole)

    def _parts(self, connection: Connection, begin: Mark, most: int, read: list[Row]) -> Iterator[Part]:
        """Yield the new rows in parts, with the mark after each; `read` receives all rows."""
        seen, new = {*begin.digests}, begin.seen
        options = {"yield_per": ROWS_AT_ONCE}
        result = connection.execute(self._select, {"mark": begin.value, "most": most}, execution_options=options)
        columns = list(result.keys())
        at = columns.index(self._column)
        for rows in result.partitions(ROWS_AT_ONCE):
            lines = []
            for row in rows:
                storable(row[at])
                line = _encoder.encode(dict(zip(columns, row, strict=True)))
                known = Row(row[at], digest(line))
                read.append(known)
                if known.digest not in seen:
                    seen.add(known.digest)
                    new += known.digest
                    lines.append(line + b"\n")
            if lines:
                yield Part(b"".join(lines), Mark(begin.value, new, begin.level))

    def _reason(self, error: SQLAlchemyError) -> str:
        """Return what went wrong, without the password and without the rows' content."""
        message = self._hidden(str(error.orig if isinstance(error, DBAPIError) else error).strip())
        reason = message.partition("\n")[0]
        if isinstance(error, DataError) or " with text " in reason:
            reason = re.sub(r"""(["']).*\1""", "…", reason)
        return reason[:MAX_CHARACTERS] or type(error).__name__


class SqliteDatabase(SqlDatabase):
    """A query of a SQLite file, which is not created if it is missing."""

    least = float("-inf")

    def __init__(self, path: str, **query: Any) -> None:
        self._path = path
        super().__init__(**query)

    def _connected(self) -> Engine:
        def connect() -> sqlite3.Connection:
            if Path(self._path).is_fifo():
                # SQLite would wait for a writer.
                raise sqlite3.OperationalError("expected a regular file")
            place = f"file:{urllib.parse.quote(self._path)}?mode=ro"
            connection = sqlite3.connect(place, uri=True, timeout=self._timeout)
            deadline = time.monotonic() + self._timeout
            connection.set_progress_handler(lambda: time.monotonic() > deadline, SQLITE_STEPS)
            return connection

        return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)


class PostgresqlDatabase(SqlDatabase):
    """A query of a PostgreSQL database; the password is read from a file at each connection."""

    least = "-infinity"

    def __init__(self, url: str, password_file: str | None = None, **query: Any) -> None:
        self._url = url
        self._password_file = password_file
        self._password = ""
        super().__init__(**query)

    def _connected(self) -> Engine:
        url = make_url(self._url).set(drivername="postgresql+psycopg")
        patience: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 10,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": round(self._timeout * 1000),
            "application_name": "prediction-exporter",
        }
        defaults = {option: value for option, value in patience.items() if option not in url.query}
        engine = create_engine(url, connect_args=defaults, poolclass=NullPool, hide_parameters=True)

        @event.listens_for(engine, "do_connect")
        def _(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
            if self._password_file:
                options["password"] = self._password = regular_file.read(self._password_file).decode().strip()

        return engine

    def _limit(self, connection: Connection) -> Connection:
        limited = connection.execution_options(postgresql_readonly=True)
        timeout = text("SELECT set_config('statement_timeout', :milliseconds, true)")
        limited.execute(timeout, {"milliseconds": str(round(self._timeout * 1000))})
        return limited

    def _hidden(self, message: str) -> str:
        return message.replace(self._password, "…") if self._password else message
