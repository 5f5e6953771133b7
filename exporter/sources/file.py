"""Tail files: a glob of paths, each a perpetual source whatever rotation does beneath it.

Polled and not watched: a change notice can be lost, and does not cross every file system. A file is read through
the handle that was opened, so that a rename loses nothing; each read begins with the bytes before the offset and
compares them, so that a file truncated and outgrown between two polls shows too. What was not read of a file
that was renamed while we were down, or copied and truncated, is looked for in the same folder.
"""

from __future__ import annotations

import asyncio
import errno
import glob
import math
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from exporter.framing import CONTEXT_BYTES, Digest, Position
from exporter.snapshot import Stream
from exporter.sources import Sink
from exporter.sources.identity import Decision, Known, Seen, decide
from exporter.telemetry import Telemetry

READ_BYTES = 256 * 1024
POLL_SECONDS = 0.2
RETIRE_SECONDS = 10.0
MAX_SIBLINGS = 1000

log = structlog.get_logger()


@dataclass(slots=True)
class _Tail:
    """A file that is open, by device and inode. `path` is None once another file has its place, or it has none."""

    key: tuple[int, int]
    stream: Stream
    handle: int
    path: str | None
    offset: int
    context: bytes
    quiet_since: float
    behind_since: float | None = None


@dataclass
class FileSource:
    """Follows every file that matches `pattern`; `name` is its `source` label.

    `poll` does everything once, for the epoch time it is given; `run` calls it for ever.
    """

    name: str
    pattern: str
    sink: Sink
    telemetry: Telemetry
    clock: Callable[[], float]
    from_end: bool = False
    _tails: dict[tuple[int, int], _Tail] = field(default_factory=dict)
    _failing: dict[str, str] = field(default_factory=dict)
    _serial: int = 0
    _started: bool = False
    _paths: list[str] = field(default_factory=list)
    _looked: float = -math.inf

    async def run(self) -> None:
        """Poll until cancelled; while there is more to read, without a pause."""
        while True:
            more = self.poll(self.clock())
            await asyncio.sleep(0 if more else POLL_SECONDS)

    def poll(self, now: float) -> bool:
        """Find files, read a block of each, and see to those that rotated; return whether any has more."""
        if not self._started:
            self._resume(now)
        if not 0 <= now - self._looked < POLL_SECONDS:
            self._looked = now
            self._paths = sorted(glob.glob(self.pattern))
            for path in self._paths:
                self._look_at(path, now)
        more = False
        for tail in list(self._tails.values()):
            more |= self._read(tail, now)
        self._started = True
        self._report(now)
        return more

    def close(self) -> None:
        """Close every file; the positions stay with the sink."""
        for tail in self._tails.values():
            os.close(tail.handle)
        self._tails.clear()

    def _look_at(self, path: str, now: float) -> None:
        """Open the file at a path unless it is open already."""
        try:
            status = os.stat(path)
        except OSError as error:
            self._fail(path, error)
            return
        tail = self._tails.get((status.st_dev, status.st_ino))
        if tail is not None:
            if tail.path is None:
                tail.path = path
            self._failing.pop(path, None)
            return
        if not stat.S_ISREG(status.st_mode):
            return
        for other in self._tails.values():
            if other.path == path:
                self._retire(other, now)
                self.telemetry.rotations.labels(self.name, "rename").inc()
                log.info("file rotated", source=self.name, path=path)
        self._open(path, now, at_end=self.from_end and not self._started)

    def _open(self, path: str, now: float, *, at_end: bool = False) -> None:
        handle = self._handle(path)
        if handle is None:
            return
        status = os.fstat(handle)
        stream = Stream(self.name, path, status.st_dev, status.st_ino, self._next_serial())
        position = _end_of(handle, status.st_size) if at_end else Position()
        self._begin(stream, handle, path, position, now)
        log.info("reading file", source=self.name, path=path, offset=position.offset)

    def _begin(self, stream: Stream, handle: int, path: str | None, position: Position, now: float) -> None:
        context = os.pread(handle, position.context.length, position.offset - position.context.length)
        self.sink.open(stream, position, context)
        status = os.fstat(handle)
        key = (status.st_dev, status.st_ino)
        self._tails[key] = _Tail(key, stream, handle, path, position.offset, context, now)

    def _handle(self, path: str) -> int | None:
        """Open a regular file for reading; None where that cannot be (it is tried again at the next poll)."""
        try:
            # Non-blocking, so that a FIFO in the folder cannot hold us up.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._fail(path, error)
            return None
        self._failing.pop(path, None)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return handle
        os.close(handle)
        return None

    def _fail(self, path: str, error: OSError) -> None:
        if error.errno != errno.ENOENT and self._failing.get(path) != error.strerror:
            self._failing[path] = error.strerror or "unknown"
            log.warning("cannot read file; will try again", source=self.name, path=path, error=error.strerror)

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def _read(self, tail: _Tail, now: float) -> bool:
        """Read one block; return whether there may be more."""
        try:
            context = os.pread(tail.handle, len(tail.context), tail.offset - len(tail.context))
            new = os.pread(tail.handle, READ_BYTES, tail.offset)
        except OSError as error:
            self._fail(tail.stream.path, error)
            return False
        if context != tail.context:
            self._restart(tail, now)
            return True
        if new:
            tail.offset += len(new)
            tail.context = (context + new[-CONTEXT_BYTES:])[-CONTEXT_BYTES:]
            tail.quiet_since = now
            self.sink.feed(tail.stream, new, now)
            if len(new) == READ_BYTES:
                tail.behind_since = tail.behind_since or now
                return True
        tail.behind_since = None
        return self._at_end(tail, now)

    def _at_end(self, tail: _Tail, now: float) -> bool:
        """All is read: is this still the file at its path?"""
        if tail.path is not None and not _same_file(tail.path, tail.handle):
            self._retire(tail, now)
        if tail.path is None and now - tail.quiet_since >= RETIRE_SECONDS:
            self._finish(tail)
        return False

    def _retire(self, tail: _Tail, now: float) -> None:
        """The path names another file, or none: read on through the handle until it has been quiet for a while."""
        tail.path = None
        tail.quiet_since = max(tail.quiet_since, now)

    def _finish(self, tail: _Tail) -> None:
        self.sink.close(tail.stream)
        os.close(tail.handle)
        del self._tails[tail.key]
        log.info("file finished", source=self.name, path=tail.stream.path, offset=tail.offset)

    def _restart(self, tail: _Tail, now: float) -> None:
        """The file was truncated: read what is left of the old content from a copy, and then from the start."""
        log.info("file truncated", source=self.name, path=tail.stream.path, offset=tail.offset)
        self.telemetry.rotations.labels(self.name, "truncate").inc()
        self._finish_from_copy(tail.stream, self.sink.position(tail.stream), now)
        status = os.fstat(tail.handle)
        tail.stream = Stream(self.name, tail.stream.path, status.st_dev, status.st_ino, self._next_serial())
        tail.offset, tail.context, tail.quiet_since = 0, b"", now
        self.sink.open(tail.stream)

    def _finish_from_copy(self, stream: Stream, position: Position, now: float) -> None:
        """Read on in a sibling that holds the old content, from where we were to its end."""
        folder = Path(stream.path).parent
        for path in _siblings(folder, stream.path):
            handle = self._handle(path)
            if handle is None:
                continue
            status = os.fstat(handle)
            if (status.st_dev, status.st_ino) not in self._tails and _holds(handle, status.st_size, position):
                log.info("reading on in a copy", source=self.name, path=path, offset=position.offset)
                self._begin(stream, handle, None, position, now)
                return
            os.close(handle)
        if position.offset:
            log.warning("the rest of a truncated file was not found", source=self.name, path=stream.path)
        self.telemetry.gaps.labels(self.name).inc()
        self.sink.close(stream)

    def _resume(self, now: float) -> None:
        """Go on with the files that were being read when the state was saved."""
        remembered = self.sink.remembered(self.name)
        self._serial = max((stream.serial for stream in remembered), default=0)
        for stream, position in remembered.items():
            if not self._resume_at(stream.path, stream, position, now):
                self._resume_elsewhere(stream, position, now)

    def _resume_at(self, path: str, stream: Stream, position: Position, now: float) -> bool:
        """Go on at `path` if it is the file that was read; return whether it was."""
        handle = self._handle(path)
        if handle is None:
            return False
        status = os.fstat(handle)
        known = Known(stream.device, stream.inode, position.offset)
        decision = decide(known, _seen(handle, status, position))
        if decision in (Decision.CONTINUE, Decision.WAIT) and (status.st_dev, status.st_ino) not in self._tails:
            self._begin(stream, handle, path, position, now)
            return True
        os.close(handle)
        if decision is Decision.RESTART:
            self.telemetry.rotations.labels(self.name, "truncate").inc()
        return False

    def _resume_elsewhere(self, stream: Stream, position: Position, now: float) -> None:
        """The file is not at its path: it was renamed, or copied and truncated, while we were down."""
        for path in _siblings(Path(stream.path).parent, stream.path):
            try:
                status = os.stat(path)
            except OSError:
                continue
            if status.st_ino == stream.inode and self._resume_at(path, stream, position, now):
                self.telemetry.rotations.labels(self.name, "rename").inc()
                return
        self._finish_from_copy(stream, position, now)

    def _report(self, now: float) -> None:
        for path in self._failing.keys() - set(self._paths):
            del self._failing[path]
        lag, since = 0, now
        for tail in self._tails.values():
            lag += max(0, os.fstat(tail.handle).st_size - tail.offset)
            since = min(since, tail.behind_since or now)
        self.telemetry.open_files.labels(self.name).set(len(self._tails))
        self.telemetry.lag_bytes.labels(self.name).set(lag)
        self.telemetry.lag_seconds.labels(self.name).set(now - since)
        self.telemetry.failing_files.labels(self.name).set(len(self._failing))


