"""The log was rotated and compressed with gzip, mostly while the exporter was down: every line is counted once."""

import gzip
import os
import subprocess
import tracemalloc
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from exporter.sources.file.handle import READ_BYTES
from exporter.sources.file.open_files import RETIRE_SECONDS
from tests.sources.log import Log

Logs = Callable[..., Log]
NARROW_AND_WIDE = pytest.mark.parametrize("pattern", ["app.jsonl", "app.jsonl*"])
BLOCKS = 3 * READ_BYTES // 40


def told(log: Log, *seconds: float) -> list[str]:
    """Return the warnings that are logged while time passes."""
    with capture_logs() as entries:
        for pause in seconds:
            log.poll(seconds=pause)
    return [entry["event"] for entry in entries if entry["log_level"] == "warning"]


def members(data: bytes, count: int) -> bytes:
    """Compress as several gzip members, one after another."""
    size = len(data) // count + 1
    return b"".join(gzip.compress(data[at : at + size]) for at in range(0, len(data), size))


@NARROW_AND_WIDE
@pytest.mark.parametrize("rotations", [1, 2, 3, 11])
@pytest.mark.parametrize("create", [False, True])
def test_all_rotated_files_were_compressed_while_down(
    logs: Logs, pattern: str, rotations: int, *, create: bool
) -> None:
    log = logs(pattern)
    for _ in range(3):
        log.write(3)
        log.poll()
        log.stop()
        for _ in range(rotations):
            log.write(3)
            log.rotate()
            log.compress(log.rotated(1))
        if create:
            log.write(3)
        log.start()
        log.check()
        log.poll(seconds=RETIRE_SECONDS)
    log.write(1)
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


