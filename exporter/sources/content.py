"""What an open file holds, compared with what was read of it: its first bytes, and the ones before an offset."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress

from exporter.framing import CONTEXT_BYTES, Digest, Position
from exporter.sources.identity import Seen

READ_BYTES = 256 * 1024


def open_regular(path: str) -> int:
    """Open a regular file for reading; raises OSError where it cannot be, or is something else."""
    # Non-blocking, so that a FIFO in the folder cannot hold us up.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "Not a regular file", path)


def open_if(path: str, suits: Callable[[int], bool]) -> int | None:
    """Open a regular file if it suits; raises OSError where it cannot be read."""
    handle = open_regular(path)
    suited = False
    try:
        suited = suits(handle)
    finally:
        if not suited:
            os.close(handle)
    return handle if suited else None


def open_first(paths: Iterable[str], suits: Callable[[int], bool]) -> int | None:
    """Open the first of the files that is regular, can be read, and suits."""
    for path in paths:
        with suppress(OSError):
            handle = open_if(path, suits)
            if handle is not None:
                return handle
    return None


def seen(handle: int, position: Position) -> Seen:
    """Compare a file with what was read up to a position."""
    status = os.fstat(handle)
    return Seen(
        status.st_dev,
        status.st_ino,
        status.st_size,
        _head_matches(handle, position),
        _context_matches(handle, position),
    )


def holds(handle: int, position: Position) -> bool:
    """Whether a file begins with the content that was read up to a position."""
    size = os.fstat(handle).st_size
    return size >= position.offset > 0 and _head_matches(handle, position) and _context_matches(handle, position)


def begins_like(handle: int, other: int, offset: int) -> bool:
    """Whether a file is empty, or begins with what another holds before `offset`, as far as it goes."""
    length = min(os.fstat(handle).st_size, offset)
    near = max(0, length - CONTEXT_BYTES)
    runs = (min(length, CONTEXT_BYTES), 0), (length - near, near)
    return all(os.pread(handle, *run) == os.pread(other, *run) for run in runs)


def behind_last_line(handle: int) -> Position:
    """The position behind a file's last whole line."""
    size = os.fstat(handle).st_size
    end = os.pread(handle, READ_BYTES, max(0, size - READ_BYTES))
    newline = end.rfind(b"\n") + 1
    skipping = newline == 0 and size > READ_BYTES
    offset = size if skipping else size - len(end) + newline
    near = min(offset, CONTEXT_BYTES)
    head, context = os.pread(handle, near, 0), os.pread(handle, near, offset - near)
    return Position(offset, skipping, Digest.of(head), Digest.of(context))


def behind_hole(offset: int) -> tuple[Position, bytes]:
    """The position behind `offset` NUL bytes at the start of a file, and its context."""
    context = bytes(min(offset, CONTEXT_BYTES))
    return Position(offset, False, Digest.of(context), Digest.of(context)), context


def _head_matches(handle: int, position: Position) -> bool:
    return position.head.matches(os.pread(handle, position.head.length, 0))


def _context_matches(handle: int, position: Position) -> bool:
    length = position.context.length
    return position.context.matches(os.pread(handle, length, position.offset - length))
