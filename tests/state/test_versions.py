"""States of other versions: older ones are read with their totals kept, and newer ones stop the start."""

import copy
import json
import math
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.engine.engine import Engine
from exporter.joins import migrations as store_migrations
from exporter.joins.join import NAME as JOINS
from exporter.joins.join import JoinCounts
from exporter.joins.sqlite_store import NAME as STORE
from exporter.joins.sqlite_store import SqliteStore
from exporter.joins.stores import open_store
from exporter.lines.buffer import IngestRequest
from exporter.state import migrations
from exporter.state.checkpoint import decode
from exporter.state.durable_state import DurableState
from exporter.state.snapshot import Snapshot
from exporter.store_error import StoreError
from exporter.telemetry import Telemetry
from tests.process import command
from tests.records import result
from tests.state.scenario import (
    HTTP,
    LABEL_STREAM,
    LOG_STREAM,
    NOW,
    VERSIONS,
    block,
    label,
    plan,
    planned,
    prediction,
    summary,
)
from tests.state.stored import content_of, whole

EXPECTED = json.loads((VERSIONS / "expected.json").read_bytes())
FOUND = sorted(folder.name for folder in VERSIONS.iterdir() if folder.is_dir())

every_version = pytest.mark.parametrize("version", FOUND)


def copied(version: str, folder: Path) -> Path:
    for name in ("checkpoint", STORE):
        shutil.copy(VERSIONS / version / name, folder / name)
    return folder


class Restored:
    """The state and the engine of a sidecar that continues in a folder."""

    def __init__(self, folder: Path) -> None:
        self.state = DurableState(str(folder), Telemetry())
        self.store = self.state.open(JOINS, open_store)
        assert self.state.restored
        self.snapshot = self.state.restored.kept(plan().identities)
        self.engine = Engine(plan(), self.state.restored, store=self.store)
        for stream in (LOG_STREAM, LABEL_STREAM):
            self.engine.open(stream, self.engine.remembered(stream.source).get(stream))

    def commit(self) -> Snapshot:
        snapshot = self.engine.snapshot(NOW)
        self.state.save(snapshot)
        return self.engine.committed(snapshot)

    def joined_by(self, records: Callable[[Engine], object]) -> JoinCounts:
        """Return what some records add to the counts."""
        before = self.engine.snapshot(NOW).join_counts
        records(self.engine)
        after = self.engine.snapshot(NOW).join_counts
        assert before
        assert after
        return JoinCounts(
            after.joined - before.joined, after.repeated - before.repeated, after.revised - before.revised
        )


@pytest.fixture
def restored(version: str, tmp_path: Path) -> Iterator[Restored]:
    running = Restored(copied(version, tmp_path))
    yield running
    running.state.close()


def labels(*numbers: int, actual: str = "approve") -> Callable[[Engine], object]:
    return lambda engine: engine.feed(LABEL_STREAM, block(label(n, NOW, actual) for n in numbers), NOW)


def predictions(*numbers: int, **more: Any) -> Callable[[Engine], object]:
    return lambda engine: engine.feed(LOG_STREAM, block(prediction(n, NOW, **more) for n in numbers), NOW)


def test_there_is_a_state_of_each_version() -> None:
    assert [str(version + 1) for version in range(migrations.VERSION)] == FOUND


@every_version
def test_totals_windows_and_positions_are_kept(restored: Restored) -> None:
    assert summary(restored.snapshot) == EXPECTED
    # Also by an engine, which would start a statistic at zero whose name or meaning had changed.
    assert summary(restored.engine.snapshot(NOW)) == EXPECTED


@every_version
def test_predictions_that_wait_are_joined(restored: Restored) -> None:
    # 0, 3, 6 to 9 and 11 to 16 wait in the store, 5 there by version 3, and by version 4 in the last commit.
    assert restored.joined_by(labels(0, 3, *range(6, 10), *range(11, 17))) == JoinCounts(joined=12)
    assert restored.joined_by(labels(5)) == JoinCounts(joined=2)
    assert restored.joined_by(labels(0, 3, 5, 11)) == JoinCounts(repeated=4)