@NARROW_AND_WIDE
def test_all_but_the_latest_were_compressed_while_down(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.stop()
    for _ in range(4):
        if log.rotated(1).exists():
            log.compress(log.rotated(1))
        log.write(3)
        log.rotate()
    log.write(3)
    log.start()
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


@NARROW_AND_WIDE
def test_compressed_with_dates_while_down(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.stop()
    for day in range(1, 5):
        log.write(3)
        dated = log.folder / f"app.jsonl-2026010{day}"
        log.path.rename(dated)
        log.compress(dated)
    log.write(3)
    log.start()
    log.check()
    assert log.gaps == 0


def test_compressed_by_gzip_itself(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    for _ in range(3):
        log.write(BLOCKS)
        log.rotate()
        subprocess.run(["gzip", log.rotated(1)], check=True)
    log.write(3)
    log.start()
    log.check()
    assert log.gaps == 0


@NARROW_AND_WIDE
def test_a_copy_was_compressed_while_down(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.stop()
    log.write(3)
    log.copytruncate()
    log.compress(log.rotated(1))
    log.write(3)
    log.start()
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


@NARROW_AND_WIDE
def test_a_copy_is_compressed_before_the_next_poll(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    for _ in range(3):
        log.write(3)
        log.poll()
        log.write(3)
        log.copytruncate()
        log.compress(log.rotated(1))
        log.write(1)
        log.check()
    assert (log.gaps, log.rejected) == (0, {})


@NARROW_AND_WIDE
def test_rotated_and_compressed_several_times_between_two_polls(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    for _ in range(3):
        log.write(3)
        log.poll()
        for _ in range(3):
            log.write(3)
            log.rotate()
            log.compress(log.rotated(1))
        log.write(3)
        log.check()
    assert (log.gaps, log.rejected) == (0, {})


@NARROW_AND_WIDE
def test_compressed_while_it_is_read(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(BLOCKS)
    [source] = log.sources
    assert source.poll()
    log.rotate(create=True)
    log.compress(log.rotated(1))
    log.check()
    for _ in range(3):
        log.poll(seconds=RETIRE_SECONDS)
    log.check()
    assert (log.gaps, log.open_files, log.rejected) == (0, 1, {})


@pytest.mark.parametrize("saved", [True, False])
def test_killed_again_and_again_within_compressed_files(log: Log, *, saved: bool) -> None:
    log.write(3)
    log.poll()
    log.stop()
    for _ in range(2):
        log.write(BLOCKS)
        log.rotate()
        log.compress(log.rotated(1))
    log.write(3)
    for blocks in range(1, 5):
        log.start()
        [source] = log.sources
        for _ in range(blocks):
            source.poll()
        if saved:
            log.save()
        log.crash()
    log.start()
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


def test_within_a_line_of_a_file_that_is_compressed_while_down(log: Log) -> None:
    line = log.record()
    log.append(line[:9])
    log.poll()
    log.append(line[9:] + (second := log.record())[:9])
    log.poll()
    log.stop()
    log.append(second[9:])
    log.rotate()
    log.compress(log.rotated(1))
    log.write(3)
    log.start()
    log.check()
    assert log.rejected == {}


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("behind", [b"", bytes(1000), b"what gzip leaves alone"])
def test_several_members_and_data_after_them(log: Log, count: int, behind: bytes) -> None:
    log.write(BLOCKS)
    log.poll()
    log.stop()
    log.write(BLOCKS)
    log.rotate()
    log.compress(log.rotated(1), lambda data: members(data, count) + behind)
    log.write(3)
    log.start()
    log.check()
    for _ in range(3):
        log.poll(seconds=RETIRE_SECONDS)
    assert (log.gaps, log.open_files, log.rejected) == (0, 1, {})


def test_a_generation_both_plain_and_compressed_is_read_once(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    for _ in range(3):
        log.write(3)
        log.rotate()
    for number in (1, 2, 3):
        log.compress(log.rotated(number), keep=True)
    log.write(3)
    log.start()
    log.check()
    for number in (1, 2, 3):
        log.rotated(number).unlink()
    log.check()
    log.restart()
    log.check()
    assert log.gaps == 0


@pytest.mark.parametrize("done", [0.0, 0.3, 0.9])
@NARROW_AND_WIDE
def test_started_while_gzip_is_running(logs: Logs, pattern: str, done: float) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.stop()
    for _ in range(2):
        log.write(300)
        log.rotate()
    for number in (1, 2):
        log.compress(log.rotated(number), lambda data: gzip.compress(data)[: int(done * 1000)], keep=True)
    log.write(3)
    log.start()
    log.check()
    for number in (1, 2):
        log.compress(log.rotated(number))
    log.check()
    log.restart()
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


@pytest.mark.parametrize("done", [0, 1, 5, 0.1, 0.5, 0.99])
def test_a_compressed_file_that_is_still_being_written_is_waited_for(log: Log, done: float) -> None:
    log.write(1000)
    log.poll()
    log.stop()
    log.write(1000)
    log.rotate()
    log.write(1000)
    log.rotate()
    packed = [log.compress(log.rotated(number)) for number in (2, 1)]
    whole = [path.read_bytes() for path in packed]
    for path, data in zip(packed, whole, strict=True):
        os.truncate(path, done if isinstance(done, int) else int(done * len(data)))
        log.touch(path)
    log.write(3)
    log.start()
    for _ in range(3):
        log.poll()
    for path, data in zip(packed, whole, strict=True):
        log.append(data[path.stat().st_size :], path)
    log.check()
    for _ in range(3):
        log.poll(seconds=RETIRE_SECONDS)
    log.check()
    assert (log.gaps, log.open_files, log.rejected) == (0, 1, {})


def test_a_compressed_file_that_grows_slowly_is_waited_for(log: Log) -> None:
    log.write(1000)
    log.poll()
    log.stop()
    log.write(1000)
    log.rotate()
    packed = log.compress(log.rotated(1))
    whole = packed.read_bytes()
    os.truncate(packed, 0)
    log.write(3)
    log.start()
    for at in range(0, len(whole), 500):
        log.poll(seconds=RETIRE_SECONDS * 0.9)
        log.append(whole[at : at + 500], packed)
    log.check()
    assert log.gaps == 0


@pytest.mark.parametrize("cut", [0.1, 0.9])
def test_a_compressed_file_that_was_cut_off_is_a_gap_and_logged_once(log: Log, cut: float) -> None:
    log.write(1000)
    log.poll()
    log.stop()
    log.write(1000, times=0)
    log.rotate()
    packed = log.compress(log.rotated(1))
    os.truncate(packed, int(cut * packed.stat().st_size))
    log.write(3)
    log.start()
    events = told(log, 0.25, RETIRE_SECONDS, RETIRE_SECONDS, RETIRE_SECONDS)
    assert events.count("the rest of a file was not found") == 1
    assert (log.gaps, log.open_files, log.metric("failing_files")) == (1, 1, 0)
    # Its readable part is counted.
    assert log.expected.items() <= log.counts.items()
    log.restart()
    log.write(3)
    log.poll()
    assert log.expected.items() <= log.counts.items()
    assert log.gaps == 1


@pytest.mark.parametrize("at", [0, 2, 0.5, -8, -1])
def test_a_damaged_compressed_file_is_a_gap_and_logged_once(log: Log, at: float) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.write(3)
    log.rotate()
    log.write(2000, times=0, pad=50)
    log.rotate()
    packed = log.compress(log.rotated(1))
    data = bytearray(packed.read_bytes())
    where = at if isinstance(at, int) else int(at * len(data))
    data[where] ^= 0xFF
    packed.write_bytes(data)
    log.touch(packed)
    log.write(3)
    log.start()
    events = told(log, 0.25, RETIRE_SECONDS, RETIRE_SECONDS, RETIRE_SECONDS)
    assert events.count("the rest of a file was not found") == 1
    assert (log.gaps, log.open_files) == (1, 1)
    assert log.expected.items() <= log.counts.items()


def test_a_bomb_takes_no_memory(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.rotate()
    log.append(b"x" * 50_000_000 + b"\n")
    log.rotate()
    for number in (1, 2):
        log.compress(log.rotated(number))
    assert log.rotated(1).with_name("app.jsonl.1.gz").stat().st_size < 100_000
    log.write(3)
    log.start()
    tracemalloc.start()
    log.check()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8_000_000
    assert log.rejected == {"oversize": 1}


def test_a_first_start_reads_no_compressed_files(logs: Logs) -> None:
    log = logs("app.jsonl*")
    log.write(3, times=0)
    log.rotate()
    log.compress(log.rotated(1))
    for suffix in (".bz2", ".xz", ".zst"):
        (log.folder / f"app.jsonl.2{suffix}").write_bytes(b"what is not a line\n")
    log.write(3)
    log.check()
    log.restart()
    log.check()
    assert (log.rejected, log.open_files) == ({}, 1)


def test_a_file_compressed_under_a_temporary_name_is_no_log(logs: Logs) -> None:
    log = logs("app.jsonl*")
    log.write(3)
    log.poll()
    log.rotate(create=True)
    log.write(3)
    log.poll()
    # As the kubelet does.
    temporary = log.folder / "app.jsonl.1.tmp"
    data = gzip.compress(log.rotated(1).read_bytes())
    for size in (0, 1, 30, len(data)):
        temporary.write_bytes(data[:size])
        log.check()
    temporary.rename(log.folder / "app.jsonl.1.gz")
    log.rotated(1).unlink()
    log.check()
    log.restart()
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


def test_a_log_and_its_rotated_files_as_two_patterns(logs: Logs) -> None:
    log = logs("app.jsonl", "*.gz")
    log.write(3)
    log.poll()
    log.rotate()
    log.compress(log.rotated(1))
    log.write(3)
    log.check()
    log.restart()
    log.check()
    assert log.rejected == {}


def test_a_compressed_file_that_is_renamed_while_it_is_read(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.write(BLOCKS)
    log.rotate()
    log.compress(log.rotated(1))
    log.write(3)
    log.start()
    [source] = log.sources
    assert source.poll()
    log.rotate()
    log.write(3)
    log.save()
    log.crash()
    log.start()
    log.check()
    assert log.gaps == 0


def test_all_compressed_files_are_deleted_while_one_is_read(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.write(BLOCKS)
    log.rotate()
    packed = log.compress(log.rotated(1))
    log.write(3)
    log.start()
    [source] = log.sources
    assert source.poll()
    packed.unlink()
    log.check()
    for _ in range(3):
        log.poll(seconds=RETIRE_SECONDS)
    assert (log.gaps, log.open_files) == (0, 1)


def test_compressed_files_of_other_logs_are_ignored(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    for name in ("other.jsonl.1.gz", "app.err.1.gz", "empty.gz"):
        with gzip.open(log.folder / name, "wb") as file:
            file.write(b"not ours\n" * 100)
    (log.folder / "empty.gz").write_bytes(b"")
    log.write(3)
    log.rotate()
    log.compress(log.rotated(1))
    log.write(3)
    log.start()
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


def test_compressed_with_dates_without_keeping_the_time(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    for day in (1, 2, 3):
        log.write(3)
        log.path.rename(log.folder / f"app.jsonl.2026010{day}-030405")
    log.write(3)
    # The kubelet does not, and never compresses the latest.
    for day in (2, 1):
        log.touch(log.compress(log.folder / f"app.jsonl.2026010{day}-030405"))
    log.start()
    log.check()
    assert log.gaps == 0


@NARROW_AND_WIDE
def test_compressed_while_there_is_no_log(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.stop()
    log.rotate()
    log.compress(log.rotated(1))
    log.write(3)
    log.rotate()
    log.start()
    log.check()
    log.compress(log.rotated(1))
    for _ in range(3):
        log.poll(seconds=RETIRE_SECONDS)
    log.write(3)
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


@NARROW_AND_WIDE
def test_copied_rotated_and_compressed_between_two_polls(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.copytruncate()
    log.write(3)
    log.rotate()
    log.compress(log.rotated(1))
    log.check()
    log.write(3)
    log.check()
    assert (log.gaps, log.rejected) == (0, {})


@NARROW_AND_WIDE
def test_the_latest_is_compressed_and_much_later_another_is_missed(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    for restart in (False, True):
        log.write(3)
        log.poll()
        log.rotate()
        log.compress(log.rotated(1))
        for _ in range(3):
            log.poll(seconds=60)
        if restart:
            log.restart()
        log.write(3)
        log.rotate()
        log.write(3)
        log.check()
    assert (log.gaps, log.rejected) == (0, {})


@NARROW_AND_WIDE
def test_another_is_missed_and_compressed_while_there_is_no_log(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.rotate()
    log.poll(seconds=RETIRE_SECONDS)
    log.write(3)
    log.rotate()
    log.poll()
    log.compress(log.rotated(1))
    for _ in range(3):
        log.poll(seconds=60)
    log.write(3)
    log.check()
    assert (log.gaps, log.rejected) == (0, {})
