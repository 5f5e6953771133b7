"""The files of a source: each is read through its handle until it is finished, whatever happens to its path.

A file is recognised by its content. A copy of a log is not read as long as it is one; see copies.py.
"""

import resource
from contextlib import closing, suppress
from dataclasses import dataclass, field

import msgspec
import structlog

from exporter.lines.framing import CONTEXT_BYTES, Digest, Position
from exporter.lines.stream import Stream
from exporter.sources.file.copies import Copies, may_be_copy
from exporter.sources.file.handle import Handle, Key, is_at, open_first
from exporter.sources.file.search import Found, UnfinishedError, find_copy
from exporter.sources.file.siblings import Sibling, Siblings, rotated_between, rotated_since
from exporter.sources.file.tail import Tail
from exporter.sources.source import SourceContext

# How long a file that was deleted has to be quiet before it is closed, and how long to wait for the rest of a file
# that is being rewritten.
RETIRE_SECONDS = 10.0
# How long to wait for a file whose path is gone without a successor, such as in a folder that is not mounted.
PATIENCE_SECONDS = 3600.0
# How long to wait before a file is read that begins like another one, because it may be about to replace it.
DOUBT_SECONDS = 2.0
# How long a file may be empty before it counts as truncated: a rewrite starts with that.
EMPTY_SECONDS = 1.0
# File descriptors for the server's connections, the checkpoint and everything else.
RESERVED_DESCRIPTORS = 640
LEAST_DESCRIPTORS = 16

log = structlog.get_logger()


