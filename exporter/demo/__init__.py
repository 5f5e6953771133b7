"""The product on a real model, to be tried without a log of one's own: `prediction-exporter demo`.

A classifier is trained on a data set that comes with scikit-learn, and its predictions are logged; the sidecar
runs on that log as it would beside a model, and what the demo shows is what it scrapes from the sidecar.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from exporter.units import Listen

RATE = 50.0
# The windows of a story are short, and want a hundred records all the same.
STORY_RATE = 150.0


class DemoError(Exception):
    """The demo cannot go on; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What a user may choose. `seconds` None is until Ctrl-C; `listen` None is the usual port or a free one.

    `rate` None is the usual one, in requests a second.
    `story` is the whole: the model over HTTP, incidents, truth, and alerts where they can be had.
    """

    seconds: float | None = None
    rate: float | None = None
    listen: Listen | None = None
    shift_after: float = 60.0
    story: bool = False

    @property
    def requests_per_second(self) -> float:
        return self.rate or (STORY_RATE if self.story else RATE)


class Stop:
    """Whether someone asked the demo to end. A flag and no exception, so that no record is left half written."""

    asked = False

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def run_demo(settings: DemoSettings) -> None:
    """Run until the time is over or a signal comes; raises DemoError."""
    with _stop_on_signals() as stop:
        # scikit-learn takes seconds to load, in which Ctrl-C has to work already.
        try:
            from exporter.demo import session  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise DemoError(f"{error.name} is missing: pip install 'prediction-exporter[demo]'") from None
        session.run(settings, stop)


@contextmanager
def _stop_on_signals() -> Iterator[Stop]:
    stop = Stop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop.ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
