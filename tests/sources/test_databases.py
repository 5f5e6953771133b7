"""A running sidecar polls real databases: nothing is lost or doubled by kill -9, nor while the database is away."""

import json
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from exporter.sources.database.marks import Mark, QueryError
from exporter.sources.database.query import PostgresqlDatabase
from tests.process import DEADLINE_SECONDS, Exporter, exporter, wait_until
from tests.servers import Postgres, postgres

ERRORS = "prediction_exporter_source_errors_total"
PREDICTIONS = "model_predictions_total"
PASSWORD = "not-to-be-told"
QUERY = "SELECT request_id, prediction, updated_at FROM {table} WHERE updated_at > :mark"

Write = Callable[[list[tuple[Any, ...]]], None]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres(PASSWORD) as running:
        yield running


def configure(folder: Path, **source: Any) -> Path:
    (folder / "password").write_text(PASSWORD + "\n")
    path = folder / "config.yaml"
    options = {"mark": "updated_at", "every": "100ms"} | source
    path.write_text(f"listen: 127.0.0.1:0\nstate_dir: state\nsources: {json.dumps([options])}\n")
    return path


def on_postgres(server: Postgres, folder: Path, kind: str = "timestamptz", **source: Any) -> tuple[Path, Write]:
    """Create a table of predictions; return a configuration that polls it, and a function that adds rows."""
    table = f"labels_{time.monotonic_ns()}"
    server.execute(f"CREATE TABLE {table} (request_id int PRIMARY KEY, prediction text, updated_at {kind})")
    options = {"url": server.url, "password_file": "password", "query": QUERY.format(table=table)}
    config = configure(folder, **options | source)
    return config, lambda rows: server.execute(f"INSERT INTO {table} VALUES (%s, %s, %s)", *rows)


def on_sqlite(folder: Path, **source: Any) -> tuple[Path, Write]:
    """The same of SQLite."""

    def write(rows: list[tuple[Any, ...]]) -> None:
        with closing(sqlite3.connect(folder / "labels.db", timeout=DEADLINE_SECONDS)) as connection, connection:
            connection.executemany("INSERT INTO labels VALUES (?, ?, ?)", rows)

    with closing(sqlite3.connect(folder / "labels.db")) as connection:
        connection.execute("CREATE TABLE labels (request_id INTEGER PRIMARY KEY, prediction TEXT, updated_at TEXT)")
    return configure(folder, **{"url": "sqlite:///labels.db", "query": QUERY.format(table="labels")} | source), write


def rows(start: int, stop: int) -> list[tuple[int, str, str]]:
    """Return rows of 7 classes; 50 rows at a time share a mark."""
    return [(i, f"class{i % 7}", f"2026-01-05 10:{i // 50 // 60:02}:{i // 50 % 60:02}") for i in range(start, stop)]


def counted(stop: int) -> dict[tuple[str, ...], float]:
    return {(name,): float(count) for name, count in Counter(f"class{i % 7}" for i in range(stop)).items()}


def kill_and_go_on(config: Path, write: Write, *stops: int) -> None:
    """Write rows in pieces that end between those of one mark, and kill the sidecar while it reads them."""
    written = 0
    for stop in stops:
        with exporter("--config", config) as running:
            _ = running.address
            write(rows(written, stop - 20))
            write(rows(stop - 20, stop))
            written = stop
            seen = [running.total(PREDICTIONS)]

            def has_read_most(seen: list[float] = seen, most: float = stop * 0.6) -> bool:
                seen.append(running.total(PREDICTIONS))
                return seen[-1] >= most

            wait_until(has_read_most, lambda: running.said)
            assert seen == sorted(seen)
            running.stop(signal.SIGKILL)
    with exporter("--config", config) as running:
        running.wait_for(PREDICTIONS, written)
        # Rows beside those that were read last.
        write(rows(written, written + 3))
        running.wait_for(PREDICTIONS, written + 3)
        time.sleep(0.5)  # some polls more
        assert running.samples(PREDICTIONS) == counted(written + 3)
        assert running.total(ERRORS) == 0


def test_rows_of_sqlite_are_counted_once_across_kills(tmp_path: Path) -> None:
    kill_and_go_on(*on_sqlite(tmp_path, rows=300), 1510)


@pytest.mark.servers
def test_rows_of_postgresql_are_counted_once_across_kills(server: Postgres, tmp_path: Path) -> None:
    kill_and_go_on(*on_postgres(server, tmp_path, rows=300), 1510, 3333)


@pytest.mark.servers
def test_postgresql_may_be_unreachable_for_a_while_or_reject_the_password(server: Postgres, tmp_path: Path) -> None:
    config, write = on_postgres(server, tmp_path)
    write(rows(0, 1000))
    (tmp_path / "password").write_text("wrong-and-secret")
    server.stop()
    try:
        with exporter("--config", config) as running:
            # It starts without its database, and scrapes are answered.
            failed(running, 2)
            assert running.samples(PREDICTIONS) == {}
            server.start()
            failed(running, 1)
            (tmp_path / "password").unlink()
            failed(running, 2)
            (tmp_path / "password").write_text(PASSWORD)
            running.wait_for(PREDICTIONS, 1000)
            server.stop()
            failed(running, 3)
            server.start()
            write(rows(1000, 1500))
            running.wait_for(PREDICTIONS, 1500)
            assert running.samples(PREDICTIONS) == counted(1500)
            assert len(running.entries("database reachable again")) >= 2
            # Each reason once, as long as it is the same.
            told = [entry["error"] for entry in running.entries("cannot read database; will retry")]
            assert len(told) < running.total(ERRORS)
            assert any("refused" in reason for reason in told)
            assert any("password authentication failed" in reason for reason in told)
            assert any(f"{tmp_path}/password: No such file" in reason for reason in told)
            assert "secret" not in running.said
            assert PASSWORD not in running.said
    finally:
        server.restart()