@dataclass
class OpenFiles:
    """The files of a source by key, and those that are read by the path of their log, oldest first.

    `busy` are the files that may have something to read. `serial` is the last number given to a stream. `has_news` says
    that a stream was opened, which a commit should make durable soon.
    """

    context: SourceContext
    rotate_wait: float
    serial: int = 0
    has_news: bool = False
    tails: dict[Key, Tail] = field(default_factory=dict)
    busy: dict[Key, Tail] = field(default_factory=dict)
    by_path: dict[str, list[Tail]] = field(default_factory=dict)
    siblings: Siblings = field(default_factory=Siblings)
    copies: Copies = field(init=False)

    def __post_init__(self) -> None:
        self.copies = Copies(self.context.sink, self.by_path)
        # Exported at 0 from the start, because Prometheus sees no increase in a series that starts at 1.
        for kind in ("rename", "truncate"):
            self.context.telemetry.rotations.labels(self.context.name, kind)

    def latest(self, path: str) -> Tail | None:
        """Return the newest file that is read as the log at a path."""
        tails = self.by_path.get(path)
        return tails[-1] if tails else None

    def begin(self, path: str, handle: Handle, position: Position, now: float) -> None:
        """Open the file that is new at a path."""
        before = self.latest(path)
        if before:
            self.open_missed(before, now)
            self._rotated(path, "truncate" if before.stream.inode == handle.status().st_ino else "rename")
        self.resume(self._stream(path, handle), handle, path, position, now)

    def resume(self, stream: Stream, handle: Handle, path: str | None, position: Position, now: float) -> None:
        """Resume a stream at a position."""
        context = handle.before(position)
        blank = not position.skipping and not context.strip(b"\0")
        self._add(Tail(stream, handle.key, path, position.offset, context, blank, now, handle))
        self.context.sink.open(stream, position, context)

    def open_missed(self, after: Tail, now: float) -> None:
        """Open the files that were at a path after one file, and were rotated before they were seen."""
        self._open_all(after.stream.path, self._missed(after.stream.path, after), now)

    def open_between(self, path: str, now: float) -> int:
        """Open the files that were rotated from a path after the last one that was read; return how many.

        Raises ChangingError.
        """
        read = [tail for tail in self.by_path.get(path, ()) if tail.offset]
        before = len(self.tails)
        if read:
            self.open_missed(read[-1], now)
        return len(self.tails) - before

    def open_newer(self, path: str, since: float, now: float) -> None:
        """Open the rotated files of a log that were written after an epoch time. Raises ChangingError."""
        self._open_all(path, rotated_since(self.siblings, path, int(since * 1e9)), now)

    def make_room(self, now: float) -> None:
        """Close files if there are too many: rotated ones that are quiet, or those that can be opened again."""
        limit = max(LEAST_DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED_DESCRIPTORS)
        if Handle.open_count < limit:
            return
        opened = sorted((tail for tail in self.tails.values() if tail.is_open), key=lambda tail: tail.quiet_since)
        some = limit // 8 + 1
        rotated = [tail for tail in opened if tail.path is None and not tail.unread]
        rotated = [tail for tail in rotated if self.latest(tail.stream.path) is not tail]
        quiet = [tail for tail in rotated if now - tail.quiet_since >= RETIRE_SECONDS]
        resting = [tail for tail in opened if tail.path is not None and not tail.handle.is_zipped]
        for tail in quiet[:some] or ([] if resting else rotated[:1]):
            self.finish(tail)
        for tail in [] if quiet else resting[:some]:
            tail.close()

    def read(self, tail: Tail, now: float) -> bool:
        """Read one block; return whether there may be more. Raises OSError."""
        if tail.is_copy:
            return self._review(tail, now)
        if not tail.offset and self._is_known(tail, now):
            return False
        data = tail.read(now)
        if data is None:
            return self._changed(tail, now)
        more = tail.has_more
        if tail.blank:
            data = self._after_hole(tail, data)
        if data:
            self.context.sink.feed(tail.stream, data, self.context.clock())
        return more

    def close_if_finished(self, tail: Tail, now: float) -> None:
        """Close a file that is no longer at its path, was read to its end, and will not be written to again."""
        quiet = now - tail.quiet_since
        if tail.path is not None or (quiet < RETIRE_SECONDS and not tail.is_copy):
            return
        is_latest = self.latest(tail.stream.path) is tail
        if is_latest and not tail.linked:
            self._move_to_compressed(tail)
        if tail.linked and not tail.is_copy:
            # Forgotten before an older file of the path, the latest would be opened again as a missed file.
            is_alone = self.by_path[tail.stream.path] == [tail]
            wait = 0.0 if tail.handle.is_zipped else self.rotate_wait
            if quiet < (max(wait, PATIENCE_SECONDS) if is_latest else wait) or (is_latest and not is_alone):
                return
            # After a crash, the copies of a truncated file of which nothing was read are those after this one.
            if tail.handle.is_zipped and not is_latest and not self._next(tail).offset:
                return
        if is_latest:
            self.open_missed(tail, now)
        self.finish(tail)

    def _next(self, tail: Tail) -> Tail:
        tails = self.by_path[tail.stream.path]
        return tails[tails.index(tail) + 1]

    def lost(self, stream: Stream) -> None:
        """Count and log that the rest of a stream was not found, or cannot be read."""
        log.warning("the rest of a file was not found", source=self.context.name, path=stream.path, inode=stream.inode)
        self.context.sink.lose(stream)

    def forget_idle(self, now: float) -> None:
        """Leave files alone that have not changed for a while, until their paths are checked again."""
        busy = [tail for tail in self.busy.values() if self.tails.get(tail.key) is tail and tail.is_busy(now)]
        self.busy = {tail.key: tail for tail in busy}

    def close(self) -> None:
        """Close every file; the positions stay with the sink."""
        for tail in self.tails.values():
            tail.close()
        self.tails.clear()
        self.busy.clear()
        self.by_path.clear()

    def reopen(self, stream: Stream, handle: Handle, position: Position, now: float) -> None:
        """Resume a remembered stream in the file in which it was found."""
        device, inode = handle.key
        self.context.sink.forget(stream)
        found = msgspec.structs.replace(stream, device=device, inode=inode)
        self.resume(found, handle, stream.path, position, now)

    def hold(self, path: str, handle: Handle, now: float) -> None:
        """Open a file as a copy, which is not read."""
        self.resume(self._copy_stream(path, handle), handle, path, handle.after_last_line(), now)

    # Copies

    def _is_known(self, tail: Tail, now: float) -> bool:
        """Return whether the content of an unread file was read before; it is then resumed, or held as a copy."""
        handle, path = tail.handle, tail.last_path
        if not handle.left(0):
            return False
        for before in reversed(self.by_path.get(path, ())):
            if before is tail or before.path is not None or not before.offset:
                continue
            position = self.copies.known(before)
            if handle.matches(position) and (not before.handle.status().st_nlink or handle.varies(position.offset)):
                if before.handle.left(before.offset) <= 0:
                    self._replace(before, tail)
                return True
            if handle.is_part(position) and handle.varies(position.offset):
                self._hold(tail, before.stream, now)
                return True
        original = self.copies.original(path, handle)
        if original is not None:
            self._hold(tail, original, now)
            return True
        return now - tail.quiet_since < DOUBT_SECONDS and self.copies.is_doubtful(handle)

    def _hold(self, tail: Tail, original: Stream | None, now: float) -> None:
        """Treat an open file as a copy, up to its end."""
        handle = tail.handle
        position = handle.after_last_line()
        stream = self._copy_stream(tail.last_path, handle)
        if stream != tail.stream:
            self._unlist(tail)
            self.context.sink.close(tail.stream)
            self.has_news = True
            log.info("file is a copy; it is not read", source=self.context.name, path=stream.path)
        context = handle.before(position)
        tail.move(stream, position.offset, context, now)
        tail.original = original
        self.context.sink.open(stream, position, context)

    def _review(self, tail: Tail, now: float) -> bool:
        """Decide again about a copy that has changed; return whether it is read from now on."""
        if not tail.has_changed(now):
            return False
        handle, path = tail.handle, tail.last_path
        position = self.context.sink.position(tail.stream)
        original = self.copies.original(path, handle)
        if original is not None or self.copies.is_read_elsewhere(handle):
            self._hold(tail, original, now)
            tail.has_changed(now)
            return False
        before = self.by_path.get(tail.original.path, ()) if tail.original else ()
        is_original_known = any(one.stream == tail.original for one in before)
        if is_original_known or not handle.matches(position):
            position = Position()
        elif handle.left(position.offset) <= 0:
            return False
        self.context.sink.close(tail.stream)
        context = handle.before(position)
        tail.move(self._stream(path, handle), position.offset, context, now, blank=not position.offset)
        tail.original = None
        self._list(tail)
        self.context.sink.open(tail.stream, position, context)
        return True

    # Changes

    def _changed(self, tail: Tail, now: float) -> bool:
        """Handle a file whose content is not what was read; return whether there is more to read now."""
        tail.changed_since = now if tail.changed_since is None else tail.changed_since
        handle, waited = tail.handle, now - tail.changed_since
        is_rewritten = handle.is_part(self.copies.known(tail)) and handle.varies(tail.offset)
        patience = RETIRE_SECONDS if is_rewritten else EMPTY_SECONDS if not handle.left(0) else 0.0
        others = [other for other in self.by_path.get(tail.stream.path, ()) if other is not tail]
        is_read = tail.path is None and not tail.unread
        if is_read and any(self.copies.contains(other, handle) for other in others):
            # A rotated file has been replaced by a copy of a newer one.
            self.finish(tail)
            return False
        return self._restart(tail, now, may_wait=tail.path is not None and waited < patience)

    def _restart(self, tail: Tail, now: float, *, may_wait: bool) -> bool:
        """Read a truncated file from its start, and the rest of its old content from a copy.

        If there is no copy and it `may_wait`, nothing is done. Return whether there is more to read.
        """
        old, position, is_latest = tail.stream, self.copies.known(tail), self.latest(tail.stream.path) is tail
        self._finish_overwritten(old.path, tail)
        is_compressing = False
        try:
            copy, place = self._rest(tail, position, now)
        except UnfinishedError:
            is_compressing = tail.changed_since is not None and now - tail.changed_since < RETIRE_SECONDS
            copy = None
        missed: list[list[Sibling]] = []
        if copy is not None:
            if is_latest:
                missed = self._missed(old.path, copy, until=tail)
            self._unlist(copy)
            self.context.sink.close(copy.stream)
            copy.move(old, place.offset, copy.handle.before(place), now, blank=tail.blank)
            copy.original = None
            self._move(copy, old)
            if place != position:
                self.context.sink.open(copy.stream, place, copy.context)
            self._add(copy)
        elif tail.path != old.path and not tail.unread:
            # A rotated file was read to its end.
            self.context.sink.close(old)
        elif is_compressing or may_wait:
            return False
        else:
            self.lost(old)
        self._rotated(old.path, "truncate")
        stream = self._stream(tail.path or old.path, tail.handle)
        # A rotated file that was truncated does not become the latest.
        is_moved = is_latest or stream.path != old.path
        if is_moved:
            self._unlist(tail)
        tail.move(stream, 0, b"", now, blank=True)
        if is_moved:
            self._list(tail)
        self.context.sink.open(tail.stream)
        self._open_all(old.path, missed, now)
        return True

    def _rest(self, tail: Tail, position: Position, now: float) -> tuple[Tail | None, Position]:
        """Return the copy in which a truncated file's stream continues, and where.

        That is at the end of a copy that was made before the last lines were read. Raises UnfinishedError.
        """
        path = tail.stream.path
        copies = [copy for copy in self.tails.values() if copy is not tail and may_be_copy(copy, path)]
        copies.sort(key=lambda copy: copy.handle.left(0), reverse=True)
        for copy in copies:
            if position.offset and copy.handle.matches(position):
                return copy, position
        handle, place = find_copy(path, position, self.tails, self.siblings, tail.modified) or (None, Position())
        for copy in copies:
            if copy.handle.is_part(position) and copy.handle.left(0) > place.offset:
                if handle is not None:
                    handle.close()
                return copy, copy.handle.end()
        if handle is None:
            return None, position
        return Tail(self._copy_stream(path, handle), handle.key, None, 0, b"", False, now, handle), place

    def _finish_overwritten(self, path: str, tail: Tail) -> None:
        """Close the rotated files of a log that were read and then overwritten, perhaps with a copy of another one."""
        for other in list(self.by_path.get(path, ())):
            is_rotated = other is not tail and other.path != path and other.offset and not other.unread
            if is_rotated and not other.handle.matches(self.copies.known(other)):
                self.finish(other)

    def _copy(self, tail: Tail, position: Position) -> Found | None:
        """Open a copy of a file's content up to a position, if there is one."""
        with suppress(UnfinishedError):
            return find_copy(tail.stream.path, position, self.tails, self.siblings)
        return None

    def _move_to_compressed(self, tail: Tail) -> None:
        """Continue in the compressed copy of a deleted file, if there is one; later files are searched for after it."""
        handle, place = self._copy(tail, self.copies.known(tail)) or (None, Position())
        if handle is not None and place.offset == tail.offset:
            del self.tails[tail.key]
            tail.handle = handle
            self.tails[tail.key] = tail
            self._move(tail, tail.stream)
        elif handle is not None:
            handle.close()

    def _replace(self, tail: Tail, new: Tail) -> None:
        """Continue a stream in a new file at the same path, which has the same content and maybe more."""
        self.context.sink.close(new.stream)
        self._unlist(new)
        del self.tails[tail.key]
        self._unlist(tail)
        tail.take(new)
        self.tails[tail.key] = tail
        self._move(tail, msgspec.structs.replace(tail.stream, serial=new.stream.serial))
        self._list(tail)
        log.info("file replaced by one with the same content", source=self.context.name, path=tail.path)

    def _move(self, tail: Tail, stream: Stream) -> None:
        """Continue a stream under another number, and the key of its file."""
        device, inode = tail.key
        stream = msgspec.structs.replace(stream, device=device, inode=inode)
        self.context.sink.move(tail.stream, stream)
        tail.stream = stream
        self.has_news = True

    # Rotation

    def _missed(self, path: str, after: Tail, until: Tail | None = None) -> list[list[Sibling]]:
        """Return the files that were at a path between two, oldest first; each plain and compressed."""
        first, last = self._kept_as(after), self._kept_as(until) if until else None
        return rotated_between(self.siblings, path, first, last, after.modified)

    def _open_all(self, path: str, rotated: list[list[Sibling]], now: float) -> None:
        """Open the rotated files of a log that are not open, each under the first of its names that can be read."""
        newest = self.latest(path)
        for names in rotated:
            if any(one.key in self.tails for one in names):
                continue
            handle = open_first(one.path for one in names)
            if handle is not None:
                self.resume(self._stream(path, handle), handle, None, Position(), now)
        if newest is not self.latest(path) and newest and is_at(path, newest.key):
            # The file at the path comes after them.
            self._unlist(newest)
            self.serial += 1
            self._move(newest, msgspec.structs.replace(newest.stream, serial=self.serial))
            self._list(newest)

    def _kept_as(self, tail: Tail) -> Key:
        """Return the key of a file in its folder; that of its compressed copy, if the file itself was deleted."""
        if tail.handle.status().st_nlink:
            return tail.key
        # The file may have been truncated before; its present content was compressed.
        position = self.copies.known(tail) if tail.handle.is_zipped else tail.handle.after_last_line()
        copy = self._copy(tail, position)
        if copy is None:
            return tail.key
        with closing(copy[0]) as handle:
            return handle.key

    def finish(self, tail: Tail) -> None:
        """End a stream and close its file."""
        if not tail.is_copy:
            log.info(
                "file finished", source=self.context.name, path=tail.stream.path, offset=tail.offset, inode=tail.key[1]
            )
            if tail.unread:
                self.lost(tail.stream)
        self.context.sink.close(tail.stream)
        tail.close()
        del self.tails[tail.key]
        self._unlist(tail)

    def _rotated(self, path: str, kind: str) -> None:
        self.context.telemetry.rotations.labels(self.context.name, kind).inc()
        log.info("file rotated", source=self.context.name, path=path, kind=kind)

    # Streams

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

    def _copy_stream(self, path: str, handle: Handle) -> Stream:
        return Stream(self.context.name, path, *handle.key)

    def _add(self, tail: Tail) -> None:
        self.tails[tail.key] = self.busy[tail.key] = tail
        self.has_news = True
        if not tail.is_copy:
            self._list(tail)
            log.info(
                "reading file", source=self.context.name, path=tail.stream.path, offset=tail.offset, inode=tail.key[1]
            )

    def _list(self, tail: Tail) -> None:
        tails = self.by_path.setdefault(tail.stream.path, [])
        tails.append(tail)
        tails.sort(key=lambda tail: tail.stream.serial)

    def _unlist(self, tail: Tail) -> None:
        tails = self.by_path.get(tail.stream.path, [])
        if tail in tails:
            tails.remove(tail)
        if not tails:
            self.by_path.pop(tail.stream.path, None)
