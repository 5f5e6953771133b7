"""The search for the rest of a file that was being read: at its path, under another name, or in a copy."""

from __future__ import annotations

import os
from collections.abc import Container

from exporter.framing import Position
from exporter.snapshot import Stream
from exporter.sources.content import holds, open_first, open_if, seen
from exporter.sources.identity import Decision, Known, decide
from exporter.sources.siblings import is_rotated, siblings
from exporter.sources.tail import Key, key_of


def find(stream: Stream, position: Position, taken: Container[Key]) -> int | None:
    """Open the file whose content goes on at a position; None where there is none, or it is one of those taken.

    Raises OSError where that cannot be known: what is at its path cannot be read, or nothing is there.
    """
    known = Known(stream.device, stream.inode, position.offset)

    def is_same(handle: int) -> bool:
        free = key_of(os.fstat(handle)) not in taken
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


def find_copy(path: str, position: Position, taken: Container[Key], since: int = 0) -> int | None:
    """Open a copy of what was at a path up to a position; it was written at `since` (in nanoseconds) or later."""
    copies = (other.path for other in siblings(path) if other.key not in taken and other.modified >= since)
    return open_first(copies, lambda handle: holds(handle, position))
