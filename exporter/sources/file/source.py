"""Tail the files that match a pattern, through rotation, truncation and compression.

Files are polled, not watched: a change notification can be lost, and does not cross every file system. A file is read
through the handle that was opened, so a rename loses nothing, and each read verifies that the content read before is
still there. The unread rest of a file that was copied and truncated, or renamed while the exporter was down, is
searched for in the same folder. So are files that were at a path only between two polls, or during a downtime.
"""

import asyncio
import glob
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import structlog

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.pacer import Pacer
from exporter.sources.file.handle import COMPRESSED_SUFFIXES, Key, key_of, open_regular
from exporter.sources.file.open_files import PATIENCE_SECONDS, RETIRE_SECONDS, OpenFiles
from exporter.sources.file.search import UnfinishedError, find
from exporter.sources.file.tail import Tail
from exporter.sources.source import SourceContext, SourceOptions, room
from exporter.sources.url import PathUrl

POLL_SECONDS = 0.2

log = structlog.get_logger()


class FileOptions(SourceOptions, frozen=True, kw_only=True):
    """Files that match a pattern."""

    scheme: ClassVar[str] = "file"
    example: ClassVar[str] = "file:///var/log/model/*.jsonl"

    url: PathUrl
    """A path or file:// URL, which may contain `*`, `?` and `[…]`."""
    start: Literal["beginning", "end"] = "beginning"
    """`end` skips the content that a file has when the exporter starts for the first time."""

    def make(self, context: SourceContext) -> "FileSource":
        return FileSource(context, self.url.path, from_end=self.start == "end")

    def notes(self) -> Iterator[str]:
        if not glob.glob(self.url.path):
            yield f"url: nothing matches {self.url.path} yet"


