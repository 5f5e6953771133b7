"""Sources bring bytes in. Each is one file; it knows a `Sink`, and nothing of what becomes of the bytes."""

from __future__ import annotations

from typing import Protocol

from exporter.framing import Position
from exporter.snapshot import Stream


class Sink(Protocol):
    """Where a source's bytes go (the engine)."""

    def remembered(self, source: str) -> dict[Stream, Position]: ...

    def position(self, stream: Stream) -> Position: ...

    def open(self, stream: Stream, position: Position | None = None, context: bytes = b"") -> None: ...

    def feed(self, stream: Stream, data: bytes, now: float) -> None: ...

    def close(self, stream: Stream) -> None: ...
