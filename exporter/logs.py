"""The exporter's own log: text on a terminal, otherwise JSON; samples of rejected lines, and changes of schema."""

import logging
import sys
from collections.abc import Callable

import structlog
from aiohttp.http import HttpProcessingError

from exporter.batch import Series
from exporter.exposition.collector import Collector
from exporter.lines.buffer import BadLine
from exporter.model_key import FIRST
from exporter.state.snapshot import Snapshot

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
    logging.basicConfig(handlers=[LibraryLog()])


class LibraryLog(logging.Handler):
    """Logs the messages of libraries, except those about malformed requests, which would contain their content."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=error)


class RejectedLineLog:
    """Logs one rejected line per source and reason every SAMPLE_SECONDS, with the number since the last one.

    The line's position is logged and not its content, because a prediction log may contain personal data.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}
        self._since: dict[tuple[str, str], int] = {}

    def __call__(self, bad: BadLine) -> None:
        key = (bad.stream.source, bad.reason)
        count = self._since.get(key, 0) + bad.count
        now = self._clock()
        if key in self._last and now - self._last[key] < SAMPLE_SECONDS:
            self._since[key] = count
            return
        self._last[key] = now
        self._since[key] = 0
        log.warning(
            "line rejected",
            source=bad.stream.source,
            path=bad.stream.path,
            offset=bad.offset,
            reason=bad.reason,
            detail=bad.detail,
            count=count,
            **({} if bad.row is None else {"row": bad.row}),
        )


class SchemaLog:
    """Logs features that have become absent, are present again, or are new, from one committed snapshot to the next.

    Features with too few records keep their state. Each model without a reference is logged once, if another has one,
    and so is the model that a reference without a name belongs to, and a version whose predictions or scores contradict
    what is declared.
    """

    def __init__(self, collector: Collector, restored: Snapshot | None = None) -> None:
        self.collector = collector
        self._was_absent = collector.absent(restored) if restored else {}
        self._unknown = _names(restored) if restored else set()
        self._without_reference: set[str] = set()
        self._first_model: str | None = None
        self._contradicting: set[Series] = set()

    def __call__(self, snapshot: Snapshot) -> None:
        self._log_references(snapshot)
        for series, notes in self.collector.contradictions(snapshot).items():
            if notes and series not in self._contradicting:
                self._contradicting.add(series)
                log.warning("log contradicts the configuration", **series._asdict(), note="; ".join(notes))
        for key, is_absent in self.collector.absent(snapshot).items():
            if is_absent != self._was_absent.get(key, False):
                _changed(*key, "vanished" if is_absent else "returned")
            self._was_absent[key] = is_absent
        unknown = _names(snapshot)
        for key in sorted(unknown - self._unknown):
            _changed(*key, "new")
        self._unknown = unknown

    def _log_references(self, snapshot: Snapshot) -> None:
        first = snapshot.first_model if FIRST in self.collector.models else None
        if first is not None and first != self._first_model:
            log.info("the reference names no model; it is used for the first one in the log", model_name=first)
        self._first_model = first
        without = self.collector.without_reference(snapshot)
        for name in sorted(without - self._without_reference):
            log.warning("no reference for this model; its drift is not computed", model_name=name)
        self._without_reference = without


def _names(snapshot: Snapshot) -> set[tuple[Series, str]]:
    return {(series, name) for series, names in snapshot.unknown.items() for name in names}


def _changed(series: Series, feature: str, change: str) -> None:
    log.warning("schema changed", **series._asdict(), feature=feature, change=change)
