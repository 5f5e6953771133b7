"""What a source that polls a database has to be told, and what it needs to be installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from exporter.source_options import Source

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
    elif "sqlalchemy" not in missing and (names := parameters(source.query)) != {"mark"}:
        found = ", ".join(f":{name}" for name in sorted(names)) or "none"
        yield rf"query: expected one parameter, :mark, and found {found}; a colon that is none is spelt \:"


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
