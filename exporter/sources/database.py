"""Ask PostgreSQL or SQLite for the rows behind a mark, by SQLAlchemy. Read-only, and never longer than a timeout."""

from __future__ import annotations

import re
import sqlite3
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, NullPool, bindparam, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.types import NullType

from exporter.sources.marks import DIGEST_BYTES, Mark, MarkError, Row, digest, storable
from exporter.sources.sql import Page, Part, QueryError

CONNECT_SECONDS = 10
# How many rows are fetched at a time, and go into the sink in one step.
ROWS_AT_ONCE = 1000
# SQLite looks at the time each so many steps of its machine.
SQLITE_STEPS = 10_000
# Less than any other value.
BEGINNINGS: dict[str, float | str] = {"postgresql": "-infinity", "sqlite": float("-inf")}
MOST_CHARACTERS = 300

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


@dataclass
class SqlDatabase:
    """A query of one database. `url` is as the configuration has it, `path` that of a SQLite file.

    `column` is that of the mark, `initial` what the mark is at first, if not less than all others. `rows` is how many
    are read at a time; `lag` and `timeout` are in seconds.
    """

    url: str
    path: str
    query: str
    column: str
    initial: float | str | None
    rows: int
    lag: float
    timeout: float
    password_file: Path | None
    _password: str = ""
    _engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self._engine = self._sqlite() if self.url.startswith("sqlite:") else self._postgresql()
        column = self._engine.dialect.identifier_preparer.quote(self.column)
        query = self.query.strip().rstrip(";")
        # The type of a mark that was kept as text is the database's to know: NullType leaves it alone.
        self._select = text(
            f"SELECT * FROM (\n{query}\n) AS read ORDER BY {column} LIMIT :most"  # noqa: S608  # the user's own query
        ).bindparams(bindparam("mark", type_=NullType()))

    def page(self, mark: Mark | None) -> Page:
        """Return the rows behind a mark, or the first. Raises QueryError; blocks."""
        is_default = mark is None and self.initial is None
        begin = mark or Mark(BEGINNINGS[self._engine.dialect.name] if self.initial is None else self.initial)
        try:
            with self._engine.connect() as connection:
                return self._page(connection, begin)
        except MarkError as error:
            raise QueryError(f"{self.column}: {error}") from None
        except OSError as error:
            raise QueryError(f"{self.password_file}: {error.strerror}") from None
        except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
            raise QueryError(f"a row that cannot be written as JSON ({type(error).__name__})") from None
        except SQLAlchemyError as error:
            hint = "; `initial` says what the mark is at first" * (is_default and isinstance(error, DataError))
            raise QueryError(self._reason(error) + hint) from None

    def _page(self, connection: Connection, begin: Mark) -> Page:
        if self._engine.dialect.name == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
            limit = text("SELECT set_config('statement_timeout', :milliseconds, true)")
            connection.execute(limit, {"milliseconds": str(round(self.timeout * 1000))})
        # Beside all that were seen, so that there is room for new ones.
        most = self.rows + len(begin.seen) // DIGEST_BYTES
        read: list[Row] = []
        parts = list(self._parts(connection, begin, most, read))
        is_whole = len(read) < most
        end = begin.after(read, is_whole=is_whole, lag=self.lag)
        if parts:
            parts[-1] = Part(parts[-1].lines, end)
        elif end != begin:
            parts.append(Part(b"", end))
        return Page(parts, is_whole)

    def _parts(self, connection: Connection, begin: Mark, most: int, read: list[Row]) -> Iterator[Part]:
        """Yield the rows that were not seen, each some with a mark that holds behind them; `read` gets all rows."""
        seen, new = {*begin.digests}, begin.seen
        options = {"yield_per": ROWS_AT_ONCE}
        result = connection.execute(self._select, {"mark": begin.value, "most": most}, execution_options=options)
        columns = list(result.keys())
        at = columns.index(self.column)
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

    def _sqlite(self) -> Engine:
        def connect() -> sqlite3.Connection:
            # Not to be made where it is missing.
            place = f"file:{urllib.parse.quote(self.path)}?mode=ro"
            connection = sqlite3.connect(place, uri=True, timeout=self.timeout)
            deadline = time.monotonic() + self.timeout
            connection.set_progress_handler(lambda: time.monotonic() > deadline, SQLITE_STEPS)
            return connection

        return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)

    def _postgresql(self) -> Engine:
        url = make_url(self.url).set(drivername="postgresql+psycopg")
        patience: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 10,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": round(self.timeout * 1000),
            "application_name": "prediction-exporter",
        }
        ours = {option: value for option, value in patience.items() if option not in url.query}
        engine = create_engine(url, connect_args=ours, poolclass=NullPool, hide_parameters=True)

        @event.listens_for(engine, "do_connect")
        def _(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
            if self.password_file:
                # Each time, so that a new one counts.
                options["password"] = self._password = self.password_file.read_text().strip()

        return engine

    def _reason(self, error: SQLAlchemyError) -> str:
        """Say what went wrong, without the password and without what the rows hold."""
        told = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        if self._password:
            told = told.replace(self._password, "…")
        reason = told.partition("\n")[0]
        if isinstance(error, DataError) or " with text " in reason:
            reason = re.sub(r"""(["']).*\1""", "…", reason)
        return reason[:MOST_CHARACTERS] or type(error).__name__
