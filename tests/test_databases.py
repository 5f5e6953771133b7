"""A running sidecar polls real databases: nothing is lost or doubled by kill -9, nor while the database is away."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.process import Exporter, exporter
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
    """Make a table of predictions; return a configuration that polls it, and what writes rows to it."""
    table = f"labels_{time.monotonic_ns()}"
    server.execute(f"CREATE TABLE {table} (request_id int PRIMARY KEY, prediction text, updated_at {kind})")
    options = {"url": server.url, "password_file": "password", "query": QUERY.format(table=table)}
    config = configure(folder, **options | source)
    return config, lambda rows: server.execute(f"INSERT INTO {table} VALUES (%s, %s, %s)", *rows)


def on_sqlite(folder: Path, **source: Any) -> tuple[Path, Write]:
    """The same of SQLite."""

    def write(rows: list[tuple[Any, ...]]) -> None:
        with closing(sqlite3.connect(folder / "labels.db", timeout=30)) as connection, connection:
            connection.executemany("INSERT INTO labels VALUES (?, ?, ?)", rows)

    with closing(sqlite3.connect(folder / "labels.db")) as connection:
        connection.execute("CREATE TABLE labels (request_id INTEGER PRIMARY KEY, prediction TEXT, updated_at TEXT)")
    return configure(folder, **{"url": "sqlite:///labels.db", "query": QUERY.format(table="labels")} | source), write


def rows(start: int, stop: int) -> list[tuple[int, str, str]]:
    """Return rows of 7 classes, of which each 50 share a mark."""
    return [(i, f"class{i % 7}", f"2026-01-05 10:{i // 50 // 60:02}:{i // 50 % 60:02}") for i in range(start, stop)]


def counted(stop: int) -> dict[tuple[str, ...], float]:
    return {(name,): float(count) for name, count in Counter(f"class{i % 7}" for i in range(stop)).items()}


def kill_and_go_on(config: Path, write: Write) -> None:
    """Write rows in pieces that end between those of one mark, and kill the sidecar while it reads them."""
    written = 0
    for stop in (1510, 3333, 5777):
        with exporter("--config", config) as running:
            _ = running.address
            write(rows(written, stop - 20))
            write(rows(stop - 20, stop))
            written = stop
            deadline = time.monotonic() + 20
            before = running.total(PREDICTIONS)
            while before < stop * 0.6:
                assert time.monotonic() < deadline, running.said
                seen = running.total(PREDICTIONS)
                assert seen >= before
                before = seen
            running.stop(signal.SIGKILL)
    with exporter("--config", config) as running:
        running.wait_for(PREDICTIONS, written)
        # Rows beside those that were read last.
        write(rows(written, written + 3))
        running.wait_for(PREDICTIONS, written + 3)
        time.sleep(0.5)  # some polls more
        assert running.samples(PREDICTIONS) == counted(written + 3)
        assert running.total(ERRORS) == 0


def test_sqlite_is_read_once_over_kills(tmp_path: Path) -> None:
    kill_and_go_on(*on_sqlite(tmp_path, rows=300))


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp(0)", pytest.param('text COLLATE "C"', id="text")])
def test_postgresql_is_read_once_over_kills(server: Postgres, tmp_path: Path, kind: str) -> None:
    initial = {"initial": ""} if kind.startswith("text") else {}
    kill_and_go_on(*on_postgres(server, tmp_path, kind, rows=300, **initial))


@pytest.mark.servers
def test_a_postgresql_that_goes_away_and_returns(server: Postgres, tmp_path: Path) -> None:
    config, write = on_postgres(server, tmp_path, query=QUERY.format(table="labels_away"))
    server.execute("CREATE TABLE labels_away (request_id int, prediction text, updated_at timestamptz)")
    insert = "INSERT INTO labels_away VALUES (%s, %s, %s)"
    server.execute(insert, *rows(0, 1000))
    with exporter("--config", config) as running:
        running.wait_for(PREDICTIONS, 1000)
        server.stop()
        try:
            failed(running, at_least=3)
            # It starts without its database too, and scrapes are answered.
            assert running.stop() == 0
            (told,) = running.entries("cannot read the database; will try again")
            assert "refused" in told["error"]
            with exporter("--config", config) as another:
                failed(another, at_least=1)
                assert another.samples(PREDICTIONS) == counted(1000)
                server.start()
                server.execute(insert, *rows(1000, 1500))
                another.wait_for(PREDICTIONS, 1500)
                assert another.samples(PREDICTIONS) == counted(1500)
                assert another.entries("the database answers again")
                assert PASSWORD not in running.said + another.said
        finally:
            if not is_up(server):
                server.start()


def failed(running: Exporter, *, at_least: int) -> None:
    """Wait for failures of its polls."""
    deadline = time.monotonic() + 20
    while running.total(ERRORS) < at_least:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_up(server: Postgres) -> bool:
    try:
        server.connection().close()
    except Exception:  # noqa: BLE001  # whatever it is
        return False
    return True


@pytest.mark.servers
def test_a_password_counts_from_when_it_is_written_and_is_not_told(server: Postgres, tmp_path: Path) -> None:
    config, write = on_postgres(server, tmp_path)
    write(rows(0, 10))
    (tmp_path / "password").write_text("wrong-and-secret")
    with exporter("--config", config) as running:
        failed(running, at_least=2)
        (told,) = running.entries("cannot read the database; will try again")
        assert "password authentication failed" in told["error"]
        (tmp_path / "password").unlink()
        failed(running, at_least=int(running.total(ERRORS)) + 2)
        (tmp_path / "password").write_text(PASSWORD)
        running.wait_for(PREDICTIONS, 10)
        assert "secret" not in running.said
        assert PASSWORD not in running.said


@pytest.mark.servers
def test_a_query_that_takes_long_ends_and_nobody_waits_for_it(server: Postgres, tmp_path: Path) -> None:
    slow = "SELECT pg_sleep(60)::text AS prediction, now() AS updated_at WHERE now() > :mark"
    config, _ = on_postgres(server, tmp_path, query=slow.replace("::text", " IS NULL"), timeout="500ms")
    with exporter("--config", config) as running:
        failed(running, at_least=1)
        (told,) = running.entries("cannot read the database; will try again")
        assert "statement timeout" in told["error"]
    config, _ = on_postgres(server, tmp_path, query=slow.replace("::text", " IS NULL"))
    with exporter("--config", config) as running:
        _ = running.address
        time.sleep(0.3)  # it is in the query
        begin = time.monotonic()
        assert running.total(ERRORS) == 0
        assert running.stop() == 0
        assert time.monotonic() - begin < 5


@pytest.mark.servers
def test_postgresql_has_numbers_for_marks_and_is_only_read(server: Postgres, tmp_path: Path) -> None:
    config, write = on_postgres(server, tmp_path, "bigint", initial=5)
    write([(i, "yes", i) for i in range(10)])
    with exporter("--config", config) as running:
        running.wait_for(PREDICTIONS, 4)
        assert running.total(ERRORS) == 0
    for folder, source, expected in (
        ("no initial", {}, "; `initial` says what the mark is at first"),
        ("write", {"query": "SELECT setval('numbers', 1) AS updated_at WHERE 1 > :mark", "initial": 0}, "read-only"),
    ):
        (tmp_path / folder).mkdir()
        server.execute("CREATE SEQUENCE IF NOT EXISTS numbers")
        config, write = on_postgres(server, tmp_path / folder, "bigint", **source)
        with exporter("--config", config) as running:
            failed(running, at_least=1)
            (told,) = running.entries("cannot read the database; will try again")
            assert expected in told["error"]


def test_a_source_that_is_read_again_with_the_configuration_goes_on(tmp_path: Path) -> None:
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
