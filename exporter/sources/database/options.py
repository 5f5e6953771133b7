"""The options of sources that poll a database."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from exporter.sources.database.source import Database, Query, SqlSource
from exporter.sources.http.options import unreadable
from exporter.sources.source import SourceContext, SourceOptions
from exporter.sources.url import PathUrl, SourceUrl, split
from exporter.units import Duration, FilePath, Positive

# How a query starts; what follows a comment or a parenthesis is for the database to judge.
SELECT = re.compile(r"\s*(--|/\*|\(|(select|with|values|table)\b)", re.IGNORECASE)
LIMIT = re.compile(r"\blimit\s+\d+\s*;?\s*$", re.IGNORECASE)


class PostgresqlUrl(SourceUrl):
    """postgresql://USER@HOST/DATABASE, as SQLAlchemy spells it, without a password."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> PostgresqlUrl:
        """Raises ValueError with what was expected; what was given is not repeated, as it may contain a password."""
        rest = split(text)[1]
        is_valid = re.fullmatch(r"([^:@/?#]+@)?[^@/?#]*/[^:@/?#]+(\?[^#]*)?", rest)
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
        url = cls(text)
        url.path = rest.removeprefix("/")
        return url


class QueryOptions(SourceOptions, frozen=True, kw_only=True):
    """The options of both databases."""

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
        return SqlSource(context, self.database(), self.mark or "", self.every.seconds)

    def database(self) -> Database:
        """Return what the source polls."""
        raise NotImplementedError

    @property
    def _query(self) -> Query:
        lag = self.lag.seconds if self.lag else 0.0
        return Query(self.query or "", self.mark or "", self.initial, self.rows, lag, self.timeout.seconds)

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

    def database(self) -> Database:
        from exporter.sources.database.query import PostgresqlDatabase  # noqa: PLC0415  # an extra

        password = Path(self.password_file) if self.password_file else None
        return PostgresqlDatabase(self.url, self._query, password)

    def problems(self) -> Iterator[str]:
        if importlib.util.find_spec("sqlalchemy") and not _is_address(self.url):
            yield "url: expected postgresql://USER@HOST/DATABASE"
        yield from super().problems()
        if self.password_file and (problem := unreadable(self.password_file)):
            yield f"password_file: {self.password_file}: {problem}"


class SqliteOptions(QueryOptions, frozen=True, kw_only=True):
    """A query of a SQLite file."""

    scheme: ClassVar[str] = "sqlite"
    example: ClassVar[str] = "sqlite:////path"
    modules: ClassVar[tuple[str, ...]] = ("sqlalchemy",)

    url: SqliteUrl
    """The file."""

    def database(self) -> Database:
        from exporter.sources.database.query import SqliteDatabase  # noqa: PLC0415  # an extra

        return SqliteDatabase(self.url.path, self._query)

    def notes(self) -> Iterator[str]:
        if not Path(self.url.path).exists():
            yield f"url: there is no {self.url.path} yet"
        yield from super().notes()


def _is_address(url: str) -> bool:
    """Whether SQLAlchemy can read a URL."""
    from sqlalchemy import make_url  # noqa: PLC0415  # an extra
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return False
    return True


def _parameters(query: str) -> set[str]:
    """Return the names of a query's parameters, as SQLAlchemy sees them."""
    from sqlalchemy import text  # noqa: PLC0415  # an extra

    return {*text(query).compile().params}
