"""A log that is renamed, replaced, deleted or swapped while it is read: every line is counted once."""

import time
from collections.abc import Callable

import psutil
import pytest

from exporter.sources.file.open_files import PATIENCE_SECONDS, RETIRE_SECONDS
from tests.sources.log import Log

Logs = Callable[..., Log]
NARROW_AND_WIDE = pytest.mark.parametrize("pattern", ["app.jsonl", "app.jsonl*"])


@NARROW_AND_WIDE
def test_rename_rotation_with_writes_to_the_old_handle_after_it(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    with log.path.open("ab") as old:
        log.write(3, old)
        log.check()
        log.rotate()
        log.write(3, old)
        log.check()
        log.write(3)
        log.write(3, old)
        log.check()
        for _ in range(5):
            log.poll(seconds=RETIRE_SECONDS - 1)
            log.write(1, old)
            log.write(1)
        log.check()
    assert log.rotations("rename") == 1
    assert log.gaps == 0


def test_a_rotated_file_is_closed_once_it_is_quiet(log: Log) -> None:
    for _ in range(20):
        log.write(3)
        log.poll()
        log.rotate(create=True)
        log.poll()
        assert log.open_files == 2
        log.poll(seconds=RETIRE_SECONDS)
        assert log.open_files == 1
    log.check()
    log.save()
    assert len(log.engine.snapshot(log.now).positions) == 1
    assert log.rotations("rename") == 20


def test_a_partial_last_line_is_finished_in_its_rotated_file(log: Log) -> None:
    with log.path.open("ab") as old:
        line = log.record()
        log.append(line[:9], old)
        log.poll()
        log.rotate()
        log.write(2)
        log.poll()
        log.append(line[9:], old)
        log.check()


def test_a_last_line_that_never_gets_its_newline_counts_when_its_file_is_closed(log: Log) -> None:
    log.append(log.record()[:-1])
    log.poll()
    log.rotate()
    log.write(2)
    log.poll()
    log.poll(seconds=RETIRE_SECONDS)
    log.check()


@NARROW_AND_WIDE
@pytest.mark.parametrize("rotations", [2, 3, 12])
def test_several_renames_within_one_poll(logs: Logs, pattern: str, rotations: int) -> None:
    log = logs(pattern)
    log.write(1)
    log.poll()
    for _ in range(3):
        for _ in range(rotations):
            log.write(3)
            log.rotate()
        log.write(3)
        log.check()
        log.poll(seconds=RETIRE_SECONDS)
    assert log.gaps == 0


def test_several_renames_with_dates_within_one_poll(log: Log) -> None:
    days = iter(range(20240101, 20240120))
    log.write(1)
    log.poll()
    for _ in range(3):
        for _ in range(3):
            log.write(3)
            log.path.rename(log.folder / f"app-{next(days)}.jsonl")
        log.write(3)
        log.check()
        log.poll(seconds=RETIRE_SECONDS)


@NARROW_AND_WIDE
def test_a_log_that_logrotate_backs_up_before_it_creates_one(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    log.write(3)
    log.poll()
    log.rotate()
    log.write(2)
    log.path.rename(log.path.with_name("app.jsonl-20240131103000.backup"))
    log.write(1)
    log.check()
    log.poll(seconds=RETIRE_SECONDS)
    log.rotate()
    log.write(1)
    log.check()


def test_several_renames_and_no_new_file_yet(log: Log) -> None:
    log.write(3)
    log.poll()
    for _ in range(3):
        log.write(3)
        log.rotate()
    log.check()
    log.poll(seconds=60)
    log.write(3)
    log.check()


def test_a_poll_between_the_rename_and_the_new_file(log: Log) -> None:
    log.write(3)
    log.poll()
    log.write(3)
    log.rotate()
    log.check()
    log.write(3)
    log.rotate()
    log.write(3)
    log.check()
    assert log.rotations("rename") == 1


def test_a_file_missed_while_there_was_no_log_is_found_in_the_end(log: Log) -> None:
    log.write(3)
    log.poll()
    log.rotate()
    log.poll(seconds=60)
    log.write(3)
    log.rotate()
    log.poll(seconds=60)
    assert len(log.counts) == 3
    log.poll(seconds=PATIENCE_SECONDS)
    log.check()


def test_generations_older_than_the_first_start_are_ignored(log: Log) -> None:
    for _ in range(3):
        log.write(3, times=0)
        log.rotate()
    log.write(3)
    log.check()
    for _ in range(3):
        log.rotate()
        log.write(3)
        log.check()
        log.poll(seconds=60)
    log.check()


@pytest.mark.parametrize("name", ["app-{}.jsonl", "app.jsonl.{}", "app.2024010{}.jsonl", "app.{}"])
def test_numbers_that_count_up(log: Log, name: str) -> None:
    for number in range(1, 9):
        log.write(3)
        log.check()
        log.write(3)
        log.path.rename(log.folder / name.format(number))
        log.write(3)
        log.check()
        log.poll(seconds=RETIRE_SECONDS)
    assert log.gaps == 0


def test_generations_of_other_logs_are_ignored(log: Log) -> None:
    others = [log.folder / name for name in ("app2.jsonl", "app2.jsonl.1", "app.jsonl.1.bak", "ap.1", "other.1")]
    log.write(3)
    log.poll()
    for other in others:
        log.write(3, other, times=0)
    log.rotate()
    for other in others:
        log.write(3, other, times=0)
    log.write(3)
    log.check()


def test_a_name_that_is_renamed_within_the_pattern_is_no_new_file(logs: Logs) -> None:
    log = logs("*.jsonl")
    for number in range(5):
        log.write(3)
        log.poll()
        log.path.rename(log.folder / f"moved-{number}.jsonl")
        log.check()
        log.write(1, log.folder / f"moved-{number}.jsonl")
        log.check()
        log.poll(seconds=60)
    log.check()


def test_two_files_that_swap_their_names(logs: Logs) -> None:
    log = logs("*.jsonl")
    a, b, aside = (log.folder / name for name in ("a.jsonl", "b.jsonl", "aside"))
    log.write(3, a)
    log.write(5, b)
    log.poll()
    a.rename(aside)
    b.rename(a)
    aside.rename(b)
    log.check()
    log.write(3, a)
    log.write(3, b)
    log.check()
    log.poll(seconds=60)
    log.check()
    assert log.open_files == 2


def test_a_file_moved_away_is_closed_in_the_end(log: Log) -> None:
    log.write(3)
    log.poll()
    log.path.rename(log.folder / "archived")
    log.poll(seconds=60)
    assert log.open_files == 1
    log.poll(seconds=PATIENCE_SECONDS)
    assert log.open_files == 0
    log.check()
    assert log.gaps == 0


def test_a_folder_that_is_missing_for_a_while_is_not_read_again(logs: Logs) -> None:
    log = logs("folder/*.jsonl")
    folder, aside = log.folder / "folder", log.folder / "aside"
    folder.mkdir()
    log.write(3, folder / "a.jsonl")
    log.write(3, folder / "b.jsonl")
    log.poll()
    folder.rename(aside)
    for _ in range(10):
        log.poll(seconds=60)
    log.write(3, aside / "a.jsonl")
    log.check()
    aside.rename(folder)
    log.check()
    log.write(3, folder / "b.jsonl")
    log.check()
    assert log.open_files == 2


def test_a_file_that_is_deleted_while_open_is_read_to_its_end(log: Log) -> None:
    with log.path.open("ab") as old:
        log.write(3, old)
        log.poll()
        log.write(5000, old)
        log.path.unlink()
        log.write(3, old)
        log.check()
        log.write(3, old)
        log.check()
    log.poll(seconds=RETIRE_SECONDS)
    assert log.open_files == 0
    assert log.gaps == 0


def test_delete_and_recreate_between_two_polls(log: Log) -> None:
    for _ in range(5):
        log.write(3)
        log.poll()
        log.write(3)
        log.path.unlink()
        log.write(3)
        log.check()


def test_a_file_that_is_replaced_by_rename(log: Log) -> None:
    for _ in range(5):
        log.write(3)
        log.poll()
        log.write(3)
        log.write(2, log.folder / "new")
        (log.folder / "new").rename(log.path)
        log.check()


def test_a_symlink_that_is_swapped_to_another_file(logs: Logs) -> None:
    log = logs("current.jsonl")
    link = log.folder / "current.jsonl"
    pods = log.folder / "pods"
    pods.mkdir()
    for number in range(5):
        target = pods / f"{number}.log"
        log.write(3, target)
        (log.folder / "next").symlink_to(target)
        (log.folder / "next").rename(link)
        log.write(2, pods / f"{max(0, number - 1)}.log")
        log.check()
        log.write(3, target)
    log.check()
    assert log.rotations("rename") == 4


def test_rotation_beneath_a_symlink_into_another_folder(logs: Logs) -> None:
    log = logs("current.jsonl")
    pods = log.folder / "pods"
    pods.mkdir()
    (log.folder / "current.jsonl").symlink_to(pods / "0.log")
    log.write(3, pods / "0.log")
    log.poll()
    for minute in range(10, 13):
        log.write(3, pods / "0.log")
        (pods / "0.log").rename(pods / f"0.log.20240102-0304{minute}")
        if minute == 11:
            log.check()
    log.write(3, pods / "0.log")
    log.check()
    assert log.gaps == 0


def test_a_symlink_and_its_targets_in_one_pattern(logs: Logs) -> None:
    log = logs("*.jsonl")
    link = log.folder / "0-current.jsonl"
    for name in "abc":
        target = log.folder / f"{name}.jsonl"
        log.write(3, target)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        log.check()
        log.poll(seconds=60)
    log.write(3, log.folder / "a.jsonl")
    log.check()
    assert log.open_files == 3


def test_two_hundred_logs_rotated_at_once_do_not_delay_the_others(logs: Logs) -> None:
    """As at midnight, in one folder: the cost of one rotation must not grow with the number of other files."""
    log = logs("*.jsonl")
    paths = [log.folder / f"{number}.jsonl" for number in range(200)]
    for path in paths:
        log.write(to=path)
    log.check()
    for path in paths:
        log.write(to=path)
        path.rename(f"{path}.20260105")
        log.write(to=path)
    begin = time.process_time()
    log.poll()
    assert time.process_time() - begin < 3
    log.check()
    assert (log.rotations("rename"), log.gaps) == (200, 0)


@NARROW_AND_WIDE
def test_five_hundred_rotations(logs: Logs, pattern: str) -> None:
    log = logs(pattern)
    handles = psutil.Process().num_fds()
    for number in range(500):
        log.write(1)
        log.poll(seconds=1)
        log.rotate()
        log.rotated(4).unlink(missing_ok=True)
        if number % 3 == 0:
            log.write(1)
    log.check()
    assert log.open_files <= 16
    assert psutil.Process().num_fds() <= handles + 16
    assert log.gaps == 0
