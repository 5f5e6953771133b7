"""Logs as container runtimes write them: each line wraps what the container wrote, or a piece of it.

CRI (containerd, CRI-O): `2026-01-05T10:00:00.123456789Z stdout F text`; P instead of F says that the line goes on.
Docker's json-file: `{"log":"text…","stream":"stdout","time":"…"}`; a text without a newline at its end goes on.
The position to go on from always stands behind a whole line of the container's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from exporter.lines.framing import Lines, Position

# What a runtime adds to each piece, and how many pieces there may be of a line as long as the limit.
WRAPPING_BYTES = 128
PIECE_BYTES = 1024
FEW_PIECES = 16


class Written(NamedTuple):
    """What one line of the runtime wraps: text of one of the container's streams, and whether its line ends there."""

    stream: bytes
    text: bytes
    is_end: bool


class _Wrapped(Lines, ABC):
    """Frames a runtime's log as the lines that the container wrote. What is not wrapped is taken as it is."""

    def __init__(self, limit: int, position: Position | None = None, context: bytes = b"") -> None:
        super().__init__(limit + WRAPPING_BYTES * (FEW_PIECES + limit // PIECE_BYTES), position, context)
        self._line_limit = limit

    @abstractmethod
    def unwrap(self, line: bytes) -> Written:
        """Return what a line wraps."""

    def _skip(self, data: bytes) -> int:
        return next((end for end, written in self._written(data, 0) if written.is_end), 0)

    def _cut(self, begin: int, data: bytes, start: int) -> tuple[int, list[tuple[int, bytes]], list[int]]:
        pieces: list[tuple[int, bytes]] = []
        oversize: list[int] = []
        unfinished: dict[bytes, tuple[int, list[bytes]]] = {}
        at, last, whole = start, start, (0, 0)
        for end, (stream, text, is_end) in self._written(data, start):
            first, texts = unfinished.setdefault(stream, (begin + at, []))
            texts.append(text)
            at = end
            if is_end:
                line = b"".join(texts)
                del unfinished[stream]
                if len(line) > self._line_limit:
                    oversize.append(first)
                else:
                    pieces.append((first, line + b"\n"))
            if not unfinished:
                last, whole = end, (len(pieces), len(oversize))
        # What ends within an unfinished line of the other stream waits for it.
        return last, pieces[: whole[0]], oversize[: whole[1]]

    def _written(self, data: bytes, start: int) -> Iterator[tuple[int, Written]]:
        """Yield what each whole line wraps, and where it ends."""
        while end := data.find(b"\n", start) + 1:
            yield end, self.unwrap(data[start : end - 1])
            start = end


class CriLines(_Wrapped):
    """The log of containerd and CRI-O, in /var/log/pods."""

    def unwrap(self, line: bytes) -> Written:
        """Return what a line wraps."""
        parts = line.split(b" ", 3)
        if len(parts) == len(("time", "stream", "tags", "text")):
            _, stream, tags, text = parts
            tag = tags.split(b":", 1)[0]
            if tag in (b"F", b"P"):
                return Written(stream, text, tag == b"F")
        return Written(b"", line, is_end=True)


class _Entry(msgspec.Struct):
    log: str
    stream: str = ""


class DockerLines(_Wrapped):
    """The log of Docker's json-file driver."""

    _decoder = msgspec.json.Decoder(_Entry)

    def unwrap(self, line: bytes) -> Written:
        """Return what a line wraps."""
        try:
            entry = self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Written(b"", line, is_end=True)
        text = entry.log.removesuffix("\n")
        return Written(entry.stream.encode(), text.encode(), is_end=len(text) < len(entry.log))
