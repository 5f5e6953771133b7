"""The exporter starts again, and the log is gone, is another one, or is back later: nothing is counted twice."""

from collections.abc import Callable

import msgspec
import pytest
from structlog.testing import capture_logs

from exporter.sources.file.open_files import PATIENCE_SECONDS
from exporter.state.checkpoint import decode, encode
from tests.sources.log import Log, refuse

Logs = Callable[..., Log]


def test_rotated_and_deleted_while_down_is_a_gap_and_is_logged(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.write(3, times=0)
    log.path.unlink()
    log.write(3)
    log.start()
    with capture_logs() as told:
        log.check()
    assert log.gaps == 1
    assert "the rest of a file was not found" in [entry["event"] for entry in told if entry["log_level"] == "warning"]
    log.restart()
    log.check()
    assert log.gaps == 1


def test_an_empty_file_that_is_written_and_rotated_while_down(log: Log) -> None:
    log.append(b"")
    log.poll()
    log.stop()
    log.write(3)
    log.rotate()
    log.write(3)
    log.start()
    log.check()
    assert log.gaps == 0


def test_the_inode_of_an_empty_file_is_reused_by_another_log(log: Log) -> None:
    log.append(b"")
    log.poll()
    log.stop()
    log.path.rename(log.folder / "stderr")
    log.append(b"not ours\n", log.folder / "stderr")
    log.start()
    log.write(3)
    log.check()
    assert log.rejected == {}


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_inode_is_reused_by_the_next_log(log: Log, count: int) -> None:
    log.write(3)
    log.poll()
    log.stop()
    # A deleted file's inode number with other content: to us it looks the same as a file that is written anew.
    log.rewrite(b"".join(log.record() for _ in range(count)))
    log.start()
    log.check()
    assert log.gaps == 1


def test_delete_and_recreate_while_down_with_any_inode(log: Log) -> None:
    for count in (1, 3, 10):
        log.write(3)
        log.poll()
        log.stop()
        log.path.unlink()
        log.write(count)
        log.start()
        log.check()


def moved_device(saved: bytes) -> bytes:
    """The same state, from before a reboot that gave the disk another number."""
    snapshot = decode(saved)
    positions = {
        msgspec.structs.replace(stream, device=stream.device + 1): position
        for stream, position in snapshot.positions.items()
    }
    return encode(msgspec.structs.replace(snapshot, positions=positions))


def test_a_reboot_changes_the_device_number(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.write(3)
    log.saved = moved_device(log.saved)
    log.start()
    log.check()
    log.stop()
    log.write(3)
    log.rotate()
    log.write(3)
    log.saved = moved_device(log.saved)
    log.start()
    log.check()
    assert log.gaps == 0


def test_a_reboot_before_anything_was_read(log: Log) -> None:
    log.append(b"")
    log.poll()
    log.stop()
    log.write(3)
    log.saved = moved_device(log.saved)
    log.start()
    log.check()
    assert log.gaps == 0


def test_a_folder_that_is_mounted_late_is_not_read_again(logs: Logs) -> None:
    log = logs("folder/*.jsonl")
    folder, aside = log.folder / "folder", log.folder / "aside"
    folder.mkdir()
    log.write(3, folder / "a.jsonl")
    log.write(3, folder / "b.jsonl")
    log.poll()
    log.stop()
    folder.rename(aside)
    log.start()
    with capture_logs() as told:
        for _ in range(3):
            log.poll(seconds=60)
    assert len([entry for entry in told if entry["log_level"] == "warning"]) == 2
    log.restart()
    log.poll()
    log.write(3, aside / "a.jsonl")
    aside.rename(folder)
    log.check()
    assert (log.gaps, log.open_files) == (0, 2)


def test_a_file_that_never_returns_is_a_gap_in_the_end(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.path.unlink()
    log.start()
    log.check()
    assert log.gaps == 0
    log.poll(seconds=PATIENCE_SECONDS)
    assert log.gaps == 1
    assert not log.engine.snapshot(log.now).positions
    log.check()


def test_an_old_file_that_cannot_be_read_at_start_is_not_counted_again(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.start()
    with monkeypatch.context() as patch:
        refuse(patch, log.path)
        log.poll()
        assert log.metric("failing_files") == 1
        log.write(3)
        log.poll()
    log.check()
    assert log.metric("failing_files") == 0
    assert log.gaps == 0


def test_an_old_file_that_can_be_read_a_moment_later_is_not_counted_again(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write(3)
    log.poll()
    for refused in range(1, 7):
        log.restart()
        with monkeypatch.context() as patch:
            refuse(patch, log.path, times=refused)
            log.poll()
        log.check()
    assert log.gaps == 0


def test_a_file_that_was_moved_to_a_folder_below_while_down(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    log.write(3)
    (log.folder / "archive").mkdir()
    log.path.rename(log.folder / "archive" / "app.jsonl")
    log.write(3)
    log.start()
    log.check()
    assert log.gaps == 0


def test_a_file_that_was_moved_elsewhere_while_down_is_a_gap(log: Log) -> None:
    log.write(3)
    log.poll()
    log.stop()
    (log.folder.parent / "archive").mkdir()
    log.path.rename(log.folder.parent / "archive" / "app.jsonl")
    log.write(3)
    log.start()
    log.check()
    assert log.gaps == 1
