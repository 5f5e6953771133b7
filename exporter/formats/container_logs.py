"""The logs of container runtimes, in which each line wraps a line of the container, or a part of one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from exporter.lines.framing import Lines, Position

# What a runtime adds to each part, the size of small parts, and how many of them even a short line may have.
WRAPPING_BYTES = 128
PART_BYTES = 1024
FEW_PARTS = 16


class Wrapped(NamedTuple):
    """The content of a line of the runtime: text of one of the container's streams; `is_end` if its line ends there.

    `time` is when it was written, as text; empty if the runtime did not say.
    """

    stream: bytes
    text: bytes
    is_end: bool
    time: bytes = b""


class WrappedLines(Lines, ABC):
    """Frames a runtime's log as the lines of the container. A line that is not wrapped stays as it is.

    The position to resume from is always just after a whole line of the container.
    """

    def __init__(self, limit: int, position: Position | None = None, context: bytes = b"") -> None:
        super().__init__(limit + WRAPPING_BYTES * _max_parts(limit), position, context)
        self._line_limit = limit
        self._max_parts = _max_parts(limit)
        # The lines that wait for the end of an unfinished one.
        self._waiting = 0

    @abstractmethod
    def unwrap(self, line: bytes) -> Wrapped:
        """Return the content of a line."""

    def _skip(self, data: bytes) -> int:
        return next((end for end, wrapped in self._wrapped(data, 0) if wrapped.is_end), 0)

    def _split(self, begin: int, data: bytes, start: int) -> tuple[int, list[tuple[int, bytes]], list[int]]:
        blocks: list[tuple[int, bytes]] = []
        times: list[bytes] = []
        oversize: list[int] = []
        unfinished: dict[bytes, tuple[int, list[bytes]]] = {}
        at, last, complete = start, start, (0, 0)
        self._waiting = 0
        for end, (stream, text, is_end, time) in self._wrapped(data, start):
            first, texts = unfinished.setdefault(stream, (begin + at, []))
            texts.append(text)
            at = end
            self._waiting += 1
            if is_end:
                line = b"".join(texts)
                del unfinished[stream]
                if len(line) > self._line_limit:
                    oversize.append(first)
                else:
                    blocks.append((first, line + b"\n"))
                    times.append(time)
            if not unfinished:
                last, complete, self._waiting = end, (len(blocks), len(oversize)), 0
        self._times = times[: complete[0]]
        # A line that ends within an unfinished line of the other stream waits for it.
        return last, blocks[: complete[0]], oversize[: complete[1]]

    def _is_oversize(self, rest: int) -> bool:
        # Lines that wait are read again with each piece, so there may not be any number of them.
        return super()._is_oversize(rest) or self._waiting > self._max_parts

    def _wrapped(self, data: bytes, start: int) -> Iterator[tuple[int, Wrapped]]:
        """Yield the content of each whole line, and where the line ends."""
        while end := data.find(b"\n", start) + 1:
            yield end, self.unwrap(data[start : end - 1])
            start = end


def _max_parts(limit: int) -> int:
    """Return how many lines of the runtime may hold a line of at most `limit` bytes, and lines within it."""
    return FEW_PARTS + limit // PART_BYTES
