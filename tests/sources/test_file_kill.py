"""Killed soon after something was found in its logs, without a scrape in between: it is still known afterwards.

With the real process and over HTTP.
"""

from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.process import wait_until
from tests.sources.followed_log import FollowedLog

Follow = Callable[..., FollowedLog]
# A new file is committed within a second; without that, commits are 15 seconds apart.
COMMIT_SECONDS = 12.0


def wait_for_commit(log: FollowedLog) -> None:
    """Wait for the commit of a new file, but no longer than it may take: the counts show whether there was one."""
    with suppress(TimeoutError):
        wait_until(lambda: log.inode_of_commit() == log.path.stat().st_ino, "commit", COMMIT_SECONDS)


def delete_with_unread_lines(log: FollowedLog) -> None:
    """Write lines, delete their file, so that they are not expected to be counted, and write one to a new file."""
    lost = range(log.written, log.written + 10)
    log.write(10)
    log.expected.subtract(lost)
    log.expected = +log.expected
    log.path.unlink()
    log.write()


@pytest.mark.parametrize("source", ["logs/*.jsonl", "logs/app.jsonl"])
def test_a_new_file_is_known_without_a_scrape_and_found_after_its_rotation(follow: Follow, source: str) -> None:
    log = follow(source)
    log.write(10)
    wait_for_commit(log)
    log.kill()
    log.path.rename(log.beside("app.jsonl.1"))
    log.write()
    log.start()
    log.check()


def test_lines_that_follow_the_commit_of_a_new_file(follow: Follow) -> None:
    log = follow("logs/*.jsonl")
    for number in range(4):
        log.write()
        wait_for_commit(log)
        log.write(10)
        log.kill()
        log.path.rename(log.beside(f"app.jsonl.{number}"))
        log.write(10)
        log.start()
    log.check()


def test_a_file_that_is_new_after_a_rotation(follow: Follow) -> None:
    """As kubelet rotates: the file of a path that is known already is another one."""
    log = follow("logs/app.jsonl")
    log.write(10)
    log.wait_until_counted()
    for number in range(3):
        log.path.rename(log.beside(f"app.jsonl.2026113{number}"))
        log.write(10)
        wait_for_commit(log)
        log.kill()
        log.write(10)
        log.path.rename(log.beside(f"app.jsonl.2026114{number}"))
        log.write(10)
        log.start()
        log.wait_until_counted()
    log.check()


@pytest.mark.parametrize("source", ["logs/app.jsonl", "logs/*.jsonl"])
def test_a_file_that_is_renamed_while_down_in_a_folder_of_many_newer_files(follow: Follow, source: str) -> None:
    log = follow(source)
    log.write(10)
    log.wait_until_counted()
    log.kill()
    log.write(10)
    log.path.rename(log.beside("app.jsonl.1"))
    for number in range(1000):
        log.beside(f"other{number}.txt").touch()
    log.write()
    log.start()
    log.check()


@pytest.mark.parametrize("is_scraped", [False, True])
def test_a_gap_is_counted_once_for_good(follow: Follow, *, is_scraped: bool) -> None:
    log = follow("logs/*.jsonl")
    log.write(10)
    log.wait_until_counted()
    log.kill()
    delete_with_unread_lines(log)
    log.start()
    if is_scraped:
        log.check(gaps=1)
    else:
        log.wait_for_commit()
    log.kill()
    log.start()
    log.check(gaps=1)
    log.restart()
    log.check(gaps=1)


def test_gaps_of_several_kills_add_up(follow: Follow) -> None:
    log = follow("logs/app.jsonl")
    for gaps in range(1, 4):
        log.write(10)
        log.wait_until_counted()
        log.kill()
        delete_with_unread_lines(log)
        log.start()
        log.check(gaps)
