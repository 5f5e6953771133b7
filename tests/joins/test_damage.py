"""A join store that cannot be used: damaged, and moved aside; or not to be opened, and left alone."""

import json
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from exporter.batch import Series
from exporter.joins.request import PendingPrediction, Request
from exporter.joins.sqlite_store import SqliteStore
from exporter.joins.store import StoreDelta
from exporter.store_error import StoreError
from tests.process import command, exporter, wait_until
from tests.sources.test_http import PATH, post

DAMAGED = "join store damaged; moved aside, starting empty"
MISSING = "join store missing; starting empty"
RECORDS = "prediction_exporter_source_records_total"
JOINS = "prediction_exporter_joins_total"


def configure(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(
        "listen: 127.0.0.1:0\nstate_dir: state\nsources: [log.jsonl]\nground_truth: {sources: [truth.jsonl]}\n"
    )
    return path


def predict(folder: Path, ids: range) -> None:
    with (folder / "log.jsonl").open("a") as log:
        log.writelines(json.dumps({"request_id": f"r{n}", "prediction": "yes"}) + "\n" for n in ids)


def damage_index(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'requests_by_digest'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with store.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"?" * size)


def run_and_kill(config: Path) -> None:
    predict(config.parent, range(1000))
    with exporter("--config", config) as running:
        running.wait_for(RECORDS, 1000)
        running.stop(signal.SIGKILL)


@pytest.mark.parametrize("damage", [b"?" * 9000, b"SQLite format 3\0" + b"?" * 1000])
def test_a_damaged_store_is_moved_aside_and_predictions_from_then_on_are_joined(tmp_path: Path, damage: bytes) -> None:
    config = configure(tmp_path)
    run_and_kill(config)
    for suffix in ("-wal", "-shm"):
        (tmp_path / "state" / f"joins.sqlite{suffix}").unlink(missing_ok=True)
    (tmp_path / "state" / "joins.sqlite").write_bytes(damage)
    with exporter("--config", config) as running:
        predict(tmp_path, range(1000, 1010))
        (tmp_path / "truth.jsonl").write_text('{"request_id": "r1005", "actual": "yes"}\n')
        running.wait_for(RECORDS, 1011)
        running.wait_for("model_outcomes_total", 1)
        assert len(running.entries(DAMAGED)) == 1
        assert (tmp_path / "state" / "joins.sqlite.damaged").exists()


def test_damage_that_shows_only_when_the_last_changes_are_applied_is_found_at_the_start(tmp_path: Path) -> None:
    config = configure(tmp_path)
    run_and_kill(config)
    store = tmp_path / "state" / "joins.sqlite"
    with sqlite3.connect(store) as connection:
        # As if it had been killed after the checkpoint, and before its changes came into the store.
        connection.execute("DELETE FROM stats")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'requests'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with store.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"?" * size)
    with exporter("--config", config) as running:
        predict(tmp_path, range(1000, 1010))
        running.wait_for(RECORDS, 1010)
        assert len(running.entries(DAMAGED)) == 1


def test_a_store_that_cannot_be_opened_is_told_in_one_line_and_left_alone(tmp_path: Path) -> None:
    config = configure(tmp_path)
    run_and_kill(config)
    store = tmp_path / "state" / "joins.sqlite"
    # Locked by another program, which is no damage.
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("DELETE FROM stats")
        done = command("run", "--config", config)
        connection.rollback()
    connection.close()
    assert done.returncode == 2
    assert done.stderr == f"prediction-exporter: state_dir: {store}: database is locked\n"
    assert not (tmp_path / "state" / "joins.sqlite.damaged").exists()


def test_what_is_wrong_with_the_state_folder_is_told_with_the_file(tmp_path: Path) -> None:
    config = configure(tmp_path)
    (tmp_path / "state" / "joins.sqlite").mkdir(parents=True)
    done = command("run", "--config", config)
    assert done.returncode == 2
    assert done.stderr == f"prediction-exporter: state_dir: {tmp_path}/state/joins.sqlite: Is a directory\n"


def test_a_pipe_in_place_of_the_store_is_not_waited_for(tmp_path: Path) -> None:
    config = configure(tmp_path)
    (tmp_path / "state").mkdir()
    for name in ("joins.sqlite", "checkpoint", "checkpoint.previous"):
        os.mkfifo(tmp_path / "state" / name)
    done = command("run", "--config", config)
    assert done.returncode == 2
    assert done.stderr.endswith(
        f"prediction-exporter: state_dir: {tmp_path}/state/joins.sqlite: expected a regular file\n"
    )


def test_damage_that_a_lookup_finds_ends_the_sidecar_with_one_line(tmp_path: Path) -> None:
    config = configure(tmp_path)
    run_and_kill(config)
    store = tmp_path / "state" / "joins.sqlite"
    damage_index(store)
    (tmp_path / "truth.jsonl").write_text('{"request_id": "r5", "actual": "yes"}\n')
    done = command("run", "--config", config)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"prediction-exporter: state_dir: {store}: database disk image is malformed"
    assert "Traceback" not in done.stderr
    assert store.with_name("joins.sqlite.damaged").exists()
    with exporter("--config", config) as running:
        predict(tmp_path, range(1000, 1001))
        with (tmp_path / "truth.jsonl").open("a") as truth:
            truth.write('{"request_id": "r1000", "actual": "no"}\n')
        running.wait_for(RECORDS, 1003)
        # A record is counted when it is read, and joined once the store was asked for it. Whether r5 still waits
        # depends on whether the last commit before the kill was the one with its prediction.
        wait_until(lambda: running.samples("model_outcomes_total").get(("no", "yes")) == 1)


def test_damage_that_a_commit_finds_ends_the_sidecar_too(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    store = SqliteStore(folder)
    request = Request(1, 0.0, (PendingPrediction(0.0, 0.0, Series("m", "1"), "yes", 1.0, 0.5),))
    store.apply(StoreDelta(1, -1.0, 10, (request,)))
    store.close()
    damage_index(folder / "joins.sqlite")
    store = SqliteStore(folder)
    assert store.failure is None
    with pytest.raises(StoreError, match="malformed"):
        store.apply(StoreDelta(2, -1.0, 10, (request,)))
    assert store.failure is not None
    store.close()
    assert (folder / "joins.sqlite.damaged").exists()


def test_a_post_that_finds_damage_is_answered_with_503_and_no_traceback(tmp_path: Path) -> None:
    config = configure(tmp_path)
    run_and_kill(config)
    store = tmp_path / "state" / "joins.sqlite"
    damage_index(store)
    config.write_text(config.read_text().replace("[truth.jsonl]", f"[http://{PATH}]"))
    with exporter("--config", config) as running:
        status, told = post(running, '{"request_id": "r5", "actual": "yes"}')
        assert (status, told) == (503, {"error": "database disk image is malformed"})
        assert running.wait() == 2
        assert "Traceback" not in running.said


def test_a_missing_store_is_logged_and_starts_empty(tmp_path: Path) -> None:
    config = configure(tmp_path)
    with exporter("--config", config) as running:
        assert not running.entries(MISSING)
        predict(tmp_path, range(10))
        running.wait_for(RECORDS, 10)
        running.stop()
    for file in (tmp_path / "state").glob("joins.sqlite*"):
        file.unlink()
    with exporter("--config", config) as running:
        predict(tmp_path, range(10, 20))
        (tmp_path / "truth.jsonl").write_text('{"request_id": "r15", "actual": "yes"}\n')
        running.wait_for("model_outcomes_total", 1)
        (told,) = running.entries(MISSING)
        assert told["file"] == str(tmp_path / "state" / "joins.sqlite")
