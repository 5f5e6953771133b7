"""What a source is: the options that make it, what it works with, and where its bytes go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import msgspec

from exporter.formats.format import Format
from exporter.lines.buffer import IngestRequest, Receipt
from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources.url import SourceUrl
from exporter.telemetry import Telemetry

# How long to wait before checking again whether a full sink has room.
FULL_SECONDS = 0.05


class SourceError(Exception):
    """A source cannot start; the message says which and why, in one line."""


class Sink(Protocol):
    """Where a source's bytes go (the engine).

    `held_bytes` is the size of all unfinished lines. While the sink `is_full`, a source should deliver nothing: a
    commit is due, and comes at once.
    """

    @property
    def held_bytes(self) -> int: ...

    @property
    def is_full(self) -> bool: ...

    def remembered(self, source: str) -> dict[Stream, Position]:
        """Return the streams of a source that were being read when the state was saved, and are not open again."""
        ...

    def position(self, stream: Stream) -> Position:
        """Return where an open stream would resume."""
        ...

    def open(self, stream: Stream, position: Position | None = None, context: bytes = b"") -> None:
        """Start a stream, or resume a remembered one; `context` are the bytes before its offset."""
        ...

    def feed(self, stream: Stream, data: bytes, now: float) -> bool:
        """Take bytes of an open stream that arrived at epoch time `now`; return whether it is broken."""
        ...

    def close(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        ...

    def ingest(self, source: str, request: IngestRequest, now: float) -> Receipt:
        """Take lines that arrived together, unless a request with their key was counted before."""
        ...


async def room(sink: Sink) -> None:
    """Wait until a sink has room."""
    while True:
        if not sink.is_full:
            return
        await asyncio.sleep(FULL_SECONDS)


@dataclass(frozen=True)
class SourceContext:
    """What a source works with: its name (its URL as the user wrote it), the format of its records, and the process.

    `commit` makes durable what the sink has taken. `clock` returns epoch seconds.
    """

    name: str
    format: Format
    sink: Sink
    commit: Callable[[], Awaitable[object]]
    telemetry: Telemetry
    clock: Callable[[], float]


class Source(Protocol):
    """Delivers bytes, from `start` to `close`."""

    async def start(self) -> None:
        """Find the log, or start listening. Raises SourceError."""
        ...

    async def run(self) -> None:
        """Deliver until cancelled."""
        ...

    async def drain(self, deadline: float) -> None:
        """Deliver what was written or sent before now, until `deadline` by the source's clock, and nothing later."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...


class SourceOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of source with its options, which are its fields; the string below each describes it in the reference.

    `carries_streams` says whether whole streams arrive, which some formats need. A value with a method `below(folder)`
    is resolved relative to the configuration's folder.
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
        """Yield mistakes that the types of the options do not show, each starting with its key."""
        yield from ()

    def notes(self) -> Iterator[str]:
        """Yield what is not a mistake, but may be unintended: what this machine lacks, the exporter's may have."""
        yield from ()