def _same_file(path: str, handle: int) -> bool:
    try:
        there, open_one = os.stat(path), os.fstat(handle)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (open_one.st_dev, open_one.st_ino)


def _siblings(folder: Path, path: str) -> Iterator[str]:
    """The other files of a folder, newest first, at most MAX_SIBLINGS."""
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_file() and entry.path != path]
        entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    except OSError:
        return
    for entry in entries[:MAX_SIBLINGS]:
        yield entry.path


def _end_of(handle: int, size: int) -> Position:
    """The position behind the last whole line of a file that is `size` long."""
    tail = os.pread(handle, READ_BYTES, max(0, size - READ_BYTES))
    newline = tail.rfind(b"\n") + 1
    skipping = newline == 0 and size > READ_BYTES
    offset = size if skipping else size - len(tail) + newline
    context = os.pread(handle, min(offset, CONTEXT_BYTES), max(0, offset - CONTEXT_BYTES))
    return Position(offset, skipping, Digest.of(os.pread(handle, min(offset, CONTEXT_BYTES), 0)), Digest.of(context))


def _holds(handle: int, size: int, position: Position) -> bool:
    """Whether a file begins with the content that was read up to a position."""
    return size >= position.offset > 0 and _head_matches(handle, position) and _context_matches(handle, position)


def _head_matches(handle: int, position: Position) -> bool:
    return position.head.matches(os.pread(handle, position.head.length, 0))


def _context_matches(handle: int, position: Position) -> bool:
    length = position.context.length
    return position.context.matches(os.pread(handle, length, position.offset - length))


def _seen(handle: int, status: os.stat_result, position: Position) -> Seen:
    return Seen(
        status.st_dev,
        status.st_ino,
        status.st_size,
        _head_matches(handle, position),
        _context_matches(handle, position),
    )