def failed(running: Exporter, times: int) -> None:
    """Wait until `times` more polls have failed."""
    least = running.total(ERRORS) + times
    wait_until(lambda: running.total(ERRORS) >= least)


def test_a_slow_query_blocks_nothing(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS updated_at FROM n"
    config, _ = on_sqlite(tmp_path, query=f"{endless} WHERE i > :mark")
    with exporter("--config", config) as running:
        _ = running.address
        for _ in range(3):
            assert running.total(ERRORS) == 0
        assert running.stop() == 0


def asked(
    server: Postgres, folder: Path, query: str, *, initial: int | str | None = None, timeout: float = DEADLINE_SECONDS
) -> PostgresqlDatabase:
    (folder / "password").write_text(PASSWORD)
    return PostgresqlDatabase(
        server.url,
        str(folder / "password"),
        query=query,
        mark="updated_at",
        initial=initial,
        lag=0,
        timeout=timeout,
        rows=3,
    )


@pytest.mark.servers
@pytest.mark.parametrize(
    ("kind", "initial", "marks"),
    [
        ("timestamptz", None, ["2026-01-05T10:00:00.000001Z", "2026-01-05T10:00:00.000002Z"]),
        ("timestamp(0)", None, ["2026-01-05 10:00:00", "2026-01-05 10:00:01"]),
        ("date", None, ["2026-01-05", "2026-01-06"]),
        ("numeric", None, ["1.5", "1.50000000000000000001"]),
        ("double precision", None, [0.1, 0.30000000000000004]),
        ("bigint", 0, [1, 2**62]),
        ("text", "", ["a", "b"]),
        ("uuid", str(UUID(int=0)), [UUID(int=1), UUID(int=2)]),
    ],
)
def test_marks_of_postgresql(server: Postgres, tmp_path: Path, kind: str, initial: Any, marks: list[Any]) -> None:
    table = f"marks_{time.monotonic_ns()}"
    server.execute(f"CREATE TABLE {table} (request_id int, updated_at {kind})")
    database = asked(server, tmp_path, f"SELECT * FROM {table} WHERE updated_at > :mark", initial=initial)
    read, mark = [], None
    for start, stop in pairwise((0, 3, 7, 10, 13)):
        server.execute(f"INSERT INTO {table} VALUES (%s, %s)", *((row, marks[row // 8]) for row in range(start, stop)))
        for _ in range(2):
            # As it is kept in the state.
            mark = mark and msgspec.msgpack.decode(msgspec.msgpack.encode(mark), type=Mark)
            for part in database.page(mark).parts:
                read += [json.loads(line)["request_id"] for line in part.lines.splitlines()]
                mark = part.mark
    assert sorted(read) == list(range(13))


@pytest.mark.servers
@pytest.mark.parametrize(
    ("query", "initial", "expected"),
    [
        pytest.param(
            "SELECT pg_sleep(60) IS NULL AS updated_at WHERE :mark <> 1",
            0,
            "canceling statement due to statement timeout",
            id="slow",
        ),
        pytest.param(
            "SELECT 1 AS updated_at WHERE 1::bigint > :mark",
            None,
            "invalid input syntax for type bigint: …; `initial` says what the mark is at first",
            id="initial",
        ),
        pytest.param(
            "SELECT nextval('numbers') AS updated_at WHERE 1 > :mark",
            0,
            "cannot execute nextval() in a read-only transaction",
            id="write",
        ),
        pytest.param("SELECT 1 AS at WHERE 1 > :mark", 0, 'column "updated_at" does not exist', id="no mark"),
        pytest.param(
            "SELECT 'Jane Roe'::text::int AS updated_at WHERE 1 > :mark",
            0,
            "invalid input syntax for type integer: …",
            id="content",
        ),
    ],
)
def test_an_error_is_one_line(server: Postgres, tmp_path: Path, query: str, initial: int | None, expected: str) -> None:
    server.execute("CREATE SEQUENCE IF NOT EXISTS numbers")
    with pytest.raises(QueryError) as caught:
        asked(server, tmp_path, query, initial=initial, timeout=0.5 if "sleep" in query else DEADLINE_SECONDS).page(
            None
        )
    assert str(caught.value) == expected


@pytest.mark.servers
def test_values_of_postgresql_are_json_of_their_type(server: Postgres, tmp_path: Path) -> None:
    columns = {
        "true": True,
        "12.50": 12.5,
        "'2026-01-05 10:00:00+00'::timestamptz AT TIME ZONE 'UTC'": "2026-01-05T10:00:00",
        """'{"age": 41}'::jsonb""": {"age": 41},
        "ARRAY[1, 2]": [1, 2],
        "'127.0.0.1'::inet": "127.0.0.1",
        "NULL": None,
    }
    spelt = ", ".join(f"{value} AS c{index}" for index, value in enumerate(columns))
    database = asked(server, tmp_path, f"SELECT {spelt}, 1 AS updated_at WHERE 1 > :mark", initial=0)
    (part,) = database.page(None).parts
    assert list(json.loads(part.lines).values()) == [*columns.values(), 1]


def test_a_source_continues_after_a_reload(tmp_path: Path) -> None:
    config, write = on_sqlite(tmp_path)
    write(rows(0, 120))
    with exporter("--config", config) as running:
        running.wait_for(PREDICTIONS, 120)
        config.write_text(config.read_text().replace('"100ms"', '"50ms"'))
        running.process.send_signal(signal.SIGHUP)
        write(rows(120, 130))
        running.wait_for(PREDICTIONS, 130)
        assert running.entries("configuration loaded")
        assert running.samples(PREDICTIONS) == counted(130)
