"""Tail files: a glob of paths, each read for ever whatever rotation does to it.

Files are polled, not watched: a change notification can be lost, and does not cross every file system. A file is read
through the handle that was opened, so a rename loses nothing, and each read verifies that what was read before is still
there. The unread rest of a file that was renamed while the exporter was down, or copied and truncated, is searched for
in the same folder; so are files that came and went at a path between two polls, or while the exporter was down.
"""

from __future__ import annotations

import asyncio
import glob
import math
import os
import stat
from dataclasses import dataclass, field

import structlog

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources.file.content import behind_last_line
from exporter.sources.file.failures import Failures
from exporter.sources.file.gzip import SUFFIXES
from exporter.sources.file.handle import open_regular
from exporter.sources.file.open_files import PATIENCE_SECONDS, RETIRE_SECONDS, OpenFiles
from exporter.sources.file.search import UnfinishedError, find
from exporter.sources.file.tail import Key, Tail, key_of
from exporter.sources.source import SourceContext, room

POLL_SECONDS = 0.2

log = structlog.get_logger()


@dataclass
class FileSource:
    """Follows every file that matches `pattern`; `from_end` skips what a file holds when it is first seen.

    `poll` does everything once, at the epoch time it is given; `run` calls it for ever.
    """

    context: SourceContext
    pattern: str
    from_end: bool = False
    _files: OpenFiles = field(init=False)
    _failures: Failures = field(init=False)
    # What was being read when the state was saved and is not there, and since when it is missed.
    _missing: dict[Stream, float] = field(default_factory=dict)
    # How large those are that may become what is missing, and are being compressed.
    _sizes: dict[Stream, int] = field(default_factory=dict)
    _skip: bool = False
    _started: bool = False
    _looked: float = -math.inf

    def __post_init__(self) -> None:
        self._files = OpenFiles(self.context)
        self._failures = Failures(self.context.name)

    async def run(self) -> None:
        """Poll until cancelled; while there is more to read, without a pause."""
        while True:
            await room(self.context.sink)
            more = self.poll(self.context.clock())
            await asyncio.sleep(0 if more else POLL_SECONDS)

    def poll(self, now: float) -> bool:
        """Find files, read a block of each, and see to those that rotated; return whether any has more."""
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
        """Find the files that are there."""
        self.poll(self.context.clock())

    async def drain(self, deadline: float) -> None:
        """Read what is written already."""
        more = True
        # What there is no room for is read at the next start.
        while more and self.context.clock() < deadline and not self.context.sink.is_full:
            more = self.poll(self.context.clock())
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close every file; the positions stay with the sink."""
        self._files.close()

    def _look(self, now: float) -> None:
        """See which file is at each path: open the new ones, and retire those that lost their path."""
        # Compressed files are no logs of their own, but what became of those that were read.
        paths = sorted(path for path in glob.glob(self.pattern) if not path.endswith(SUFFIXES))
        there = self._regular(paths)
        for stream, since in list(self._missing.items()):
            if stream.path in there or now - since >= PATIENCE_SECONDS:
                self._claim(stream, since, now)
        tails, latest = self._files.tails, self._files.latest
        retired = [tail for tail in tails.values() if tail.path and there.get(tail.path) != tail.key]
        for tail in retired:
            tail.retire(now)
            # That it was truncated before it was rotated has to be known before the next files are opened.
            self._read(tail, now)
        # Before a pattern that matches their names too has them for logs of their own.
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
        self._failures.keep({*paths, *tails})

    def _regular(self, paths: list[str]) -> dict[str, Key]:
        there = {}
        for path in paths:
            try:
                status = os.stat(path)
            except OSError as error:
                self._failures.add(path, path, error)
                continue
            if stat.S_ISREG(status.st_mode):
                there[path] = key_of(status)
            else:
                self._failures.discard(path)
        return there

    def _open(self, path: str, now: float) -> None:
        """Begin the file that is new at a path, unless it is a copy of an open one."""
        handle = None
        try:
            path.encode()
            handle = open_regular(path)
            if not self._files.is_copy(path, handle):
                position = behind_last_line(handle) if self._skip and not self._started else Position()
                self._files.begin(path, handle, position, now)
                handle = None
        except UnicodeEncodeError:
            self._failures.add(path, path, "its name is not UTF-8")
        except OSError as error:
            self._failures.add(path, path, error)
        else:
            self._failures.discard(path)
        finally:
            if handle is not None:
                handle.close()

    def _read(self, tail: Tail, now: float) -> bool:
        """Read one block; return whether there may be more."""
        more = False
        try:
            more = self._files.read(tail, now)
        except OSError as error:
            self._failures.add(tail.key, tail.stream.path, error)
        else:
            self._failures.discard(tail.key)
        if not more:
            self._files.close_if_left(tail, now)
        return more

    def _resume(self, now: float) -> None:
        """Go on with the files that were being read when the state was saved."""
        remembered = self.context.sink.remembered(self.context.name)
        # A file that is new since then has not been there at the start, but begun while we were down.
        self._skip = self.from_end and not remembered
        self._files.serial = max((stream.serial for stream in remembered), default=0)
        # What a file holds now comes before what it held before it was truncated.
        for stream in sorted(remembered, key=lambda stream: stream.serial, reverse=True):
            self._claim(stream, now, now)

    def _claim(self, stream: Stream, since: float, now: float) -> None:
        """Find a file that was being read, and go on; wait while it cannot be known whether it is still there."""
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
                self._failures.add(stream.path, stream.path, error)
                if stream not in self._missing:
                    log.warning("a file that was being read is not there", source=self.context.name, path=stream.path)
                self._missing[stream] = since
                return
        self._missing.pop(stream, None)
        self._sizes.pop(stream, None)
        self._failures.discard(stream.path)
        if handle is None:
            self._files.lost(stream)
        else:
            self._files.resume(stream, handle, stream.path, position, now)

    def _report(self, now: float) -> None:
        tails = self._files.tails.values()
        since = min((tail.behind_since or now for tail in tails), default=now)
        self.context.telemetry.open_files.labels(self.context.name).set(len(tails))
        self.context.telemetry.lag_bytes.labels(self.context.name).set(sum(tail.unread for tail in tails))
        self.context.telemetry.lag_seconds.labels(self.context.name).set(now - since)
        self.context.telemetry.failing_files.labels(self.context.name).set(len(self._failures))
