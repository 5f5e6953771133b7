from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.sources.followed_log import FollowedLog
from tests.sources.log import Log


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Callable[..., Log]]:
    """Make a log and its exporter with options; see Log."""
    made: list[Log] = []
    handles = psutil.Process().num_fds()

    def make(*patterns: str, folder: str = "logs", **options: Any) -> Log:
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        made.append(Log(path, *patterns, **options))
        return made[-1]

    yield make
    for log in made:
        log.crash()
    assert psutil.Process().num_fds() <= handles


@pytest.fixture
def log(logs: Callable[..., Log]) -> Log:
    """The log at app.jsonl and its exporter."""
    return logs()


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[..., FollowedLog]]:
    """Make a log and start a sidecar process that follows it; see FollowedLog."""
    made: list[FollowedLog] = []

    def make(*sources: str, environment: Mapping[str, str] | None = None) -> FollowedLog:
        made.append(FollowedLog(tmp_path, *sources, environment=environment))
        return made[-1]

    yield make
    for log in made:
        log.kill()
