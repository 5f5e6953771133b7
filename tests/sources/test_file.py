"""Logs that grow, and new files: every line is counted once."""

import asyncio
import gzip
import math
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import pacer
from exporter.sources.file.handle import READ_BYTES
from exporter.sources.file.source import POLL_SECONDS
from exporter.sources.file.tail import SHORT_READ_BYTES
from tests.sources.log import LINE_BYTES, Log

Logs = Callable[..., Log]


def test_appended_lines(log: Log) -> None:
    log.check()
    for count in (1, 3, 200):
        log.write(count)
        log.check()


def test_a_partial_last_line_waits_for_its_newline_wherever_it_is_cut(log: Log) -> None:
    for cut in range(len(log.record(times=0))):
        before = log.counts
        line = log.record()
        log.append(line[:cut])
        log.poll()
        assert log.counts == before
        log.append(line[cut:])
        log.check()
    assert log.rejected == {}


def test_a_partial_last_line_waits_for_any_time(log: Log) -> None:
    line = log.record()
    log.append(line[:9])
    for _ in range(5):
        log.poll(seconds=86400)
    log.append(line[9:])
    log.check()


def test_a_long_line_is_written_in_pieces(logs: Logs) -> None:
    log = logs(line_bytes=2**21)
    line = log.record(pad=2**20)
    for at in range(0, len(line), 16384):
        log.append(line[at : at + 16384])
        log.poll()
    log.check()


def test_several_blocks_are_read_in_one_poll(log: Log) -> None:
    log.write(5000, pad=100)
    assert log.path.stat().st_size > 2 * READ_BYTES
    log.check()


def test_a_file_that_ends_with_a_block_is_read_further(logs: Logs) -> None:
    log = logs(line_bytes=2 * READ_BYTES)
    log.write(pad=READ_BYTES - len(log.record(times=0)))
    assert log.path.stat().st_size == READ_BYTES
    log.check()
    log.poll(seconds=60)
    log.write()
    log.check()


def test_one_block_of_each_file_is_read_in_turn(logs: Logs) -> None:
    log = logs("*.jsonl")
    log.write(5000, pad=100)
    log.write(1, log.folder / "quiet.jsonl")
    [source] = log.sources
    assert source.poll()
    assert f"r{5001}" in log.counts
    assert log.metric("lag_bytes") == log.path.stat().st_size - SHORT_READ_BYTES
    log.now += 1
    assert source.poll()
    assert log.metric("lag_seconds") == 1
    log.check()
    assert log.metric("lag_bytes") == log.metric("lag_seconds") == 0


def test_a_file_that_appears_later_is_read_from_its_start(logs: Logs) -> None:
    log = logs("*.jsonl")
    log.check()
    log.write(3)
    log.check()
    log.write(3, log.folder / "another.jsonl")
    log.check()
    assert log.open_files == 2


def test_a_folder_that_appears_later(logs: Logs) -> None:
    log = logs("later/*/*.jsonl")
    log.check()
    (log.folder / "later").mkdir()
    log.check()
    (log.folder / "later" / "today").mkdir()
    log.write(3, log.folder / "later" / "today" / "x.jsonl")
    log.check()


def test_files_with_the_same_content_are_two_files(logs: Logs) -> None:
    log = logs("*.jsonl")
    lines = log.record(times=2) + log.record(times=2)
    for name in ("a", "b"):
        log.append(lines, log.folder / f"{name}.jsonl")
    log.check()
    log.write(2, log.folder / "a.jsonl")
    log.write(2, log.folder / "b.jsonl")
    log.check()


def test_two_hundred_files(logs: Logs) -> None:
    log = logs("*.jsonl")
    for _ in range(3):
        for number in range(200):
            log.write(2, log.folder / f"worker-{number}.jsonl")
        log.check()
    log.restart()
    log.check()
    assert log.open_files == 200


def test_a_file_that_two_patterns_match_is_read_once(logs: Logs) -> None:
    log = logs("*.jsonl", "app.*")
    log.write(3)
    log.check()
    log.restart()
    log.write(3)
    log.check()


