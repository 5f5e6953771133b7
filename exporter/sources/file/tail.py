"""One file: how far it was read, and whether the content read before is still there."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from exporter.lines.framing import CONTEXT_BYTES
from exporter.lines.stream import Stream
from exporter.sources.file.handle import READ_BYTES, Handle, Key, open_regular
from exporter.sources.file.pattern import SETTLED_SECONDS

# What is read at a time while lines are shorter than this, because many short lines take long.
SHORT_READ_BYTES = 64 * 1024
LONG_LINE_BYTES = 64
# How long after its last change a file is read at every poll.
BUSY_SECONDS = 5.0

# What changes when a file does: its size and its times.
Stamp = tuple[int, int, int]


@dataclass(slots=True, eq=False)
class Tail:
    """A file, read up to `offset`; `context` are the bytes before the offset.

    `path` is None once the file is no longer at a path of its source. `blank` says that only NUL bytes were read so
    far. `has_more` says that the last block may not be the last, and `has_long_lines` that its lines were not short.
    `original` is the stream of which the file was found to be a copy.
    """

    stream: Stream
    key: Key
    path: str | None
    offset: int
    context: bytes
    blank: bool
    quiet_since: float
    _handle: Handle | None
    behind_since: float | None = None
    unread: int = 0
    has_more: bool = False
    has_long_lines: bool = False
    modified: int = 0
    linked: bool = True
    original: Stream | None = None
    # Since when the content is gone, or a part of it.
    changed_since: float | None = None
    _stamp: Stamp | None = None
    _stamped: float = 0.0
    _compared: float = 0.0

    @property
    def is_copy(self) -> bool:
        """Whether the file is a copy, which is not read."""
        return not self.stream.serial

    @property
    def last_path(self) -> str:
        """The path of the file; that of its stream once the file is no longer at a path."""
        return self.path or self.stream.path

    @property
    def handle(self) -> Handle:
        """The open file; it is opened again if it was closed. Raises OSError."""
        if self._handle is None:
            if self.path is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            handle = open_regular(self.path)
            if handle.key != self.key:
                handle.close()
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)
            self._handle = handle
        return self._handle

    @handle.setter
    def handle(self, handle: Handle) -> None:
        self.close()
        self._handle, self.key, self.linked = handle, handle.key, True

    @property
    def is_open(self) -> bool:
        return self._handle is not None

    def close(self) -> None:
        """Close the file; it is opened again when it is read, if it is still at its path."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def is_busy(self, now: float) -> bool:
        """Return whether the file should be read at every poll."""
        return bool(self.unread) or now - max(self._stamped, self.quiet_since) < BUSY_SECONDS

    def read(self, now: float) -> bytes | None:
        """Return the next block, empty at the end; None if the content read before is gone: the file was truncated.

        Each read starts with the context and compares it, which also detects a file that was truncated and has
        outgrown the offset since. A file that was read to its end and has not changed is not read again.
        """
        status, left, unread = self.handle.status(), self.handle.left(self.offset), self.unread
        self.linked = status.st_nlink > 0
        self.unread = max(0, left)
        if self._is_settled(status, now) and not left and self.changed_since is None:
            return b""
        before = len(self.context)
        size = READ_BYTES if self.has_long_lines else SHORT_READ_BYTES
        data = self.handle.read(before + size, self.offset - before)
        if data[:before] != self.context:
            self.unread = unread
            return None
        self._compared, self.modified, self.changed_since = now, status.st_mtime_ns, None
        new = data[before:]
        if new:
            self.offset += len(new)
            self.context = data[-CONTEXT_BYTES:]
            self.has_long_lines = self.context.count(b"\n") * LONG_LINE_BYTES <= len(self.context)
            self.quiet_since = now
        self.unread = max(0, self.handle.left(self.offset))
        self.has_more = len(new) == size
        self.behind_since = (self.behind_since or now) if self.has_more else None
        return new

    def has_changed(self, now: float) -> bool:
        """Return whether the file may have changed since the last call."""
        if self._is_settled(self.handle.status(), now):
            return False
        self._compared = now
        return True

    def _is_settled(self, status: os.stat_result, now: float) -> bool:
        """Return whether the file was compared long after its last change; note a change."""
        stamp = stamp_of(status)
        if stamp != self._stamp:
            self._stamp, self._stamped = stamp, now
            return False
        return self._compared - self._stamped >= SETTLED_SECONDS

    def take(self, other: Tail) -> None:
        """Read another tail's file in place of this one's."""
        handle, other._handle = other.handle, None
        self.handle, self.path, self._stamp = handle, other.path, None

    def move(self, stream: Stream, offset: int, context: bytes, now: float, *, blank: bool = False) -> None:
        """Read from another place, as another stream."""
        self.stream, self.offset, self.context, self.blank = stream, offset, context, blank
        self.quiet_since, self.changed_since, self._stamp = now, None, None

    def retire(self, now: float) -> None:
        """Mark that the file is no longer at its path; it is closed once it has been quiet for a while."""
        self.path = None
        self.quiet_since = max(self.quiet_since, now)


def stamp_of(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
