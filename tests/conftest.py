"""Settings of all tests."""

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, settings

from tests.fork_server import ForkServer
from tests.process import Exporter

# Many tests start the exporter as a process, which takes several times as long without compiled modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Property tests draw the same examples in every run, so that no failure depends on chance.
settings.register_profile(
    "deterministic",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("deterministic")


@pytest.fixture(scope="session", autouse=True)
def _forks() -> Iterator[None]:
    """Let sidecars be forks while tests run."""
    with closing(ForkServer()) as Exporter.forks:
        yield
    Exporter.forks = None
