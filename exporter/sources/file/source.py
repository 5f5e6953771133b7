"""Tail the files that match a pattern, through rotation, truncation and compression.

Files are polled, not watched: a change notification can be lost, and does not cross every file system. A file is read
through the handle that was opened, so a rename loses nothing, and each read verifies that the content read before is
still there. The unread rest of a file that was copied and truncated, or renamed while the exporter was down, is
searched for in the same folder and below. So are files that were at a path only between two polls, or during a
downtime.
"""

import asyncio
import math
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import msgspec
import structlog

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.pacer import Pacer
from exporter.sources.file.handle import COMPRESSED_SUFFIXES, Key, key_of, open_first, open_regular
from exporter.sources.file.open_files import PATIENCE_SECONDS, RETIRE_SECONDS, OpenFiles
from exporter.sources.file.pattern import Pattern
from exporter.sources.file.search import Found, UnfinishedError, find
from exporter.sources.file.siblings import ChangingError
from exporter.sources.file.tail import Tail, stamp_of
from exporter.sources.source import SourceContext, SourceOptions, room
from exporter.sources.url import PathUrl
from exporter.store_error import StoreError
from exporter.units import Duration

POLL_SECONDS = 0.2
# How often the paths of many files are checked; busy files are read at every poll.
LOOK_SECONDS = 1.0
MANY_FILES = 500
QUIET_LOOKS = 2
STEP_FILES = 100
# A new file is known to the state within this time.
COMMIT_SECONDS = 1.0

# The regular files at the paths that match.
Statuses = dict[str, os.stat_result]

log = structlog.get_logger()


class FileOptions(SourceOptions, frozen=True, kw_only=True):
    """Files that match a pattern."""

    scheme: ClassVar[str] = "file"
    example: ClassVar[str] = "file:///var/log/model/*.jsonl"

    url: PathUrl
    """A path or file:// URL, which may contain `*`, `?` and `[…]`."""
    start: Literal["beginning", "end"] = "beginning"
    """`end` skips the content that a file has when the exporter starts for the first time."""
    rotate_wait: Duration = Duration.parse("1h")
    """How long a rotated file that no longer matches the pattern is kept open after its last line."""

    def make(self, context: SourceContext) -> "FileSource":
        return FileSource(context, self.url.path, self.rotate_wait.seconds, from_end=self.start == "end")

    def problems(self) -> Iterator[str]:
        if str(self.url).removeprefix("file://").startswith("~"):
            yield f"url: expected a whole path, because ~ is not replaced, got {self.url}"
        elif self.url.path.endswith(COMPRESSED_SUFFIXES):
            yield f"url: compressed files are only read as rotated ones; name the log itself, got {self.url}"

    def notes(self) -> Iterator[str]:
        if not Pattern(self.url.path).paths(0.0):
            yield f"url: nothing matches {self.url.path} yet"


