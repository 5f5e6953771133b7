"""A log continues where reading stopped under another inode, another name, and another spelling of its source.

With the real process and over HTTP.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rewrites import edit, rename_a_copy, restore, synchronize, write_over
from tests.sources.followed_log import FollowedLog

Follow = Callable[..., FollowedLog]


REWRITES = pytest.mark.parametrize("rewrite", [rename_a_copy, synchronize, edit, restore, write_over])


@REWRITES
@pytest.mark.parametrize("source", ["logs/app.jsonl", "logs/*"])
def test_the_same_content_at_the_same_path(follow: Follow, source: str, rewrite: Callable[[Path], None]) -> None:
    log = follow(source)
    for _ in range(3):
        log.write(100)
        log.wait_until_counted()
        rewrite(log.path)
        log.write()
        log.check()


@REWRITES
def test_the_same_content_after_a_kill(follow: Follow, rewrite: Callable[[Path], None]) -> None:
    log = follow("logs/*.jsonl")
    log.write(100)
    log.wait_until_counted()
    log.kill()
    log.write(10)
    rewrite(log.path)
    log.write(10)
    log.start()
    log.check()
    log.restart()
    log.check()


def test_the_same_content_and_more_lines_at_once(follow: Follow) -> None:
    log = follow("logs/*.jsonl")
    log.write(100)
    log.wait_until_counted()
    hidden = log.beside("hidden")
    shutil.copyfile(log.path, hidden)
    log.write(10, hidden)
    hidden.rename(log.path)
    log.check()


def test_the_same_content_and_then_a_rotation_while_down(follow: Follow) -> None:
    log = follow("logs/app.jsonl")
    log.write(100)
    log.wait_until_counted()
    log.kill()
    log.write(10)
    rename_a_copy(log.path)
    log.path.rename(log.beside("app.jsonl.1"))
    log.write(10)
    log.start()
    log.check()


def test_a_volume_that_is_restored_elsewhere(follow: Follow) -> None:
    """Every file of the folder has another inode, and the folder too."""
    log = follow("logs/*.jsonl")
    log.write(100)
    log.write(100, log.beside("other.jsonl"))
    log.wait_until_counted()
    log.kill()
    log.logs.rename(log.logs.with_name("before"))
    shutil.copytree(log.logs.with_name("before"), log.logs)
    log.write(10)
    log.start()
    log.check()


def spellings(folder: Path) -> list[tuple[str, ...]]:
    """Return sources that all name the log."""
    (folder / "link").symlink_to("logs")
    absolute = folder / "logs" / "app.jsonl"
    return [
        ("./logs/app.jsonl",),
        ("logs//app.jsonl",),
        ("logs/../logs/app.jsonl",),
        (str(absolute),),
        (f"file://{absolute}",),
        ("link/app.jsonl",),
        ("logs/*.jsonl",),
        ("link/*",),
        ("logs/app.jsonl", "logs/*.jsonl"),
        ("logs/*", "./logs/app.jsonl", "link/*.jsonl"),
        ("logs/app.jsonl",),
    ]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_source_that_is_spelt_differently(follow: Follow, tmp_path: Path, *, is_restarted: bool) -> None:
    log = follow("logs/app.jsonl")
    log.write(100)
    log.wait_until_counted()
    for sources in spellings(tmp_path):
        log.respell(*sources)
        if is_restarted:
            log.restart()
        else:
            log.reload()
        log.write(10)
        log.check()


def test_a_source_that_is_spelt_differently_after_a_kill_and_a_rotation(follow: Follow, tmp_path: Path) -> None:
    log = follow("logs/app.jsonl")
    for number, sources in enumerate(spellings(tmp_path)):
        log.write(10)
        log.wait_until_counted()
        log.kill()
        log.write(10)
        log.path.rename(log.beside(f"app.jsonl.{number}"))
        log.write(10)
        log.respell(*sources)
        log.start()
        log.check()


def test_two_sources_that_match_the_same_files(follow: Follow) -> None:
    log = follow("logs/*.jsonl", "logs/app*")
    log.write(100)
    log.write(100, log.beside("application.jsonl"))
    log.write(100, log.beside("other.jsonl"))
    log.check()
    log.path.rename(log.beside("app.jsonl.1"))
    log.write(10)
    log.check()
    log.restart()
    log.check()


def test_hard_links(follow: Follow) -> None:
    log = follow("logs/*.jsonl")
    log.write(100)
    os.link(log.path, log.beside("link.jsonl"))
    log.write(10)
    log.check()
    log.restart()
    log.check()