def test_hard_links_and_symlinks_to_one_file_are_one_file(logs: Logs) -> None:
    log = logs("*.jsonl")
    log.write(3)
    os.link(log.path, log.folder / "linked.jsonl")
    (log.folder / "zymlink.jsonl").symlink_to(log.path)
    log.check()
    log.path.unlink()
    log.poll(seconds=60)
    log.write(3, log.folder / "linked.jsonl")
    log.check()


def test_from_the_end_skips_existing_content(logs: Logs) -> None:
    log = logs("*.jsonl", from_end=True)
    log.write(5, times=0)
    log.check()
    log.write(2)
    log.check()
    log.write(2, log.folder / "later.jsonl")
    log.check()
    log.restart()
    log.write(2)
    log.check()


def test_from_the_end_starts_with_the_line_being_written(logs: Logs) -> None:
    log = logs(from_end=True)
    line = log.record()
    log.append(log.record(times=0) + line[:7])
    log.poll()
    log.append(line[7:])
    log.check()
    assert log.rejected == {}


def test_from_the_end_of_a_line_longer_than_a_block_starts_with_the_next(logs: Logs) -> None:
    log = logs(from_end=True)
    log.append(b"x" * (READ_BYTES + 1))
    log.poll()
    log.append(b"x\n")
    log.write()
    log.check()
    assert log.rejected == {}


def test_from_the_end_reads_files_created_while_down(logs: Logs) -> None:
    log = logs("*.jsonl", from_end=True)
    log.write(5, times=0)
    log.poll()
    log.stop()
    log.write(2)
    log.rotate()
    log.write(2)
    log.write(2, log.folder / "new.jsonl")
    log.start()
    log.check()


def test_a_line_over_the_limit_is_skipped_to_its_newline_over_many_polls(log: Log) -> None:
    log.write(2)
    for _ in range(10):
        log.append(b"x" * LINE_BYTES)
        log.poll()
    log.append(b"x\n")
    log.write(2)
    log.check()
    assert log.rejected == {"oversize": 1}
    assert len(log.bad) == 1


@pytest.mark.parametrize("filler", [b"x", b"\0"])
def test_a_restart_within_a_line_over_the_limit(log: Log, filler: bytes) -> None:
    log.write(2)
    log.append(filler * 5000)
    log.poll()
    log.restart()
    log.append(filler + b'{"prediction": "within"}')
    log.poll()
    log.restart()
    log.append(b"x\n")
    log.write(2)
    log.check()
    assert log.rejected == {"oversize": 1}


@pytest.mark.parametrize("junk", ["gzip", "random", "nul"])
def test_garbage_is_rejected_and_the_following_lines_are_read(log: Log, junk: str) -> None:
    data = random.Random(1).randbytes(100_000)
    garbage = {"gzip": gzip.compress(data), "random": data, "nul": b"x\n" + bytes(100_000)}[junk]
    log.append(garbage + b"\n")
    log.write(3)
    log.check()
    assert sum(log.rejected.values()) == garbage.count(b"\n") + 1
    log.restart()
    log.write(3)
    log.check()


def test_a_quiet_file_is_not_read_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3)
    for _ in range(5):
        log.poll(seconds=2)
    reads: list[int] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *args: reads.append(1) or pread(*args))
    log.poll()
    assert not reads
    log.write(3)
    log.check()
    assert reads


def test_it_pauses_when_all_is_read(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(2 * READ_BYTES // 128, pad=100)
    pauses: list[float] = []
    monkeypatch.setattr(pacer, "WORK_SECONDS", math.inf)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        log.now += 1
        if len(pauses) == 5:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(log.sources[0].run())
    assert pauses == [0, 0, POLL_SECONDS, POLL_SECONDS, POLL_SECONDS]
    assert log.counts == log.expected


def test_a_file_that_is_open_already_is_not_opened_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(3)
    log.poll()
    opened: list[Path] = []
    monkeypatch.setattr(os, "open", opened.append)
    log.write(3)
    log.check()
    assert not opened
