"""A wall clock that steps by an hour neither disconnects clients nor lets a file be read twice or given up.

With the real process and over HTTP.
"""

import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.process import samples_of
from tests.sources.clock import Clock
from tests.sources.followed_log import FollowedLog

Follow = Callable[..., FollowedLog]
STEPS = pytest.mark.parametrize("seconds", [3700, -3700, 90_000])
REFUSED = "prediction_exporter_source_refused_connections_total"

pytestmark = pytest.mark.servers


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "ahead", is_monotonic_moved=False)


@STEPS
def test_a_busy_client_stays_connected(follow: Follow, clock: Clock, tmp_path: Path, seconds: int) -> None:
    log = follow("logs/*.jsonl", f"unix://{tmp_path}/socket", environment=clock.environment)
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.connect(f"{tmp_path}/socket")
        with client.makefile("wb") as file:
            for ahead in (0, seconds, 0, 2 * seconds):
                clock.ahead(ahead)
                # Rounds of reading, in which the server looks for idle clients.
                log.check()
                log.write(to=file)
                log.check()
    assert not sum(samples_of(log.running.get("/metrics"), REFUSED).values())


@STEPS
def test_a_folder_that_is_away_during_the_step(follow: Follow, clock: Clock, seconds: int) -> None:
    log = follow("log*/*.jsonl", environment=clock.environment)
    log.ends = log.logs.with_name("log-ends")
    log.ends.mkdir()
    log.write(10)
    log.wait_until_counted()
    away = log.logs.with_name("away")
    log.logs.rename(away)
    log.check()
    clock.ahead(seconds)
    log.check()
    away.rename(log.logs)
    log.check()


@STEPS
def test_late_lines_right_after_the_step(follow: Follow, clock: Clock, seconds: int) -> None:
    log = follow("logs/*.jsonl", environment=clock.environment)
    with log.path.open("ab") as old:
        log.write(to=old)
        log.wait_until_counted()
        log.path.rename(log.beside("app.jsonl.1"))
        log.path.touch()
        log.check()
        clock.ahead(seconds)
        log.check()
        log.write(to=old)
        log.check()