@dataclass
class FileSource:
    """Tails every file that matches `pattern`; `from_end` skips the content that is there at the first start.

    `poll` does everything once, at the given epoch time; `run` calls it until cancelled.
    """

    context: SourceContext
    pattern: str
    from_end: bool = False
    _files: OpenFiles = field(init=False)
    # Why files cannot be opened (by path) or read (by key) at the moment.
    _failures: dict[str | Key, str] = field(default_factory=dict)
    # The streams whose files are not found since the state was saved, and since when.
    _missing: dict[Stream, float] = field(default_factory=dict)
    # The size of the incomplete compressed files that may turn out to be a missing one.
    _sizes: dict[Stream, int] = field(default_factory=dict)
    _skip: bool = False
    _started: bool = False
    _looked: float = -math.inf

    def __post_init__(self) -> None:
        self._files = OpenFiles(self.context)

    async def run(self) -> None:
        """Poll until cancelled; while there is more to read, without a pause."""
        while True:
            await room(self.context.sink)
            pacer = Pacer()
            more = self.poll(self.context.clock())
            await pacer.pause()
            await asyncio.sleep(0 if more else POLL_SECONDS)

    def poll(self, now: float) -> bool:
        """Find files, read a block of each, and handle rotations; return whether any file has more to read."""
        if not self._started:
            self._resume(now)
        if not 0 <= now - self._looked < POLL_SECONDS:
            self._looked = now
            self._look(now)
        more = False
        for tail in list(self._files.tails.values()):
            more |= self._read(tail, now)
        self._started = True
        self._report(now)
        return more

    async def start(self) -> None:
        """Open the files that exist."""
        self.poll(self.context.clock())

    async def drain(self, deadline: float) -> None:
        """Read what was written before now."""
        more = True
        # Without room in the sink, the rest is read at the next start.
        while more and self.context.clock() < deadline and not self.context.sink.is_full:
            more = self.poll(self.context.clock())
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close every file; the positions stay with the sink."""
        self._files.close()

    def _look(self, now: float) -> None:
        """Check which file is at each path: open new files, and retire those that are no longer at their path."""
        # Compressed files are no logs of their own, but rotated ones.
        paths = sorted(path for path in glob.glob(self.pattern) if not path.endswith(COMPRESSED_SUFFIXES))
        there = self._regular(paths)
        for stream, since in list(self._missing.items()):
            if stream.path in there or now - since >= PATIENCE_SECONDS:
                self._claim(stream, since, now)
        tails, latest = self._files.tails, self._files.latest
        retired = [tail for tail in tails.values() if tail.path and there.get(tail.path) != tail.key]
        for tail in retired:
            tail.retire(now)
            # A truncation before the rotation has to be detected before the next files are opened.
            self._read(tail, now)
        # Missed files come first, because the pattern may match their names too, as if they were logs of their own.
        is_new = any(key not in tails for key in there.values())
        for tail in list(latest.values()):
            if tail in retired or (is_new and tail.path is None):
                self._files.open_missed(tail, now)
        awaited = {stream.path for stream in self._missing}
        for path, key in there.items():
            if key in tails:
                tails[key].path = tails[key].path or path
            elif path not in awaited:
                self._open(path, now)
        kept = {*paths, *tails}
        self._failures = {file: reason for file, reason in self._failures.items() if file in kept}

    def _regular(self, paths: list[str]) -> dict[str, Key]:
        there = {}
        for path in paths:
            try:
                status = os.stat(path)
            except OSError as error:
                self._failed(path, path, error)
                continue
            if stat.S_ISREG(status.st_mode):
                there[path] = key_of(status)
            else:
                self._failures.pop(path, None)
        return there

    def _open(self, path: str, now: float) -> None:
        """Open the file that is new at a path, unless it is a copy of an open one."""
        handle = None
        try:
            path.encode()
            handle = open_regular(path)
            if not self._files.is_copy(path, handle):
                position = handle.after_last_line() if self._skip and not self._started else Position()
                self._files.begin(path, handle, position, now)
                handle = None
        except UnicodeEncodeError:
            self._failed(path, path, "its name is not UTF-8")
        except OSError as error:
            self._failed(path, path, error)
        else:
            self._failures.pop(path, None)
        finally:
            if handle is not None:
                handle.close()

    def _read(self, tail: Tail, now: float) -> bool:
        """Read one block; return whether there may be more."""
        more = False
        try:
            more = self._files.read(tail, now)
        except OSError as error:
            self._failed(tail.key, tail.stream.path, error)
        else:
            self._failures.pop(tail.key, None)
        if not more:
            self._files.close_if_finished(tail, now)
        return more

    def _resume(self, now: float) -> None:
        """Resume the files that were being read when the state was saved."""
        remembered = self.context.sink.remembered(self.context.name)
        # A file that is new since the last run was created while the exporter was down, and is read whole.
        self._skip = self.from_end and not remembered
        self._files.serial = max((stream.serial for stream in remembered), default=0)
        # A file's present content claims the file before the content that it had before it was truncated.
        for stream in sorted(remembered, key=lambda stream: stream.serial, reverse=True):
            self._claim(stream, now, now)

    def _claim(self, stream: Stream, since: float, now: float) -> None:
        """Find a file that was being read, and resume it; wait as long as it may still turn up."""
        position = self.context.sink.remembered(self.context.name)[stream]
        handle = None
        try:
            handle = find(stream, position, self._files.tails)
        except OSError as error:
            patience = PATIENCE_SECONDS
            if isinstance(error, UnfinishedError):
                patience = RETIRE_SECONDS
                if self._sizes.get(stream) != error.size:
                    self._sizes[stream], since = error.size, now
            if now - since < patience:
                self._failed(stream.path, stream.path, error)
                if stream not in self._missing:
                    log.warning("file missing; waiting for it", source=self.context.name, path=stream.path)
                self._missing[stream] = since
                return
        self._missing.pop(stream, None)
        self._sizes.pop(stream, None)
        self._failures.pop(stream.path, None)
        if handle is None:
            self._files.lost(stream)
        else:
            self._files.resume(stream, handle, stream.path, position, now)

    def _failed(self, file: str | Key, path: str, error: OSError | str) -> None:
        """Record a failure, unless the file is simply gone; each reason is logged once."""
        if isinstance(error, FileNotFoundError):
            return
        reason = error if isinstance(error, str) else error.strerror or "unknown"
        if self._failures.get(file) != reason:
            self._failures[file] = reason
            printable = path.encode(errors="backslashreplace").decode()
            log.warning("cannot read file; will try again", source=self.context.name, path=printable, error=reason)

    def _report(self, now: float) -> None:
        tails = self._files.tails.values()
        since = min((tail.behind_since or now for tail in tails), default=now)
        self.context.telemetry.open_files.labels(self.context.name).set(len(tails))
        self.context.telemetry.lag_bytes.labels(self.context.name).set(sum(tail.unread for tail in tails))
        self.context.telemetry.lag_seconds.labels(self.context.name).set(now - since)
        self.context.telemetry.failing_files.labels(self.context.name).set(len(self._failures))
