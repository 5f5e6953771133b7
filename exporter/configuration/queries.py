"""What a source that polls a database has to be told, and what it needs to be installed."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from exporter.configuration.source_options import Source

# How one begins; what is behind a comment or in parentheses is the database's to say.
SELECT = re.compile(r"\s*(--|/\*|\(|(select|with|values|table)\b)", re.IGNORECASE)
LIMIT = re.compile(r"\blimit\s+\d+\s*;?\s*$", re.IGNORECASE)
MODULES = {"postgresql": ("sqlalchemy", "psycopg"), "sqlite": ("sqlalchemy",)}


def problems(source: Source) -> Iterator[str]:
    """Yield mistakes in a database's options, each beginning with its key."""
    if not source.is_database:
        return
    if missing := [name for name in MODULES[source.url.scheme] if importlib.util.find_spec(name) is None]:
        yield f"url: {' and '.join(missing)} not installed: pip install 'prediction-exporter[sql]'"
    elif not is_address(source.url):
        yield "url: expected postgresql://USER@HOST/DATABASE"
    if not source.mark:
        yield "mark: this key is required: the column that says how far the query was read, such as updated_at"
    if not source.query:
        yield "query: this key is required, such as SELECT … FROM labels WHERE updated_at > :mark"
    elif not SELECT.match(source.query):
        yield "query: expected one SELECT"
    elif "sqlalchemy" not in missing and (names := parameters(source.query)) != {"mark"}:
        found = ", ".join(f":{name}" for name in sorted(names)) or "none"
        yield rf"query: expected one parameter, :mark, and found {found}; a colon that is none is spelt \:"


def notes(source: Source) -> Iterator[str]:
    """What is no mistake, but may not be meant."""
    if source.url.scheme == "sqlite" and not Path(source.url.path).exists():
        yield f"there is no {source.url.path} yet"
    if source.query and LIMIT.search(source.query):
        yield "query: it ends with a LIMIT, so rows may be missed; `rows` says how many are read at a time"


def is_address(url: str) -> bool:
    """Whether SQLAlchemy can read a URL."""
    from sqlalchemy import make_url  # noqa: PLC0415  # an extra, which few sidecars need
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return False
    return True


def parameters(query: str) -> set[str]:
    """Return the names of a query's parameters, as SQLAlchemy sees them."""
    from sqlalchemy import text  # noqa: PLC0415  # an extra, which few sidecars need

    return {*text(query).compile().params}
