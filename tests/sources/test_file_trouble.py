"""Other things than logs, and unreadable files, neither block nor stop the source, and all other files are read."""

import errno
import os
import socket
from collections.abc import Callable
from typing import Self

import pytest
from structlog.testing import capture_logs

from exporter.sources.file.open_files import RETIRE_SECONDS
from tests.sources.log import Log, refuse

Logs = Callable[..., Log]


def test_a_fifo_a_folder_and_a_socket_that_match(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    log = logs("*.jsonl")
    os.mkfifo(log.folder / "fifo.jsonl")
    (log.folder / "folder.jsonl").mkdir()
    (log.folder / "null.jsonl").symlink_to("/dev/null")
    monkeypatch.chdir(log.folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.jsonl")
        log.write(3)
        log.check()
        assert log.open_files == 1
        assert log.metric("failing_files") == 0
        log.restart()
        log.write(3)
        log.check()


def test_a_fifo_in_the_place_of_the_log(log: Log) -> None:
    log.write(3)
    log.poll()
    log.write(3)
    log.rotate()
    os.mkfifo(log.path)
    log.check()
    log.restart()
    log.check()
    log.path.unlink()
    log.write(3)
    log.check()


def test_a_fifo_that_takes_the_place_of_a_file_while_it_is_opened(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3, times=0)
    real = os.open

    def late(path: str, *args: int) -> int:
        os.unlink(path)
        os.mkfifo(path)
        return real(path, *args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", late)
        log.check()
    log.path.unlink()
    log.write(3)
    log.check()


def test_a_folder_in_the_place_of_the_log(log: Log) -> None:
    log.write(3)
    log.poll()
    log.path.unlink()
    log.path.mkdir()
    log.check()
    log.path.rmdir()
    log.write(3)
    log.check()


def test_a_broken_symlink_is_read_once_its_target_is_there(log: Log) -> None:
    log.path.symlink_to(log.folder / "target")
    log.check()
    log.write(3)
    log.check()


def test_a_file_that_becomes_readable_later_is_read_from_its_start(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3)
    with monkeypatch.context() as patch, capture_logs() as told:
        refuse(patch, log.path)
        for _ in range(10):
            log.poll()
        assert log.counts == {}
        assert log.metric("failing_files") == 1
        assert [entry["log_level"] for entry in told] == ["warning"]
    log.check()
    assert log.metric("failing_files") == 0


def test_a_file_that_stays_unreadable_is_failing_until_it_is_gone(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.append(b"x")
    refuse(monkeypatch, log.path)
    log.poll()
    assert log.metric("failing_files") == 1
    log.path.unlink()
    log.poll()
    assert log.metric("failing_files") == 0


def test_a_new_file_that_is_unreadable_at_first_after_rotation(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3)
    log.poll()
    log.write(3)
    log.rotate()
    log.write(3)
    with monkeypatch.context() as patch:
        refuse(patch, log.path)
        log.poll()
        log.write(3, log.rotated(1))
        log.poll(seconds=5)
    log.check()
    assert log.rotations("rename") == 1
    assert log.gaps == 0


def test_too_many_open_files(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    log = logs("*.jsonl")
    for name in "abc":
        log.write(3, log.folder / f"{name}.jsonl")
    real, opened = os.open, []

    def exhausted(path: str, *args: int) -> int:
        if len(opened) >= 2:
            raise OSError(errno.EMFILE, "Too many open files", path)
        opened.append(path)
        return real(path, *args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", exhausted)
        log.poll()
        assert (log.open_files, log.metric("failing_files")) == (2, 1)
    log.check()
    assert log.metric("failing_files") == 0


def test_a_disk_that_cannot_be_read_for_a_while(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3)
    log.poll()
    log.write(3)
    with monkeypatch.context() as patch, capture_logs() as told:
        patch.setattr(os, "pread", broken)
        for _ in range(10):
            log.poll(seconds=60)
        assert log.metric("failing_files") == 1
        assert [entry["event"] for entry in told] == ["cannot read file; will try again"]
    log.check()
    assert log.metric("failing_files") == 0
    assert log.gaps == 0


def test_a_disk_that_cannot_be_read_at_start(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3)
    log.poll()
    log.restart()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", broken)
        log.poll()
        log.poll()
        assert log.metric("failing_files") == 1
    log.write(3)
    log.check()
    assert (log.metric("failing_files"), log.gaps) == (0, 0)


def test_a_rotated_file_that_becomes_unreadable_is_closed_and_a_gap(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3)
    log.poll()
    handle = next(iter(log.sources[0]._files.tails.values())).handle._descriptor
    log.write(3, times=0)
    log.rotate()
    log.write(3)
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, *args: broken() if fd == handle else real(fd, *args))
    log.check()
    assert (log.gaps, log.open_files, log.metric("failing_files")) == (0, 2, 1)
    log.poll(seconds=RETIRE_SECONDS)
    log.check()
    assert (log.gaps, log.open_files, log.metric("failing_files")) == (1, 1, 0)


def test_a_name_that_is_not_text_does_not_stop_the_source(logs: Logs) -> None:
    log = logs("*")
    (log.folder / os.fsdecode(b"\xff.jsonl")).write_bytes(log.record(times=0))
    log.write(3)
    log.check()
    assert log.metric("failing_files") == 1
    log.restart()
    log.check()


def test_a_name_that_is_not_text_among_the_siblings(log: Log) -> None:
    log.write(3)
    log.poll()
    log.write(3)
    (log.folder / os.fsdecode(b"\xff")).write_bytes(log.path.read_bytes())
    log.rewrite(log.record())
    log.expected.subtract(["r4", "r5", "r6"])
    log.expected = +log.expected
    log.check()
    assert log.gaps == 1


def test_a_sibling_that_is_deleted_while_the_folder_is_listed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3)
    log.poll()
    log.write(3)
    log.append(b"", log.folder / "gone")
    log.copytruncate()
    real = os.scandir

    def late(folder: str) -> Listed:
        entries = list(real(folder))
        (log.folder / "gone").unlink(missing_ok=True)
        return Listed(entries)

    monkeypatch.setattr(os, "scandir", late)
    log.check()
    assert log.gaps == 0


class Listed(list["os.DirEntry[str]"]):
    """A folder's entries in place of a scandir iterator."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def broken(*_: object) -> bytes:
    raise OSError(errno.EIO, "Input/output error")
