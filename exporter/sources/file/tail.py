"""One open file: how far it was read, and whether what was read is still there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from exporter.lines.framing import CONTEXT_BYTES
from exporter.lines.stream import Stream
from exporter.sources.file.content import READ_BYTES
from exporter.sources.file.handle import Handle

# A file that changes twice within one tick of its file system's clock (2 s on some) has one time of change.
SETTLED_SECONDS = 3.0

Key = tuple[int, int]


def key_of(status: os.stat_result) -> Key:
    """What a file is known by while it is open: device and inode."""
    return status.st_dev, status.st_ino


@dataclass(slots=True)
class Tail:
    """A file that is open, read up to `offset`; `context` are the bytes before it.

    `path` is None once another file has its place, or it has none. `blank` says that there were only NUL bytes yet.
    """

    stream: Stream
    handle: Handle
    path: str | None
    offset: int
    context: bytes
    blank: bool
    quiet_since: float
    key: Key = field(init=False)
    behind_since: float | None = None
    unread: int = 0
    modified: int = 0
    linked: bool = True
    _stamp: tuple[int, int, int] | None = None
    _stamped: float = 0.0
    _compared: float = 0.0

    def __post_init__(self) -> None:
        self.key = key_of(self.handle.status())

    def read(self, now: float) -> bytes | None:
        """Return the next block, empty at the end; None where what was read is not there any more: truncated.

        Each read begins with the context and compares it, so that a file truncated and outgrown since the last
        one shows too. A file that was read to its end and has not changed since is not read again.
        """
        status, left = self.handle.status(), self.handle.left(self.offset)
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if stamp != self._stamp:
            self._stamp, self._stamped = stamp, now
        elif not left and self._compared - self._stamped >= SETTLED_SECONDS:
            return b""
        self.linked = status.st_nlink > 0
        self.unread = max(0, left)
        before = len(self.context)
        data = self.handle.read(before + READ_BYTES, self.offset - before)
        if data[:before] != self.context:
            return None
        self._compared, self.modified = now, status.st_mtime_ns
        new = data[before:]
        if new:
            self.offset += len(new)
            self.context = data[-CONTEXT_BYTES:]
            self.quiet_since = now
        self.unread = max(0, self.handle.left(self.offset))
        self.behind_since = (self.behind_since or now) if len(new) == READ_BYTES else None
        return new

    def restart(self, stream: Stream, now: float) -> None:
        """Read from the start, as another stream."""
        self.stream, self.offset, self.context, self.blank = stream, 0, b"", True
        self.quiet_since = now

    def move(self, handle: Handle) -> None:
        """Read on in another file, which holds the same."""
        self.handle, self.key, self.linked = handle, key_of(handle.status()), True

    def retire(self, now: float) -> None:
        """The path names another file, or none: from now on it has to be quiet for a while before it is closed."""
        self.path = None
        self.quiet_since = max(self.quiet_since, now)
