"""Sources bring bytes in. Each is one file; it knows a `Sink`, and nothing of what becomes of the bytes."""

from __future__ import annotations

import asyncio
from typing import Protocol

from exporter.lines.framing import Position
from exporter.lines.stream import Stream

# How long to wait before looking again whether a full sink has room.
FULL_SECONDS = 0.05


class Sink(Protocol):
    """Where a source's bytes go (the engine). `held_bytes` of them wait for the rest of their lines.

    While it `is_full` a source should bring nothing: something waits for a commit, which comes at once.
    """

    @property
    def held_bytes(self) -> int: ...

    @property
    def is_full(self) -> bool: ...

    def remembered(self, source: str) -> dict[Stream, Position]: ...

    def position(self, stream: Stream) -> Position: ...

    def open(self, stream: Stream, position: Position | None = None, context: bytes = b"") -> None: ...

    def feed(self, stream: Stream, data: bytes, now: float) -> bool:
        """Take bytes of an open stream; return whether it cannot be read on."""
        ...

    def close(self, stream: Stream) -> None: ...


async def room(sink: Sink) -> None:
    """Wait until a sink has room."""
    while True:
        if not sink.is_full:
            return
        await asyncio.sleep(FULL_SECONDS)


class SourceError(Exception):
    """A source cannot begin; the message says which and why, in one line."""


class Source(Protocol):
    """What brings bytes in, from `start` to `close`."""

    async def start(self) -> None:
        """Begin: a log that is there is found, a socket listens. Raises SourceError."""
        ...

    async def run(self) -> None:
        """Go on until cancelled."""
        ...

    async def drain(self, deadline: float) -> None:
        """Take what was written or sent before now, until `deadline` by the source's clock, and nothing later."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
