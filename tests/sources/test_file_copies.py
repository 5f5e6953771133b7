"""Copies of a log that the pattern matches are not counted again; logs that begin alike are.

With the real process and over HTTP; `make chaos` copies logs at random.
"""

import gzip
import shutil
from collections.abc import Callable

import pytest

from tests.sources.followed_log import FollowedLog

Follow = Callable[..., FollowedLog]
PATTERNS = pytest.mark.parametrize("pattern", ["logs/*.jsonl", "logs/*"])
NAMES = pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("logs/*.jsonl", "app-20261130.jsonl"),
        ("logs/*.jsonl", "app.1.jsonl"),
        ("logs/*", "app.jsonl.1"),
        ("logs/*", "0 app.jsonl"),
    ],
)


def truncate(log: FollowedLog) -> None:
    log.path.write_bytes(b"")


@NAMES
def test_copytruncate_to_a_name_in_the_pattern(follow: Follow, pattern: str, name: str) -> None:
    log = follow(pattern)
    log.write(100)
    log.wait_until_counted()
    shutil.copyfile(log.path, log.beside(name))
    truncate(log)
    log.check()
    log.write(3)
    log.check()
    log.restart()
    log.check()


@NAMES
def test_a_line_that_is_read_between_the_copy_and_the_truncation(follow: Follow, pattern: str, name: str) -> None:
    log = follow(pattern)
    log.write(100)
    log.wait_until_counted()
    shutil.copyfile(log.path, log.beside(name))
    log.write()
    log.wait_until_counted()
    truncate(log)
    log.check()


@NAMES
def test_lines_that_are_read_from_the_copy_only(follow: Follow, pattern: str, name: str) -> None:
    log = follow(pattern)
    log.write(100)
    log.wait_until_counted()
    log.write(50)
    shutil.copyfile(log.path, log.beside(name))
    truncate(log)
    log.check()


@NAMES
def test_a_copy_that_is_overwritten_in_place_by_the_next_one(follow: Follow, pattern: str, name: str) -> None:
    log = follow(pattern)
    for _ in range(3):
        log.write(3)
        log.wait_until_counted()
        shutil.copyfile(log.path, log.beside(name))
        truncate(log)
    log.check()


@NAMES
@pytest.mark.parametrize("unread", [0, 20])
def test_copytruncate_while_the_sidecar_is_down(follow: Follow, pattern: str, name: str, unread: int) -> None:
    log = follow(pattern)
    log.write(100)
    log.wait_until_counted()
    log.kill()
    log.write(unread)
    shutil.copyfile(log.path, log.beside(name))
    truncate(log)
    log.write(3)
    log.start()
    log.check()


@PATTERNS
def test_a_copy_of_a_log_that_is_not_truncated(follow: Follow, pattern: str) -> None:
    log = follow(pattern)
    log.write(100)
    log.wait_until_counted()
    for name in ("app copy.jsonl", "app.jsonl~", "0-app.jsonl"):
        log.write(10)
        shutil.copyfile(log.path, log.beside(name))
    log.check()
    log.kill()
    log.write(10)
    shutil.copyfile(log.path, log.beside("app copy 2.jsonl"))
    log.start()
    log.check()
    log.restart()
    log.check()


def test_a_copy_that_is_written_slowly(follow: Follow) -> None:
    log = follow("logs/*.jsonl")
    log.write(1000)
    log.wait_until_counted()
    content = log.path.read_bytes()
    for end in (1, 100, 5000, 5001, len(content) - 1, len(content)):
        log.beside("app.1.jsonl").write_bytes(content[:end])
        log.check()
    truncate(log)
    log.check()


def test_a_copy_of_a_rotated_file(follow: Follow) -> None:
    log = follow("logs/*.jsonl")
    log.write(100)
    log.wait_until_counted()
    log.path.rename(log.beside("app.1.jsonl"))
    log.write(100)
    log.check()
    shutil.copyfile(log.beside("app.1.jsonl"), log.beside("app.1 backup.jsonl"))
    log.check()
    log.kill()
    shutil.copyfile(log.beside("app.1.jsonl"), log.beside("app.1 backup 2.jsonl"))
    log.start()
    log.check()


def test_a_compressed_copy_beside_the_log(follow: Follow) -> None:
    log = follow("logs/*")
    log.write(100)
    log.wait_until_counted()
    log.beside("app.jsonl.1.gz").write_bytes(gzip.compress(log.path.read_bytes()))
    log.check()
    truncate(log)
    log.check()


@pytest.mark.parametrize("alike", [1, 10, 1000])
def test_the_logs_of_two_pods_that_begin_alike_both_count(follow: Follow, alike: int) -> None:
    """The first lines are the same to the last byte, and the pods write different lines afterwards."""
    log = follow("logs/*.jsonl")
    log.write(alike)
    log.wait_until_counted()
    other = log.beside("other.jsonl")
    log.write(10)
    # Nothing of the second log is written before it differs from the first.
    own = b"".join(log.line(number) for number in range(log.written, log.written + 10))
    other.write_bytes(b"".join(log.line(number) for number in range(alike)) + own)
    log.expected.update(range(alike))
    log.expected.update(range(log.written, log.written + 10))
    log.written += 10
    # It is read two seconds later, because a temporary file would be gone by then.
    log.wait_until_counted()
    log.check()
    log.restart()
    log.check()


@NAMES
def test_a_line_is_read_after_the_copy_and_the_log_is_truncated_while_down(
    follow: Follow, pattern: str, name: str
) -> None:
    log = follow(pattern)
    log.write(100)
    log.wait_until_counted()
    shutil.copyfile(log.path, log.beside(name))
    log.write()
    log.wait_until_counted()
    log.kill()
    truncate(log)
    log.write(3)
    log.start()
    log.check()
    log.restart()
    log.check()