@every_version
def test_ground_truth_that_waits_is_joined(restored: Restored) -> None:
    assert restored.joined_by(predictions(60, 61)) == JoinCounts(joined=2)


@every_version
def test_what_was_joined_is_not_joined_again(restored: Restored) -> None:
    assert restored.joined_by(labels(2, 4, 10, 50, actual="deny")) == JoinCounts(repeated=1, revised=3)
    assert restored.joined_by(predictions(1, 2, 4, 50)) == JoinCounts()
    assert restored.joined_by(predictions(4, 10, model_version="4")) == JoinCounts()
    assert restored.joined_by(predictions(1, model_version="4")) == JoinCounts(joined=1)


@every_version
def test_the_numbers_that_wait_are_kept_until_they_expire(version: str, restored: Restored) -> None:
    # Version 1 kept both of two predictions with one id.
    waiting = 16 if version == "1" else 15
    stats = restored.commit().store_stats
    assert (stats.predictions, stats.truths, stats.expired, stats.orphaned) == (waiting, 2, 0, 0)
    restored.state.save(restored.engine.snapshot(NOW + 3601))
    stats = restored.store.stats
    assert (stats.predictions, stats.truths, stats.expired, stats.orphaned) == (0, 0, waiting, 2)


@every_version
def test_keys_that_were_seen_are_known(restored: Restored) -> None:
    assert result(restored.engine.ingest(HTTP, IngestRequest(b"", key="key-1"), NOW)).is_repeated
    before = restored.engine.snapshot(NOW).totals["credit", "3"]["record_quality"][2]
    predictions(7)(restored.engine)
    assert restored.engine.snapshot(NOW).totals["credit", "3"]["record_quality"][2] == before + 1


@every_version
def test_the_next_start_continues_from_what_was_migrated(version: str, tmp_path: Path) -> None:
    first = Restored(copied(version, tmp_path))
    first.commit()
    first.state.close()
    assert (tmp_path / "checkpoint.previous").read_bytes() == (VERSIONS / version / "checkpoint").read_bytes()
    second = Restored(tmp_path)
    assert summary(second.snapshot) == EXPECTED
    assert second.joined_by(labels(0, 5, 13)) == JoinCounts(joined=4)
    second.state.close()


def test_version_1_without_what_it_did_not_have_at_first_is_read() -> None:
    content = content_of((VERSIONS / "1" / "checkpoint").read_bytes())
    for name in ("batches", "history", "request_ids", "unknown", "segment_values", "joins"):
        del content[name]
    read = decode(whole(content, 1))
    assert summary(read)["totals"] == EXPECTED["totals"]
    assert read.join_counts is None


