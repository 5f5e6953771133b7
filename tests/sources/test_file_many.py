"""More files than the process may open: they are read in turn, and none is lost."""

import resource
from collections.abc import Callable

import pytest

from exporter.sources.file.handle import Handle
from exporter.sources.file.open_files import LEAST_DESCRIPTORS, RETIRE_SECONDS
from tests.sources.log import Log

Logs = Callable[..., Log]
FILES = 40


@pytest.fixture(autouse=True)
def _few_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))


def write_all(log: Log) -> None:
    for number in range(FILES):
        log.write(2, log.folder / f"pod-{number}.jsonl")


def test_more_files_than_descriptors_are_read_in_turn(logs: Logs) -> None:
    log = logs("*.jsonl")
    for _ in range(3):
        write_all(log)
        log.check()
        assert Handle.open_count <= LEAST_DESCRIPTORS
        assert log.open_files + log.metric("closed_files") == FILES
        log.poll(seconds=60)
    log.restart()
    write_all(log)
    log.check()


@pytest.mark.parametrize("pattern", ["*.jsonl", "*"])
def test_files_that_were_closed_are_found_when_they_are_renamed(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    write_all(log)
    log.check()
    write_all(log)
    for path in sorted(log.folder.glob("*.jsonl")):
        path.rename(path.with_name(path.name + ".1"))
    write_all(log)
    for _ in range(3):
        log.poll()
    log.check()
    assert log.gaps == 0
    log.poll(seconds=RETIRE_SECONDS)
    log.check()


def test_a_closed_file_that_was_deleted_is_forgotten(logs: Logs) -> None:
    log = logs("*.jsonl")
    write_all(log)
    log.check()
    for path in sorted(log.folder.glob("*.jsonl")):
        path.unlink()
    for _ in range(3):
        log.poll(seconds=3600)
    log.check()
    assert (log.gaps, log.open_files, log.metric("closed_files")) == (0, 0, 0)


def test_a_closed_file_that_is_truncated_is_read_from_its_start(logs: Logs) -> None:
    log = logs("*.jsonl")
    write_all(log)
    log.check()
    for number in range(FILES):
        (log.folder / f"pod-{number}.jsonl").write_bytes(log.record() + log.record() + log.record())
    log.check()
