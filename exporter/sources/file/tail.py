"""One open file: how far it was read, and whether the content read before is still there."""

from dataclasses import dataclass, field

from exporter.lines.framing import CONTEXT_BYTES
from exporter.lines.stream import Stream
from exporter.sources.file.handle import READ_BYTES, Handle, Key

# Two changes within one tick of the file system's clock (2 s on some) leave the same time of change.
SETTLED_SECONDS = 3.0


@dataclass(slots=True)
class Tail:
    """An open file, read up to `offset`; `context` are the bytes before the offset.

    `path` is None once the file is no longer at its path. `blank` says that only NUL bytes were read so far.
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
        self.key = self.handle.key

    def read(self, now: float) -> bytes | None:
        """Return the next block, empty at the end; None if the content read before is gone: the file was truncated.

        Each read starts with the context and compares it, which also detects a file that was truncated and has
        outgrown the offset since. A file that was read to its end and has not changed is not read again.
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

    def retire(self, now: float) -> None:
        """Mark that the file is no longer at its path; it is closed once it has been quiet for a while."""
        self.path = None
        self.quiet_since = max(self.quiet_since, now)