def test_a_migration_of_the_store_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE requests")
        raise sqlite3.OperationalError("no room")

    copied("1", tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(store_migrations, "STEPS", (store_migrations.from_1, fails))
        with pytest.raises(StoreError, match="no room"):
            SqliteStore(tmp_path)
    with closing(sqlite3.connect(tmp_path / STORE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (17,)
    restored = Restored(tmp_path)
    assert restored.joined_by(labels(5)) == JoinCounts(joined=2)
    restored.state.close()


def newer(store: Path) -> bytes:
    """Make a store one of a newer release."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA user_version = 99")
    return store.read_bytes()


def test_a_store_of_a_newer_release_stops_the_start_and_is_left_alone(tmp_path: Path) -> None:
    copied(FOUND[-1], tmp_path)
    before = newer(tmp_path / STORE)
    with pytest.raises(StoreError, match="version 99 was written by a newer release"):
        Restored(tmp_path)
    assert (tmp_path / STORE).read_bytes() == before
    assert not (tmp_path / f"{STORE}.damaged").exists()


def test_a_store_of_a_newer_release_that_was_killed_is_left_alone_too(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    running = sqlite3.connect(copied(FOUND[-1], tmp_path / "running") / STORE)
    running.execute("PRAGMA journal_mode = WAL")
    running.execute("PRAGMA user_version = 99")
    names = ("checkpoint", STORE, f"{STORE}-wal")
    for name in names:
        shutil.copy(tmp_path / "running" / name, tmp_path / name)
    running.close()
    before = {name: (tmp_path / name).read_bytes() for name in names}
    assert b"\0\0\0\x63" not in before[STORE]
    with pytest.raises(StoreError, match="version 99 was written by a newer release"):
        Restored(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names} == before


@pytest.mark.parametrize("name", ["checkpoint", STORE])
def test_a_state_of_a_newer_release_is_reported_in_one_line(tmp_path: Path, name: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    copied(FOUND[-1], state)
    if name == STORE:
        newer(state / name)
    else:
        data = bytearray((state / name).read_bytes())
        data[data.index(b"\n") + 1] = 99
        (state / name).write_bytes(data)
        shutil.copy(VERSIONS / FOUND[-1] / name, state / "checkpoint.previous")
    config = tmp_path / "config.yaml"
    config.write_text(
        "listen: 127.0.0.1:0\nstate_dir: state\nsources: [log.jsonl]\nground_truth: {sources: [truth.jsonl]}\n"
    )
    done = command("run", "--config", config)
    assert done.returncode == 2
    readable = migrations.VERSION if name == "checkpoint" else store_migrations.VERSION
    assert done.stderr == (
        f"prediction-exporter: state_dir: {state / name}: version 99 was written by a newer release, and this "
        f"release reads version {readable} and older; run the newer release again, or choose another state_dir to "
        "start counters at zero\n"
    )


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each part of some content as a container and its key."""
    for key, value in [*(content.items() if isinstance(content, dict) else enumerate(content))]:
        yield content, key
        if isinstance(value, dict | list):
            yield from places(value)


CONTENTS = {version: content_of((VERSIONS / version / "checkpoint").read_bytes()) for version in FOUND}
wrong = st.sampled_from([None, True, -1, 2**63, 0.5, "x", b"x", [], [1], {}, {"x": 1}, {("a", "b"): {"x": 1}}])


def arrays(content: Any) -> Iterator[list[Any]]:
    """Yield each stored array: its shape, its type, its bytes, and whether these are compressed."""
    for container, key in places(content):
        if isinstance(array := container[key], list) and len(array) == 4 and isinstance(array[0], list):
            yield array


def change(content: Any, data: st.DataObject) -> None:
    """Give a part of some content another type, remove it, or add to it; or give an array another shape or type."""
    kind = data.draw(st.sampled_from(["value", "removed", "added", "shape", "type"]))
    if kind == "shape":
        array = data.draw(st.sampled_from([*arrays(content)]))
        shape = data.draw(st.lists(st.integers(0, 4), max_size=3))
        array[:] = shape, "<f8", bytes(8 * math.prod(shape)), False
    elif kind == "type":
        array = data.draw(st.sampled_from([*arrays(content)]))
        place = next(index for index, part in enumerate(array) if isinstance(part, str))
        array[place] = data.draw(st.sampled_from(["<i8", "<c16", "|S8", "|O", "x"]))
    else:
        container, key = data.draw(st.sampled_from([*places(content)]))
        if kind == "removed":
            del container[key]
        elif kind == "value":
            container[key] = data.draw(wrong)
        elif isinstance(container, list):
            container.append(container[key])
        else:
            container["new"] = container[key]


@every_version
@settings(max_examples=100)
@given(data=st.data())
def test_content_of_another_schema_stops_the_start_or_is_continued(
    version: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = copied(version, tmp_path_factory.mktemp("state"))
    content = copy.deepcopy(CONTENTS[version])
    for _ in range(data.draw(st.integers(1, 2))):
        change(content, data)
    (folder / "checkpoint").write_bytes(
        whole(content, data.draw(st.sampled_from([int(version), *range(1, migrations.VERSION + 2)])))
    )
    before = (folder / "checkpoint").read_bytes()
    try:
        restored = Restored(folder)
    except StoreError:
        assert (folder / "checkpoint").read_bytes() == before
        return
    predictions(70, 71)(restored.engine)
    labels(0, 70)(restored.engine)
    _, collector = planned()
    collector.judged(restored.commit(), restored.state.restored)
    restored.state.close()