@dataclass
class FileSource:
    """Tails every file that matches `pattern`; `from_end` skips the content that is there at the first start.

    `poll` does everything once; `run` does so until cancelled.
    """

    context: SourceContext
    pattern: str
    rotate_wait: float
    from_end: bool = False
    _files: OpenFiles = field(init=False)
    _paths: Pattern = field(init=False)
    # Why files cannot be opened (by path) or read (by key) at the moment.
    _failures: dict[str | Key, str] = field(default_factory=dict)
    # The streams whose files are not found since the state was saved, and since when.
    _missing: dict[Stream, float] = field(default_factory=dict)
    # The size of the incomplete compressed files that may turn out to be a missing one.
    _sizes: dict[Stream, int] = field(default_factory=dict)
    # The files at the paths that matched last, and whether one of them has to be opened or followed yet.
    _there: Statuses = field(default_factory=dict)
    _is_unsettled: bool = True
    # The paths of files that were lost, after which newer ones are searched for.
    _lost: set[str] = field(default_factory=set)
    # The paths of files of which nothing had been read, with the streams of those that were not found: they are known
    # by their names alone, and others may have been at their paths before.
    _unread: dict[str, list[Stream]] = field(default_factory=dict)
    _skip: bool = False
    _started: bool = False
    _looked: float = -math.inf
    _looks: int = 0
    _committed: float = -math.inf

    def __post_init__(self) -> None:
        self._files = OpenFiles(self.context, self.rotate_wait)
        self._paths = Pattern(self.pattern)

    async def run(self) -> None:
        """Poll until cancelled; while there is more to read, without a pause."""
        while True:
            await room(self.context.sink)
            more = await self._poll()
            await self._commit_news()
            await asyncio.sleep(0 if more else POLL_SECONDS)

    def poll(self) -> bool:
        """Find files, read a block of each, and handle rotations; return whether any file has more to read."""
        return any([*self._steps()])

    async def start(self) -> None:
        """Open the files that exist."""
        await self._poll()

    async def drain(self, deadline: float) -> None:
        """Read what was written before now."""
        more = True
        # Without room in the sink, the rest is read at the next start.
        while more and self.context.monotonic() < deadline and not self.context.sink.is_full:
            more = await self._poll()

    async def read_all(self) -> None:
        """Read every file to its end."""
        while await self._poll():
            await room(self.context.sink)

    def close(self) -> None:
        """Close every file; the positions stay with the sink."""
        self._files.close()

    async def _poll(self) -> bool:
        more, pacer = False, Pacer()
        for has_more in self._steps():
            more |= has_more
            await pacer.pause()
        return more

    async def _commit_news(self) -> None:
        """Make new files known, because they can be recognised after a crash and a rotation only then."""
        now = self.context.monotonic()
        if self._files.has_news and now - self._committed >= COMMIT_SECONDS:
            self._files.has_news, self._committed = False, now
            with suppress(StoreError):  # the regular commits report it
                await self.context.commit()

    def _steps(self) -> Iterator[bool]:
        """Do everything once, in steps of bounded time; yield after each whether its file has more to read."""
        now = self.context.monotonic()
        if not self._started:
            yield from self._resume(now)
        many = len(self._files.tails) > MANY_FILES
        has_looked = now - self._looked >= (LOOK_SECONDS if many else POLL_SECONDS)
        if has_looked:
            self._looked = now
            yield from self._look(now)
        for tail in list(self._files.busy.values()):
            if self._files.tails.get(tail.key) is tail:
                yield self._read(tail, now)
        self._started = True
        self._files.forget_idle(now)
        self._report_lag(now)
        if has_looked:
            self._report_files()

    def _look(self, now: float) -> Iterator[bool]:
        """Check which file is at each path: open new files, and retire those that are no longer at their path."""
        before, there = self._there, dict[str, os.stat_result]()
        # Compressed files are no logs of their own, but rotated ones.
        paths = [path for path in self._paths.paths(now) if not path.endswith(COMPRESSED_SUFFIXES)]
        changed = []
        self._files.copies.heads = None
        self._looks += 1
        # In folders that have not changed, each of many files is checked in turn.
        turns = QUIET_LOOKS if len(before) > MANY_FILES and not self._paths.has_changed else 1
        for number, path in enumerate(paths):
            last = before.get(path)
            is_due = last is None or (number + self._looks) % turns == 0
            if status := self._regular(path) if is_due else last:
                there[path] = status
                if last is None or (status is not last and stamp_of(last) != stamp_of(status)):
                    changed.append(path)
            if len(there) % STEP_FILES == 0:
                yield False
        self._there = there
        yield from self._find_missing(there, now)
        tails, busy = self._files.tails, self._files.busy
        if self._is_unsettled or before.keys() != there.keys() or any(_differ(before, there, changed)):
            yield from self._follow(there, now)
            yield from self._open_new(there, now)
            self._is_unsettled = any(key_of(status) not in tails for status in there.values()) or any(
                tail.path and self._has_moved(tail, there) for tail in tails.values()
            )
            self._files.siblings.forget()
        for path in changed:
            if known := tails.get(key_of(there[path])):
                busy[known.key] = known
        busy.update((tail.key, tail) for tail in tails.values() if tail.path is None)
        kept = {*paths, *tails} if self._failures else ()
        self._failures = {file: reason for file, reason in self._failures.items() if file in kept}

    def _find_missing(self, there: Statuses, now: float) -> Iterator[bool]:
        """Search again for the files that were being read when the state was saved."""
        remembered = self.context.sink.remembered(self.context.name) if self._missing else {}
        for stream, since in list(self._missing.items()):
            if stream.path in there or now - since >= PATIENCE_SECONDS:
                self._claim(stream, remembered[stream], since, now)
                self._is_unsettled = True
                yield False
        self._open_newer(now)

    def _open_newer(self, now: float) -> None:
        """Open the rotated files after lost and unread ones, once all that were being read are found."""
        awaited = {stream.path for stream in self._missing}
        with suppress(ChangingError):  # the rest is searched for at the next check
            for path in self._unread.keys() - awaited:
                found = self._files.open_between(path, now)
                for number, stream in enumerate(self._unread.pop(path)):
                    if number < found:
                        self.context.sink.forget(stream)
                    else:
                        self._files.lost(stream)
                        self._lost.add(path)
            for path in self._lost - awaited:
                self._files.open_newer(path, self.context.sink.saved_at, now)
                self._lost.remove(path)

    def _follow(self, there: Statuses, now: float) -> Iterator[bool]:
        """Follow the files that are no longer at their paths, and open those that were there in between.

        That comes before other files are opened, because the pattern may match their names too, as if they were logs of
        their own.
        """
        tails, latest = self._files.tails, self._files.latest
        at_path = {key_of(status): path for path, status in reversed(there.items())}
        is_new = any(key not in tails for key in at_path)
        retired = [tail for tail in tails.values() if tail.path and self._has_moved(tail, there)]
        for tail in retired:
            # It may have been closed to make room for another one.
            if tails.get(tail.key) is tail:
                self._retire(tail, at_path, now)
            yield False
        paths = {tail.stream.path for tail in retired if latest(tail.stream.path) is tail}
        if is_new:
            paths |= {path for path, files in self._files.by_path.items() if files[-1].path is None}
        for path in paths:
            with suppress(ChangingError):  # they are searched for again when the next file is opened
                if newest := latest(path):
                    self._files.open_missed(newest, now)
            yield False

    def _open_new(self, there: Statuses, now: float) -> Iterator[bool]:
        """Open the files that are new at their paths."""
        tails = self._files.tails
        new = [path for path, status in there.items() if key_of(status) not in tails]
        if new or any(tail.is_copy for tail in tails.values()):
            self._files.copies.elsewhere = self._elsewhere()
        awaited = {stream.path for stream in self._missing}
        for path, status in there.items():
            if known := tails.get(key_of(status)):
                known.path = known.path or path
            elif path not in awaited:
                self._open(path, now)
                yield False

    def _has_moved(self, tail: Tail, there: Statuses) -> bool:
        status = there.get(tail.path or "")
        return status is None or key_of(status) != tail.key

    def _retire(self, tail: Tail, at_path: dict[Key, str], now: float) -> None:
        """Follow a file that is no longer at its path."""
        if not tail.is_open:
            # It was closed to save descriptors, after it had been read.
            path = at_path.get(tail.key)
            try:
                self._files.make_room(now)
                renamed = [path] if path else self._renamed(tail)
                handle = open_first(renamed, lambda handle: handle.key == tail.key)
            except ChangingError:
                return
            if handle is None:
                self._files.finish(tail)
                return
            tail.handle = handle
        tail.retire(now)
        # A truncation before the rotation has to be detected before the next files are opened.
        self._read(tail, now)

    def _renamed(self, tail: Tail) -> list[str]:
        return [other.path for other in self._files.siblings.with_inode(tail.stream.path, tail.key[1])]

    def _elsewhere(self) -> dict[Key, Position]:
        """Return the files that other sources read, and how far."""
        orphans = self.context.sink.orphans()
        return {
            (stream.device, stream.inode): position
            for stream, position in self.context.sink.positions.items()
            if stream.source != self.context.name and stream.serial and stream not in orphans
        }

    def _regular(self, path: str) -> os.stat_result | None:
        try:
            status = os.stat(path)
        except OSError as error:
            self._failed(path, path, error)
            return None
        if stat.S_ISREG(status.st_mode):
            return status
        self._failures.pop(path, None)
        return None

    def _open(self, path: str, now: float) -> None:
        """Open the file that is new at a path."""
        handle = None
        try:
            path.encode()
            self._files.make_room(now)
            handle = open_regular(path)
            if self._files.copies.is_read_elsewhere(handle):
                self._files.hold(path, handle, now)
            else:
                position = handle.after_last_line() if self._skip and not self._started else Position()
                self._files.begin(path, handle, position, now)
            handle = None
        except UnicodeEncodeError:
            self._failed(path, path, "its name is not UTF-8")
        except ChangingError:
            pass
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
            if not tail.is_open:
                self._files.make_room(now)
            more = self._files.read(tail, now)
            if not more:
                self._files.close_if_finished(tail, now)
        except ChangingError:
            pass
        except OSError as error:
            self._failed(tail.key, tail.stream.path, error)
            if not isinstance(error, FileNotFoundError):
                self._files.close_if_finished(tail, now)
        else:
            self._failures.pop(tail.key, None)
        return more

    def _resume(self, now: float) -> Iterator[bool]:
        """Resume the files that were being read when the state was saved."""
        self._inherit(now)
        remembered = self.context.sink.remembered(self.context.name)
        # A file that is new since the last run was created while the exporter was down, and is read whole.
        self._skip = self.from_end and not remembered
        self._files.serial = max((stream.serial for stream in self.context.sink.positions), default=0)
        # Content that was read is better evidence than an inode. A file's present content claims the file before the
        # content that it had before it was truncated.
        order = sorted(remembered.items(), key=lambda item: (item[1].offset > 0, item[0].serial), reverse=True)
        for stream, position in order:
            self._claim(stream, position, now, now)
            yield False

    def _inherit(self, now: float) -> None:
        """Take over the streams of sources that are not configured any more: the same log, spelt differently."""
        orphans = self.context.sink.orphans()
        if not orphans:
            return
        paths = self._paths.paths(now)
        real = {os.path.realpath(path): path for path in paths}
        keys = {key_of(status) for path in paths if (status := self._regular(path))}
        for stream in orphans:
            path = real.get(os.path.realpath(stream.path)) or self._paths.spelling(stream.path)
            if path or (stream.device, stream.inode) in keys:
                own = msgspec.structs.replace(stream, source=self.context.name, path=path or stream.path)
                self.context.sink.move(stream, own)

    def _claim(self, stream: Stream, position: Position, since: float, now: float) -> None:
        """Find a file that was being read, and resume it; wait as long as it may still turn up."""
        try:
            self._files.make_room(now)
            found = find(stream, position, self._files.tails, self._files.siblings)
        except OSError as error:
            patience = PATIENCE_SECONDS
            if isinstance(error, UnfinishedError):
                patience = RETIRE_SECONDS
                if self._sizes.get(stream) != error.size:
                    self._sizes[stream], since = error.size, now
            if now - since < patience or isinstance(error, ChangingError):
                self._failed(stream.path, stream.path, error)
                if stream not in self._missing:
                    log.warning("file missing; waiting for it", source=self.context.name, path=stream.path)
                self._missing[stream] = since
                return
            found = None
        self._missing.pop(stream, None)
        self._failures.pop(stream.path, None)
        self._settle(stream, position, found, now)

    def _settle(self, stream: Stream, position: Position, found: Found | None, now: float) -> None:
        """Resume a stream in the file that was found, or end it."""
        is_damaged = self._sizes.pop(stream, None) is not None
        if stream.serial and not position.offset:
            missing = self._unread.setdefault(stream.path, [])
            if found is None:
                missing.append(stream)
                return
        if found is not None:
            self._files.reopen(stream, *found, now)
        elif stream.serial:
            self._files.lost(stream)
            if not is_damaged:
                self._lost.add(stream.path)
        else:
            self.context.sink.forget(stream)

    def _failed(self, file: str | Key, path: str, error: OSError | str) -> None:
        """Record a failure, unless the file is simply gone; each reason is logged once."""
        if isinstance(error, (FileNotFoundError, ChangingError)):
            return
        reason = error if isinstance(error, str) else error.strerror or "unknown"
        if self._failures.get(file) != reason:
            self._failures[file] = reason
            printable = path.encode(errors="backslashreplace").decode()
            log.warning("cannot read file; will try again", source=self.context.name, path=printable, error=reason)

    def _report_lag(self, now: float) -> None:
        telemetry, name = self.context.telemetry, self.context.name
        busy = self._files.busy.values()
        since = min((tail.behind_since or now for tail in busy), default=now)
        telemetry.lag_bytes.labels(name).set(sum(tail.unread for tail in busy))
        telemetry.lag_seconds.labels(name).set(now - since)

    def _report_files(self) -> None:
        telemetry, name = self.context.telemetry, self.context.name
        is_open = sum(tail.is_open for tail in self._files.tails.values())
        telemetry.open_files.labels(name).set(is_open)
        telemetry.closed_files.labels(name).set(len(self._files.tails) - is_open)
        telemetry.failing_files.labels(name).set(len(self._failures))


def _differ(before: Statuses, there: Statuses, changed: list[str]) -> Iterator[bool]:
    """Yield whether another file is at each path that has changed."""
    return (path not in before or key_of(before[path]) != key_of(there[path]) for path in changed)
