"""The search for the rest of a file that was being read: at its path, under another name, or in a copy."""

import errno
from collections.abc import Container
from itertools import chain

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources.file.handle import Handle, Key, open_first, open_if
from exporter.sources.file.names import is_rotated, originals
from exporter.sources.file.siblings import Siblings


class UnfinishedError(OSError):
    """Incomplete compressed files, of `size` bytes in all, may turn out to be the file that is searched for."""

    def __init__(self, size: int) -> None:
        super().__init__(errno.EAGAIN, "The compressed file ends too early")
        self.size = size


def find(stream: Stream, position: Position, open_keys: Container[Key], siblings: Siblings) -> Handle | None:
    """Open the file in which a stream continues after a position; None if there is none, or it is open already.

    The content decides, because inode numbers are reused and a file that was restored or rewritten has another one;
    only a file that was never read is known by its inode. Raises OSError if it cannot be known yet, because nothing is
    at the stream's path or it cannot be read.
    """

    def is_same(handle: Handle) -> bool:
        # The device number may change when the machine restarts.
        return handle.key[1] == stream.inode and is_like(handle)

    def is_like(handle: Handle) -> bool:
        return handle.key not in open_keys and handle.matches(position)

    unknown = None
    try:
        handle = open_if(stream.path, is_same)
    except OSError as error:
        handle, unknown = None, error
    if handle is None:
        renamed = [other.path for other in siblings.with_inode(stream.path, stream.inode)]
        # If nothing was read, another file may have the inode by now.
        related = [path for path in renamed if position.offset or is_rotated(stream.path, path)]
        handle = open_first(related, is_same)
    if handle is None and position.offset:
        handle = open_first([stream.path], is_like) or find_copy(stream.path, position, open_keys, siblings)
    if handle is None and unknown:
        raise unknown
    return handle


def find_copy(
    path: str, position: Position, open_keys: Container[Key], siblings: Siblings, since: int = 0
) -> Handle | None:
    """Open a copy of the file that was read at a path up to a position; `since` is its least mtime in nanoseconds.

    Raises UnfinishedError if there is none, but a file that is being compressed may become it.
    """
    unfinished = []

    def is_copy(handle: Handle) -> bool:
        matches = position.offset > 0 and handle.matches(position)
        if not matches and handle.is_cut_off:
            unfinished.append(handle.status().st_size)
        return matches

    named_like = siblings.named_like(path)
    # While a file is being compressed, the original is still there.
    named_like.sort(key=lambda other: other.is_zipped)
    for among in (named_like, siblings.beginning_with(path, position.head)):
        copies = [other for other in among if other.key not in open_keys and other.modified >= since]
        handle = open_first((other.path for other in copies), is_copy)
        if handle is not None:
            return handle
    if unfinished:
        raise UnfinishedError(sum(unfinished))
    return None


def find_part(
    path: str, position: Position, open_keys: Container[Key], siblings: Siblings
) -> tuple[str, Handle] | None:
    """Open a copy that was made of the file at a path before it was read up to a position; return its path, too."""
    for other in chain(siblings.named_like(path), siblings.beginning_with(path, position.head)):
        if other.key not in open_keys and not other.is_zipped and path in originals(other.path):
            handle = open_first([other.path], lambda copy: copy.is_part(position))
            if handle is not None:
                return other.path, handle
    return None
