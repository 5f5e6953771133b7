"""The open files of a source: each is read through its handle until it is finished, whatever happens to its path."""

import os
from contextlib import closing, suppress
from dataclasses import dataclass, field

import msgspec
import structlog

from exporter.lines.framing import CONTEXT_BYTES, Digest, Position
from exporter.lines.stream import Stream
from exporter.sources.file.handle import GZIP_MAGIC, READ_BYTES, Handle, Key, open_first
from exporter.sources.file.search import UnfinishedError, find_copy
from exporter.sources.file.siblings import rotated_between
from exporter.sources.file.tail import Tail
from exporter.sources.source import SourceContext

# How long a file that was replaced has to be quiet before it is closed.
RETIRE_SECONDS = 10.0
# How long to wait for a file whose path is gone without a successor, such as in a folder that is not mounted.
PATIENCE_SECONDS = 3600.0

log = structlog.get_logger()


@dataclass
class OpenFiles:
    """The open files by key, and the latest one of each path; `serial` is the last number given to a stream."""

    context: SourceContext
    serial: int = 0
    tails: dict[Key, Tail] = field(default_factory=dict)
    latest: dict[str, Tail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Exported at 0 from the start, because Prometheus sees no increase in a series that starts at 1.
        for kind in ("rename", "truncate"):
            self.context.telemetry.rotations.labels(self.context.name, kind)

    def begin(self, path: str, handle: Handle, position: Position, now: float) -> None:
        """Open the file that is new at a path."""
        before = self.latest.get(path)
        if before:
            kind = "truncate" if before.stream.inode == handle.status().st_ino else "rename"
            self._rotated(path, kind)
            self.open_missed(before, now)
        self.resume(self._stream(path, handle), handle, path, position, now)

    def resume(self, stream: Stream, handle: Handle, path: str | None, position: Position, now: float) -> None:
        """Resume a stream at a position."""
        context = handle.read(position.context.length, position.offset - position.context.length)
        blank = not position.skipping and not context.strip(b"\0")
        self._add(Tail(stream, handle, path, position.offset, context, blank, now))
        self.context.sink.open(stream, position, context)

    def open_missed(self, after: Tail, now: float, until: Tail | None = None) -> None:
        """Open the files that were at a path after one file, until another, and were rotated before they were seen."""
        path = after.stream.path
        first, last = self._kept_as(after), self._kept_as(until) if until else None
        for names in rotated_between(path, first, last, since=after.modified):
            if any(other.key in self.tails for other in names):
                continue
            handle = open_first(other.path for other in names)
            if handle is not None:
                self.resume(self._stream(path, handle), handle, None, Position(), now)

    def is_copy(self, path: str, handle: Handle) -> bool:
        """Return whether a file is named after an open one (x.1 after x) and begins like it, or is compressed.

        A copy is not read until the other file is truncated; then the unread rest is read from the copy.
        """
        for end in range(len(os.path.dirname(path)) + 1, len(path)):
            tail = self.latest.get(path[:end])
            if not tail or not tail.offset:
                continue
            # A compressed file is not unpacked again for this.
            if not tail.handle.is_zipped and handle.begins_like(tail.handle, tail.offset):
                return True
            # Some compressors write under a temporary name first.
            if GZIP_MAGIC.startswith(handle.read(len(GZIP_MAGIC), 0)) or handle.matches(self._known(tail)):
                return True
        return False

    def read(self, tail: Tail, now: float) -> bool:
        """Read one block; return whether there may be more. Raises OSError."""
        data = tail.read(now)
        if data is None:
            self._restart(tail, now)
            return True
        more = len(data) == READ_BYTES
        if tail.blank:
            data = self._after_hole(tail, data)
        if data:
            self.context.sink.feed(tail.stream, data, self.context.clock())
        return more

    def close_if_finished(self, tail: Tail, now: float) -> None:
        """Close a file that is no longer at its path, was read to its end, and will not be written to again."""
        quiet = now - tail.quiet_since
        if tail.path is not None or quiet < RETIRE_SECONDS:
            return
        if self.latest.get(tail.stream.path) is tail:
            if not tail.linked:
                self._move_to_copy(tail)
            # Forgotten before an older file of the path, this one would be opened again as a missed file.
            is_alone = not any(one.stream.path == tail.stream.path for one in self.tails.values() if one is not tail)
            if tail.linked and (quiet < PATIENCE_SECONDS or not is_alone):
                return
            self.open_missed(tail, now)
        log.info(
            "file finished", source=self.context.name, path=tail.stream.path, offset=tail.offset, inode=tail.key[1]
        )
        if tail.unread:
            self.lost(tail.stream)
        self.context.sink.close(tail.stream)
        tail.handle.close()
        del self.tails[tail.key]
        if self.latest.get(tail.stream.path) is tail:
            del self.latest[tail.stream.path]

    def lost(self, stream: Stream) -> None:
        """Count and log that the rest of a stream was not found, or cannot be read."""
        log.warning("the rest of a file was not found", source=self.context.name, path=stream.path, inode=stream.inode)
        self.context.sink.lose(stream)

    def close(self) -> None:
        """Close every file; the positions stay with the sink."""
        for tail in self.tails.values():
            tail.handle.close()
        self.tails.clear()
        self.latest.clear()

    def _restart(self, tail: Tail, now: float) -> None:
        """Read a truncated file from its start, and the rest of its old content from a copy."""
        old, is_latest = tail.stream, self.latest.get(tail.stream.path) is tail
        self._rotated(old.path, "truncate")
        handle = self._copy(tail, self._known(tail), since=tail.modified)
        if handle is None:
            self.lost(old)
        else:
            copy = Tail(old, handle, None, tail.offset, tail.context, tail.blank, now)
            self._add(copy)
            if is_latest:
                self.open_missed(copy, now, until=tail)
        tail.restart(self._stream(old.path, tail.handle), now)
        if is_latest:
            self.latest[old.path] = tail
        self.context.sink.open(tail.stream)

    def _copy(self, tail: Tail, position: Position, since: int = 0) -> Handle | None:
        """Open a copy of a file's content up to a position, if there is one."""
        with suppress(UnfinishedError):
            return find_copy(tail.stream.path, position, self.tails, since)
        return None

    def _move_to_copy(self, tail: Tail) -> None:
        """Continue in the compressed copy of a deleted file, if there is one; later files are searched for after it."""
        copy = self._copy(tail, self._known(tail))
        if copy is not None:
            tail.handle.close()
            del self.tails[tail.key]
            tail.handle, tail.key, tail.linked = copy, copy.key, True
            self.tails[tail.key] = tail

    def _kept_as(self, tail: Tail) -> Key:
        """Return the key of a file in its folder; that of its compressed copy, if the file itself was deleted."""
        if tail.handle.status().st_nlink:
            return tail.key
        # The file may have been truncated before; its present content was compressed.
        position = self._known(tail) if tail.handle.is_zipped else tail.handle.after_last_line()
        copy = self._copy(tail, position)
        if copy is None:
            return tail.key
        with closing(copy):
            return copy.key

    def _known(self, tail: Tail) -> Position:
        """Return how far a file was read; the sink's position may be that of an earlier line."""
        position = self.context.sink.position(tail.stream)
        return msgspec.structs.replace(position, offset=tail.offset, context=Digest.of(tail.context))

    def _after_hole(self, tail: Tail, data: bytes) -> bytes:
        """Skip NUL bytes at the start of a file: a writer that does not append leaves them where it was truncated."""
        rest = data.lstrip(b"\0")
        if len(rest) < len(data):
            offset = tail.offset - len(rest)
            context = bytes(min(offset, CONTEXT_BYTES))
            position = Position(offset, head=Digest.of(context), context=Digest.of(context))
            self.context.sink.open(tail.stream, position, context)
        tail.blank = not rest
        return rest

    def _stream(self, path: str, handle: Handle) -> Stream:
        self.serial += 1
        return Stream(self.context.name, path, *handle.key, self.serial)

    def _add(self, tail: Tail) -> None:
        self.tails[tail.key] = tail
        latest = self.latest.setdefault(tail.stream.path, tail)
        if latest.stream.serial < tail.stream.serial:
            self.latest[tail.stream.path] = tail
        log.info("reading file", source=self.context.name, path=tail.stream.path, offset=tail.offset, inode=tail.key[1])

    def _rotated(self, path: str, kind: str) -> None:
        self.context.telemetry.rotations.labels(self.context.name, kind).inc()
        log.info("file rotated", source=self.context.name, path=path, kind=kind)
