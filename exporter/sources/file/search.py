"""The search for the rest of a file that was being read: at its path, under another name, or in a copy."""

import errno
from collections.abc import Container

from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.sources.file.handle import GZIP_SUFFIX, Handle, Key, open_first, open_if
from exporter.sources.file.names import is_rotated, originals
from exporter.sources.file.siblings import Sibling, Siblings


class UnfinishedError(OSError):
    """Incomplete compressed files, of `size` bytes in all, may turn out to be the file that is searched for."""

    def __init__(self, size: int) -> None:
        super().__init__(errno.EAGAIN, "The compressed file ends too early")
        self.size = size


# A file, and where a stream continues in it.
Found = tuple[Handle, Position]


def find(stream: Stream, position: Position, open_keys: Container[Key], siblings: Siblings) -> Found | None:
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
        handle = open_first([stream.path], is_like)
    found = find_copy(stream.path, position, open_keys, siblings) if handle is None else (handle, position)
    if found is None and unknown:
        raise unknown
    return found


def find_copy(
    path: str, position: Position, open_keys: Container[Key], siblings: Siblings, since: int = 0
) -> Found | None:
    """Open a copy of the file that was read at a path up to a position; it was last changed at `since` or later.

    If there is only one that was made before the last lines were read, the stream continues at its end. Raises
    UnfinishedError if there is none, but a file that is being compressed may become it.
    """
    if not position.offset:
        return None
    found = _find_copy(path, position, open_keys, siblings, since)
    if found is None and siblings.have_changed(path):
        # The copy may have been renamed or compressed meanwhile.
        found = _find_copy(path, position, open_keys, siblings, since)
    return found


def _find_copy(
    path: str, position: Position, open_keys: Container[Key], siblings: Siblings, since: int
) -> Found | None:
    unfinished = []

    def is_copy(handle: Handle) -> bool:
        matches = handle.matches(position)
        if not matches and handle.is_cut_off:
            unfinished.append(handle.status().st_size)
        return matches

    def first(others: list[Sibling]) -> Handle | None:
        # Whoever copies or compresses a file may set its time of modification.
        recent = (other.path for other in others if other.key not in open_keys and other.changed >= since)
        return open_first(recent, is_copy)

    # While a file is being compressed, the original is still there.
    named_like = sorted(siblings.named_like(path), key=lambda other: other.is_zipped)
    handle = first(named_like) or first(siblings.beginning_with(path, position.head))
    if handle is not None:
        return handle, position
    if unfinished:
        raise UnfinishedError(sum(unfinished))
    others = [*named_like, *siblings.beginning_with(path, position.head)]
    named = (other for other in others if path in originals(other.path.removesuffix(GZIP_SUFFIX)))
    handle = open_first(
        (other.path for other in named if other.key not in open_keys), lambda copy: copy.is_part(position)
    )
    return (handle, handle.end()) if handle else None
