"""A log that is truncated, with a copy of it or without, and rewritten: every line that is left is counted once."""

import os
import shutil
from collections.abc import Callable

import pytest

from exporter.sources.file.open_files import RETIRE_SECONDS
from tests.sources.log import LINE_BYTES, Log

Logs = Callable[..., Log]
NARROW_AND_WIDE = pytest.mark.parametrize("pattern", ["app.jsonl", "app.jsonl*"])


@NARROW_AND_WIDE
@pytest.mark.parametrize("unread", [0, 1, 5000])
def test_copytruncate_with_an_unread_rest_that_is_only_in_the_copy(logs: Logs, pattern: str, unread: int) -> None:
    log = logs(pattern)
    for times in range(1, 4):
        log.write(3)
        log.check()
        log.write(unread)
        log.copytruncate()
        log.write(2)
        log.check()
        assert log.rotations("truncate") == times
        log.poll(seconds=RETIRE_SECONDS)
    assert log.gaps == 0


@NARROW_AND_WIDE
def test_copytruncate_and_the_new_content_outgrows_the_old_offset_between_two_polls(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.write(2)
    log.copytruncate()
    log.write(50)
    log.check()
    assert log.gaps == 0


@pytest.mark.parametrize("settled", [0, 60])
def test_truncated_and_grown_to_the_same_size(log: Log, settled: float) -> None:
    log.write(3)
    log.poll()
    for _ in range(3):
        log.poll(seconds=settled)
    size = log.path.stat().st_size
    log.rewrite(b"".join(log.record() for _ in range(3)))
    assert log.path.stat().st_size == size
    log.check()


def test_truncated_and_grown_to_the_same_size_within_one_tick_of_the_clock(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write(3)
    log.poll()
    status, real = log.path.stat(), os.fstat
    log.rewrite(b"".join(log.record() for _ in range(3)))
    monkeypatch.setattr(os, "fstat", lambda handle: status if real(handle).st_ino == status.st_ino else real(handle))
    log.check()


@NARROW_AND_WIDE
def test_copytruncate_and_rename_within_one_poll(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    for _ in range(3):
        log.write(3)
        log.check()
        log.write(3)
        log.copytruncate()
        log.write(3)
        log.rotate()
        log.write(3)
        log.check()
        log.poll(seconds=RETIRE_SECONDS)
    assert log.gaps == 0


@NARROW_AND_WIDE
def test_copytruncate_polled_at_every_moment(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    for _ in range(3):
        log.write(40)
        log.check()
        log.write(40)
        data = log.path.read_bytes()
        log.make_room()
        log.check()
        for at in range(0, len(data), 500):
            log.append(data[at : at + 500], log.rotated(1))
            log.check()
        log.truncate()
        log.check()
        log.write(2)
        log.check()
        log.poll(seconds=60)
        log.check()


def test_copytruncate_within_the_first_line(log: Log) -> None:
    line = log.record()
    log.append(line[:-5])
    log.poll()
    log.append(line[-5:])
    log.copytruncate()
    log.write(2)
    log.check()


def test_copytruncate_within_a_line_over_the_limit(log: Log) -> None:
    log.write(1)
    log.append(b"x" * (2 * LINE_BYTES))
    log.poll()
    log.append(b"x\n")
    log.write(2)
    log.copytruncate()
    log.write(2)
    log.check()
    assert log.rejected == {"oversize": 1}


@NARROW_AND_WIDE
def test_copytruncate_several_times_within_one_poll(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.check()
    for _ in range(4):
        log.write(3)
        log.copytruncate()
    log.write(3)
    log.check()
    assert log.gaps == 0


def test_a_copy_that_keeps_the_time_of_the_original(log: Log) -> None:
    log.write(3)
    log.poll()
    shutil.copy2(log.path, log.rotated(1))
    log.truncate()
    log.write(3)
    log.check()
    assert log.gaps == 0


def test_an_older_file_with_the_same_first_lines_is_not_the_copy(log: Log) -> None:
    first = b'{"prediction": "first"}\n'
    log.expected["first"] = 2
    log.append(first)
    log.write(3)
    log.poll()
    log.rotate()
    log.append(first)
    log.check()
    log.poll(seconds=RETIRE_SECONDS)
    log.rewrite(log.record())
    log.check()
    assert log.gaps == 1


def test_truncated_to_nothing_and_stays_empty(log: Log) -> None:
    log.write(3)
    log.poll()
    log.truncate()
    for _ in range(3):
        log.check()
        log.poll(seconds=60)
    assert log.rotations("truncate") == 1
    assert log.open_files == 1
    assert log.metric("lag_bytes") == 0
    log.write(3)
    log.check()


def test_rewritten_with_the_same_first_line_and_other_content(log: Log) -> None:
    first = b'{"prediction": "first"}\n'
    log.expected["first"] = 3
    log.append(first)
    log.write(100)
    log.poll()
    for count in (100, 200):
        log.rewrite(first + b"".join(log.record() for _ in range(count)))
        log.poll()
    log.check()


def test_a_truncated_file_without_a_copy_is_a_gap(log: Log) -> None:
    log.write(3)
    log.poll()
    log.write(3, times=0)
    log.rewrite(log.record())
    log.check()
    assert log.gaps == 1


def test_a_writer_that_does_not_append_leaves_a_hole(log: Log) -> None:
    with log.path.open("wb") as writer:
        log.write(100, writer)
        log.check()
        for _ in range(3):
            log.copytruncate()
            log.write(3, writer)
            log.check()
            log.write(3, writer)
            log.check()
            log.restart()
    assert log.rejected == {}
    assert log.gaps == 0


def test_a_large_hole_is_skipped_without_holding_it(log: Log) -> None:
    log.write(3)
    log.poll()
    log.truncate()
    os.truncate(log.path, 200_000_000)
    [source] = log.sources
    log.now += 1
    for _ in range(100):
        source.poll()
    log.restart()
    log.write(3)
    log.check()
    assert log.rejected == {}


def test_a_rotated_file_that_is_truncated(log: Log) -> None:
    log.write(3)
    log.poll()
    log.rotate()
    log.write(3)
    log.check()
    os.truncate(log.rotated(1), 0)
    log.touch(log.rotated(1))
    log.write(1, log.rotated(1))
    log.write(3)
    log.check()
    for _ in range(3):
        log.rotate()
        log.write(3)
    log.check()


def test_a_rotated_file_that_is_truncated_is_not_the_latest(log: Log) -> None:
    log.write(3)
    log.poll()
    log.rotate()
    log.write(3)
    log.poll()
    os.truncate(log.rotated(1), 0)
    log.write(1, log.rotated(1))
    log.poll()
    log.write(3)
    log.poll()
    log.rotate()
    for _ in range(3):
        log.poll(seconds=RETIRE_SECONDS)
    log.write(3)
    log.check()


def test_a_backup_of_the_log_is_not_counted(logs: Logs) -> None:
    log = logs("app.jsonl*")
    log.write(3)
    log.poll()
    log.write(3)
    shutil.copy(log.path, log.folder / "app.jsonl.backup")
    for _ in range(3):
        log.check()
        log.write(3)
        log.restart()
    log.check()


@NARROW_AND_WIDE
@pytest.mark.parametrize("unread", [0, 5])
@pytest.mark.parametrize("after", [0, 1, 50])
def test_copytruncate_while_down(logs: Logs, pattern: str, unread: int, after: int) -> None:
    log = logs(pattern)
    for _ in range(3):
        log.write(3)
        log.check()
        log.stop()
        log.write(unread)
        log.copytruncate()
        log.write(after)
        log.start()
        log.check()
        log.restart()
        log.check()
    assert log.gaps == 0


@NARROW_AND_WIDE
def test_copytruncate_several_times_while_down(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.stop()
    for _ in range(4):
        log.write(3)
        log.copytruncate()
    log.write(3)
    log.start()
    log.check()
    assert log.gaps == 0


@NARROW_AND_WIDE
def test_while_a_copy_is_read_to_its_end(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.write(20_000, pad=50)
    log.copytruncate()
    log.write(3)
    [source] = log.sources
    for _ in range(3):
        log.now += 1
        assert source.poll()
    log.stop()
    log.rotated(1).rename(log.rotated(2))
    log.write(3)
    log.start()
    log.check()
    assert log.gaps == 0


def test_a_restart_while_no_line_of_a_copy_was_read(logs: Logs) -> None:
    log = logs(line_bytes=2**20)
    line = log.record(pad=600_000)
    log.append(line[:100_000])
    log.poll()
    log.append(line[100_000:])
    log.copytruncate()
    log.write(3)
    [source] = log.sources
    for _ in range(2):
        log.now += 1
        assert source.poll()
    log.restart()
    log.check()
    assert log.gaps == 0
