"""The interface of sources: the options that make one, its context, and the sink that it delivers to."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import msgspec

from exporter import regular_file
from exporter.formats.format import Format
from exporter.lines.buffer import IngestRequest, Receipt
from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources.url import SourceUrl
from exporter.telemetry import Telemetry
from exporter.units import FilePath

# How long to wait before checking again whether a full sink has room.
FULL_SECONDS = 0.05

T = TypeVar("T")


class SourceError(Exception):
    """A source cannot start; the message says which and why, in one line."""


class Sink(Protocol):
    """Receives a source's bytes (the engine).

    `held_bytes` is the size of all unfinished lines. While the sink `is_full`, a source should deliver nothing, because
    a commit is due and about to happen.
    """

    @property
    def held_bytes(self) -> int: ...

    @property
    def is_full(self) -> bool: ...

    @property
    def saved_at(self) -> float:
        """When the restored state was saved, in epoch seconds; 0 if there was none."""

    def remembered(self, source: str) -> dict[Stream, Position]:
        """Return the positions of the source's streams that were open when the state was saved, and are not now."""

    def orphans(self) -> dict[Stream, Position]:
        """Return the positions of streams whose sources are not configured any more."""

    def forget(self, stream: Stream) -> None:
        """Forget a stream that is not open."""

    @property
    def positions(self) -> dict[Stream, Position]:
        """The positions of all streams that can be read again after a restart, of all sources, open or not."""

    def move(self, stream: Stream, new: Stream) -> None:
        """Continue a stream under another identity."""

    def position(self, stream: Stream) -> Position:
        """Return the position from which an open stream would resume."""

    def open(self, stream: Stream, position: Position | None = None, context: bytes = b"") -> None:
        """Start a stream, or resume a remembered one; `context` are the bytes before the offset."""

    def feed(self, stream: Stream, data: bytes, now: float) -> bool:
        """Take bytes of an open stream that arrived at epoch time `now`; return whether the stream is unreadable."""

    def close(self, stream: Stream) -> None:
        """Forget a stream that has ended."""

    def lose(self, stream: Stream) -> None:
        """Forget a stream whose rest is lost, and count that."""

    def ingest(self, source: str, request: IngestRequest, now: float) -> Generator[None, None, Receipt]:
        """Take the lines of a request in steps, unless a request with the same key was counted before.

        Raises TooLargeError.
        """


async def room(sink: Sink) -> None:
    """Wait until a sink has room."""
    while sink.is_full:  # noqa: ASYNC110  # the sink has no event loop
        await asyncio.sleep(FULL_SECONDS)


class BetweenCommits(Protocol):
    """Takes the steps of a change to the sink while nothing is committed, and returns the result of the change."""

    async def __call__(self, steps: Generator[None, None, T]) -> T: ...


@dataclass(frozen=True)
class SourceContext:
    """What a source works with: its name (its URL as the user wrote it), the format of its records, and the sink.

    `commit` makes everything durable that the sink has taken. `clock` returns epoch seconds, which may step;
    `monotonic` is for elapsed time and deadlines.
    """

    name: str
    format: Format
    sink: Sink
    commit: Callable[[], Awaitable[object]]
    between_commits: BetweenCommits
    telemetry: Telemetry
    clock: Callable[[], float]
    monotonic: Callable[[], float] = time.monotonic


class Source(Protocol):
    """Delivers bytes to the sink, from `start` to `close`."""

    async def start(self) -> None:
        """Find the log, or start to listen. Raises SourceError."""

    async def run(self) -> None:
        """Deliver until cancelled."""

    async def drain(self, deadline: float) -> None:
        """Deliver what was written or sent before now, but nothing later; stop at the monotonic time `deadline`."""

    def close(self) -> None:
        """Close files and connections."""


@runtime_checkable
class EndingSource(Source, Protocol):
    """A source that can be read to its end."""

    async def read_all(self) -> None:
        """Deliver everything that is there now, instead of `run`. Raises SourceError."""


class SourceOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of source with its options, which are its fields; the string below each describes it in the reference.

    `carries_streams` is whether the source delivers whole streams, which some formats need. A value with a method
    `below(folder)` is resolved relative to the configuration's folder.
    """

    scheme: ClassVar[str]
    example: ClassVar[str]
    carries_streams: ClassVar[bool] = False

    url: SourceUrl
    """Where records come from."""

    def make(self, context: SourceContext) -> Source:
        """Return the source."""
        raise NotImplementedError

    def problems(self) -> Iterator[str]:
        """Yield mistakes that the options' types do not exclude, each starting with its key."""
        yield from ()

    def notes(self) -> Iterator[str]:
        """Yield what may be unintended, such as a file that this machine lacks and the exporter's may have."""
        yield from ()


def secret_problems(key: str, file: FilePath | None) -> Iterator[str]:
    """Yield why the file with a secret, an option's value, cannot be read, if it cannot."""
    if file is None:
        return
    try:
        if not regular_file.read(file).strip():
            yield f"{key}: {file}: it is empty"
    except OSError as error:
        yield f"{key}: {file}: {error.strerror}"
