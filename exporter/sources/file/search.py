"""The search for the rest of a file that was being read: at its path, under another name, or in a copy."""

from __future__ import annotations

import errno
from collections.abc import Container

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources.file.content import holds, open_first, open_if, seen
from exporter.sources.file.handle import Handle
from exporter.sources.file.identity import Decision, Known, decide
from exporter.sources.file.siblings import is_rotated, siblings
from exporter.sources.file.tail import Key, key_of


class UnfinishedError(OSError):
    """There are compressed files that end too early to be known, of so many bytes in all."""

    def __init__(self, size: int) -> None:
        super().__init__(errno.EAGAIN, "The compressed file ends too early")
        self.size = size


def find(stream: Stream, position: Position, taken: Container[Key]) -> Handle | None:
    """Open the file whose content goes on at a position; None where there is none, or it is one of those taken.

    Raises OSError where that cannot be known: what is at its path cannot be read, or nothing is there.
    """
    known = Known(stream.device, stream.inode, position.offset)

    def is_same(handle: Handle) -> bool:
        free = key_of(handle.status()) not in taken
        return free and decide(known, seen(handle, position)) in {Decision.CONTINUE, Decision.WAIT}

    unknown = None
    try:
        handle = open_if(stream.path, is_same)
    except OSError as error:
        handle, unknown = None, error
    if handle is None:
        renamed = [other.path for other in siblings(stream.path) if other.key[1] == stream.inode]
        # Of a file of which nothing was read, the inode alone is known; another file may have it by now.
        related = [path for path in renamed if position.offset or is_rotated(stream.path, path)]
        handle = open_first(related, is_same)
    if handle is None:
        handle = find_copy(stream.path, position, taken)
    if handle is None and unknown:
        raise unknown
    return handle


def find_copy(path: str, position: Position, taken: Container[Key], since: int = 0) -> Handle | None:
    """Open a copy of what was at a path up to a position; it was written at `since` (in nanoseconds) or later.

    Raises UnfinishedError where there is none, and one that is being compressed may become it.
    """
    copies = [other for other in siblings(path) if other.key not in taken and other.modified >= since]
    # What is being compressed is there as it was until that is done.
    copies.sort(key=lambda other: other.is_zipped)
    unfinished = []

    def is_copy(handle: Handle) -> bool:
        found = holds(handle, position)
        if not found and handle.is_cut_off:
            unfinished.append(handle.status().st_size)
        return found

    handle = open_first((other.path for other in copies), is_copy)
    if handle is None and unfinished:
        raise UnfinishedError(sum(unfinished))
    return handle
