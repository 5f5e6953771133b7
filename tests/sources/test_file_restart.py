"""The exporter ends and starts again, and the log was written to and rotated: every line is counted once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.lines.framing import Position
from exporter.sources.file.open_files import RETIRE_SECONDS
from exporter.state.checkpoint import CheckpointFolder, encode
from tests.sources.log import Log

Logs = Callable[..., Log]
NARROW_AND_WIDE = pytest.mark.parametrize("pattern", ["app.jsonl", "app.jsonl*"])


def test_nothing_new(log: Log) -> None:
    log.restart()
    log.write(3)
    log.poll()
    for _ in range(3):
        log.restart()
        log.check()
    assert (log.gaps, log.rotations("rename"), log.rotations("truncate")) == (0, 0, 0)


@pytest.mark.parametrize("count", [1, 5000])
def test_more_written(log: Log, count: int) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.write(count)
    log.start()
    log.check()


def test_before_the_file_was_read_to_its_end(log: Log) -> None:
    log.write(20_000, pad=50)
    [source] = log.sources
    assert source.poll()
    log.restart()
    log.check()


def test_within_a_line(log: Log) -> None:
    for cut in range(0, len(log.record(times=0)), 3):
        line = log.record()
        log.append(line[:cut])
        log.poll()
        log.restart()
        log.poll()
        log.append(line[cut:])
        log.check()
    assert log.rejected == {}


def test_within_a_line_of_a_file_that_is_rotated_while_down(log: Log) -> None:
    line = log.record()
    log.append(line[:9])
    log.poll()
    log.stop()
    log.append(line[9:])
    log.rotate()
    log.write(3)
    log.start()
    log.check()


@NARROW_AND_WIDE
@pytest.mark.parametrize("rotations", [1, 2, 3, 11])
@pytest.mark.parametrize("create", [False, True])
def test_rotated_while_down(logs: Logs, pattern: str, rotations: int, *, create: bool) -> None:
    log = logs(pattern)
    for _ in range(3):
        log.write(3)
        log.poll()
        log.stop()
        for _ in range(rotations):
            log.write(3)
            log.rotate()
        if create:
            log.write(3)
        log.start()
        log.check()
        log.poll(seconds=RETIRE_SECONDS)
    assert log.gaps == 0


def test_rotated_with_dates_while_down(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    for day in range(1, 5):
        log.write(3)
        log.path.rename(log.folder / f"app.jsonl-2024010{day}")
    log.write(3)
    log.start()
    log.check()


def test_rotated_while_down_and_not_written_to_again(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.write(3)
    log.rotate()
    log.start()
    for _ in range(3):
        log.check()
        log.restart()
    log.write(3)
    log.check()
    assert log.gaps == 0


def test_rotated_just_before_the_end(log: Log) -> None:
    log.write(3)
    log.poll()
    log.rotate()
    log.write(3)
    log.poll()
    log.stop()
    log.write(3, log.rotated(1))
    log.rotate()
    log.write(3)
    log.start()
    log.check()
    assert log.gaps == 0


def test_lines_that_were_not_saved_before_a_crash_are_read_again(log: Log) -> None:
    log.write(3)
    log.poll()
    log.save()
    for _ in range(3):
        log.write(3)
        log.check()
        log.rotate(create=True)
        log.check()
    log.crash()
    log.start()
    log.check()
    assert log.gaps == 0


def test_a_real_checkpoint_folder(log: Log, tmp_path: Path) -> None:
    for _ in range(3):
        log.write(3)
        log.poll()
        checkpoint = CheckpointFolder(tmp_path / "state")
        checkpoint.save(log.engine.snapshot(log.now))
        checkpoint.close()
        log.crash()
        log.write(3)
        log.rotate()
        checkpoint = CheckpointFolder(tmp_path / "state")
        snapshot = checkpoint.load().snapshot
        checkpoint.close()
        assert snapshot
        log.saved = encode(snapshot)
        log.start()
        log.check()


def test_positions_are_after_whole_lines(log: Log) -> None:
    log.write(3)
    size = log.path.stat().st_size
    log.append(b'{"prediction"')
    log.poll()
    [position] = log.engine.snapshot(log.now).positions.values()
    assert isinstance(position, Position)
    assert position.offset == size
