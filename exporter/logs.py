"""The sidecar's own log: for people on a terminal, JSON elsewhere; and samples of bad lines, at a limited rate."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import structlog

from exporter.intake import BadLine

SAMPLE_SECONDS = 10.0

log = structlog.get_logger()


def configure(*, level: int = logging.INFO) -> None:
    """Send the log to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer] if not terminal else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class BadLineLog:
    """Logs one bad line a source and reason each SAMPLE_SECONDS, with how many came since.

    It says where the line stands and not what is in it: a prediction log holds people's data.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}
        self._since: dict[tuple[str, str], int] = {}

    def __call__(self, bad: BadLine) -> None:
        key = (bad.stream.source, bad.reason)
        count = self._since.get(key, 0) + bad.count
        now = self._clock()
        if key in self._last and 0 <= now - self._last[key] < SAMPLE_SECONDS:
            self._since[key] = count
            return
        self._last[key] = now
        self._since[key] = 0
        log.warning(
            "bad line",
            source=bad.stream.source,
            path=bad.stream.path,
            offset=bad.offset,
            reason=bad.reason,
            detail=bad.detail,
            count=count,
            **({} if bad.row is None else {"row": bad.row}),
        )
