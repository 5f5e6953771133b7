"""The search for the rest of a file that was being read: at its path, under another name, or in a copy."""

import errno
from collections.abc import Container

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources.file.handle import Handle, Key, open_first, open_if
from exporter.sources.file.siblings import is_rotated, siblings


class UnfinishedError(OSError):
    """Incomplete compressed files, of `size` bytes in all, may turn out to be the file that is searched for."""

    def __init__(self, size: int) -> None:
        super().__init__(errno.EAGAIN, "The compressed file ends too early")
        self.size = size


def find(stream: Stream, position: Position, open_keys: Container[Key]) -> Handle | None:
    """Open the file in which a stream continues after a position; None if there is none, or it is open already.

    Raises OSError if that cannot be known, because nothing is at the stream's path or it cannot be read.
    """

    def is_same(handle: Handle) -> bool:
        # An inode number is reused, and a device number may change when the machine restarts.
        key = handle.key
        return key not in open_keys and key[1] == stream.inode and handle.matches(position)

    unknown = None
    try:
        handle = open_if(stream.path, is_same)
    except OSError as error:
        handle, unknown = None, error
    if handle is None:
        renamed = [other.path for other in siblings(stream.path) if other.key[1] == stream.inode]
        # If nothing was read, only the inode identifies the file, and another file may have it by now.
        related = [path for path in renamed if position.offset or is_rotated(stream.path, path)]
        handle = open_first(related, is_same)
    if handle is None:
        handle = find_copy(stream.path, position, open_keys)
    if handle is None and unknown:
        raise unknown
    return handle


def find_copy(path: str, position: Position, open_keys: Container[Key], since: int = 0) -> Handle | None:
    """Open a copy of the file that was read at a path up to a position; `since` is its least mtime in nanoseconds.

    Raises UnfinishedError if there is none, but a file that is being compressed may become it.
    """
    copies = [other for other in siblings(path) if other.key not in open_keys and other.modified >= since]
    # While a file is being compressed, the original is still there.
    copies.sort(key=lambda other: other.is_zipped)
    unfinished = []

    def is_copy(handle: Handle) -> bool:
        matches = position.offset > 0 and handle.matches(position)
        if not matches and handle.is_cut_off:
            unfinished.append(handle.status().st_size)
        return matches

    handle = open_first((other.path for other in copies), is_copy)
    if handle is None and unfinished:
        raise UnfinishedError(sum(unfinished))
    return handle
