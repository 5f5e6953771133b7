"""Lines that are written to a rotated file long after its rotation, the reason for logrotate's delaycompress.

With the real process and over HTTP; its clocks are moved, so that nothing has to wait.
"""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.clock import Clock
from tests.sources.followed_log import FollowedLog

Follow = Callable[..., FollowedLog]
SOURCES = pytest.mark.parametrize("source", ["logs/*.jsonl", "logs/*", "logs/app.jsonl"])


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "ahead", is_monotonic_moved=True)


@pytest.mark.servers
@SOURCES
def test_lines_after_a_pause(follow: Follow, clock: Clock, source: str) -> None:
    log = follow(source, environment=clock.environment)
    with log.path.open("ab") as old:
        log.write(to=old)
        log.wait_until_counted()
        log.path.rename(log.beside("app.jsonl.1"))
        log.path.touch()
        log.check()
        for seconds in (12, 24, 60):
            clock.ahead(seconds)
            log.check()
            log.write(to=old)
            log.check()
    log.restart()
    log.check()


@pytest.mark.servers
@SOURCES
def test_lines_while_down(follow: Follow, clock: Clock, source: str) -> None:
    log = follow(source, environment=clock.environment)
    with log.path.open("ab") as old:
        log.write(to=old)
        log.wait_until_counted()
        log.path.rename(log.beside("app.jsonl.1"))
        log.write(3)
        log.check()
        for seconds in (12, 60):
            log.kill()
            log.write(to=old)
            clock.ahead(seconds)
            log.start()
            log.check()
            log.write(to=old)
            log.check()


@pytest.mark.servers
def test_lines_before_the_file_is_compressed(follow: Follow, clock: Clock) -> None:
    log = follow("logs/*.jsonl", environment=clock.environment)
    with log.path.open("ab") as old:
        log.write(to=old)
        log.wait_until_counted()
        log.path.rename(log.beside("app.jsonl.1"))
        log.write(3)
        log.check()
        clock.ahead(30)
        log.write(to=old)
        log.check()
    log.beside("app.jsonl.1.gz").write_bytes(gzip.compress(log.beside("app.jsonl.1").read_bytes()))
    log.beside("app.jsonl.1").unlink()
    clock.ahead(60)
    log.check()
    log.restart()
    log.check()
