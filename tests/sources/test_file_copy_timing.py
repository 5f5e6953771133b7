"""Copies that are made, compressed or renamed while the exporter looks, and files that were never read before that."""

import gzip
import os
import time
from collections.abc import Callable, Iterable

import pytest

from exporter.sources.file import open_files, search
from exporter.sources.file.handle import Handle
from exporter.sources.file.siblings import ChangingError
from tests.process import wait_until
from tests.sources.log import Log

Logs = Callable[..., Log]
# More than the context of a position, so that parts can be recognised.
MANY = 100
PATTERNS = pytest.mark.parametrize("pattern", ["app.jsonl", "*.jsonl", "*"])


def compress(log: Log, name: str, age: float = 0.0) -> None:
    """Compress a copy as logrotate does, which gives it the time that the log had before it was copied."""
    # A file's time of change is the real one.
    wait_until(lambda: time.time_ns() > log.path.stat().st_mtime_ns)
    copy = log.folder / name
    packed = copy.with_name(name + ".gz")
    packed.write_bytes(gzip.compress(copy.read_bytes()))
    modified = copy.stat().st_mtime_ns - int(age * 1e9)
    os.utime(packed, ns=(modified, modified))
    copy.unlink()


@PATTERNS
def test_a_copy_that_was_found_empty_and_is_compressed_before_the_next_poll(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(MANY)
    log.poll()
    copy = log.folder / "app.1.jsonl"
    copy.touch()
    log.poll()
    log.write(2)
    copy.write_bytes(log.path.read_bytes())
    log.touch(copy)
    log.truncate()
    compress(log, copy.name)
    log.write(3)
    log.check()
    log.poll(seconds=20)
    log.check()
    assert log.gaps == 0


@PATTERNS
@pytest.mark.parametrize("name", ["app.1.jsonl", "app.jsonl.1"])
@pytest.mark.parametrize("unread", [0, 2])
def test_a_compressed_copy_has_an_older_time_than_the_last_line_that_was_read(
    logs: Logs, pattern: str, name: str, unread: int
) -> None:
    log = logs(pattern)
    log.write(MANY)
    log.poll()
    log.write(unread)
    (log.folder / name).write_bytes(log.path.read_bytes())
    log.touch(log.folder / name)
    log.truncate()
    compress(log, name, age=10.0)
    log.write(3)
    log.check()
    assert log.gaps == 0


@PATTERNS
@pytest.mark.parametrize("name", ["app.1.jsonl", "app.jsonl.1"])
@pytest.mark.parametrize("is_compressed", [True, False])
@pytest.mark.parametrize("is_down", [True, False])
def test_lines_that_are_read_after_the_copy_are_no_loss(
    logs: Logs, pattern: str, name: str, *, is_compressed: bool, is_down: bool
) -> None:
    log = logs(pattern)
    for _ in range(2):
        for _ in range(5):
            log.write(MANY)
            log.poll()
        (log.folder / name).write_bytes(log.path.read_bytes())
        log.touch(log.folder / name)
        log.write(2)
        log.poll()
        if is_down:
            log.stop()
        log.truncate()
        if is_compressed:
            compress(log, name)
        if is_down:
            log.start()
        log.write(3)
        log.check()
        log.poll(seconds=20)
        log.restart()
        log.check()
        assert log.gaps == 0
        for path in log.folder.glob(f"{name}*"):
            path.rename(path.with_name(path.name.replace("1", "2")))
        log.check()


@PATTERNS
@pytest.mark.parametrize("is_compressed", [True, False])
@pytest.mark.parametrize("generations", [1, 3])
def test_generations_of_which_nothing_was_read_before_a_crash(
    logs: Logs, pattern: str, generations: int, *, is_compressed: bool
) -> None:
    log = logs(pattern)
    log.write(MANY)
    log.poll()
    log.copytruncate()
    if is_compressed:
        log.compress(log.rotated(1))
    log.poll()
    # Compressed files are closed after 10 seconds, and others after `rotate_wait`.
    log.poll(seconds=20 if is_compressed else 5)
    log.save()
    log.crash()
    for _ in range(generations):
        log.write(5)
        log.copytruncate()
        if is_compressed:
            log.compress(log.rotated(1))
    log.write(3)
    log.start()
    log.check()
    log.copytruncate()
    log.write(2)
    log.copytruncate()
    log.write(2)
    log.check()
    log.restart()
    log.check()
    assert log.gaps == 0


def test_a_copy_that_is_renamed_during_the_search(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    log = logs()
    log.write(MANY)
    log.poll()
    log.write(2)
    log.copytruncate()
    log.write(3)
    real, searched = search.open_first, []

    def renaming(paths: Iterable[str], suits: Callable[[Handle], bool] = lambda _: True) -> Handle | None:
        paths = list(paths)
        if not searched:
            log.rotated(1).rename(log.rotated(2))
        searched.extend(paths)
        return real(paths, suits)

    monkeypatch.setattr(search, "open_first", renaming)
    log.check()
    assert str(log.rotated(1)) in searched
    assert log.gaps == 0


def test_newer_files_than_a_lost_one_are_searched_for_until_the_folder_can_be_listed(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logs()
    log.write(3)
    log.poll()
    log.stop()
    log.path.unlink()
    log.now += 1
    log.write(2)
    log.rotate()
    log.write(2)
    changing = [ChangingError(str(log.folder))] * 2
    real = open_files.rotated_since

    def listed(*arguments: object) -> object:
        if changing:
            raise changing.pop()
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(open_files, "rotated_since", listed)
    log.start()
    for _ in range(3):
        log.poll()
    log.check()
    assert log.gaps == 1


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_file_that_was_never_read_is_compressed_while_the_exporter_is_down(logs: Logs, *, is_removed: bool) -> None:
    log = logs()
    log.write(MANY)
    log.poll()
    log.rotate(create=True)
    log.poll()
    log.stop()
    log.write(2, times=not is_removed)
    log.rotate()
    # While it is open, no other file gets its inode.
    with log.rotated(1).open("rb"):
        packed = log.compress(log.rotated(1))
        log.write(2)
    if is_removed:
        packed.unlink()
    log.start()
    log.check()
    log.restart()
    log.check()
    assert log.gaps == is_removed


def test_an_empty_file_that_is_renamed_twice_is_not_the_latest(log: Log) -> None:
    log.write()
    log.poll()
    log.copytruncate()
    log.rotate()
    log.poll()
    log.stop()
    log.write()
    log.rotate()
    log.start()
    for _ in range(4):
        log.poll(seconds=10)
    log.write()
    log.check()
