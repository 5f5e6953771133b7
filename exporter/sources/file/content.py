"""What an open file holds, compared with what was read of it: its first bytes, and the ones before an offset."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from exporter.lines.framing import CONTEXT_BYTES, Digest, Position
from exporter.sources.file.handle import Handle, open_regular
from exporter.sources.file.identity import Seen

READ_BYTES = 256 * 1024


def open_if(path: str, suits: Callable[[Handle], bool]) -> Handle | None:
    """Open a regular file if it suits; raises OSError where it cannot be read."""
    handle = open_regular(path)
    suited = False
    try:
        suited = suits(handle)
    finally:
        if not suited:
            handle.close()
    return handle if suited else None


def open_first(paths: Iterable[str], suits: Callable[[Handle], bool]) -> Handle | None:
    """Open the first of the files that is regular, can be read, and suits."""
    for path in paths:
        with suppress(OSError):
            handle = open_if(path, suits)
            if handle is not None:
                return handle
    return None


def seen(handle: Handle, position: Position) -> Seen:
    """Compare a file with what was read up to a position."""
    status = handle.status()
    return Seen(
        status.st_dev,
        status.st_ino,
        position.offset + handle.left(position.offset),
        _head_matches(handle, position),
        _context_matches(handle, position),
    )


def holds(handle: Handle, position: Position) -> bool:
    """Whether a file begins with the content that was read up to a position."""
    reaches = position.offset > 0 and handle.left(position.offset) >= 0
    return reaches and _head_matches(handle, position) and _context_matches(handle, position)


def begins_like(handle: Handle, other: Handle, offset: int) -> bool:
    """Whether a file is empty, or begins with what another holds before `offset`, as far as it goes."""
    length = min(handle.left(0), offset)
    near = max(0, length - CONTEXT_BYTES)
    runs = (min(length, CONTEXT_BYTES), 0), (length - near, near)
    return all(handle.read(*run) == other.read(*run) for run in runs)


def behind_last_line(handle: Handle) -> Position:
    """The position behind a file's last whole line."""
    size = handle.left(0)
    end = handle.read(READ_BYTES, max(0, size - READ_BYTES))
    newline = end.rfind(b"\n") + 1
    skipping = newline == 0 and size > READ_BYTES
    offset = size if skipping else size - len(end) + newline
    near = min(offset, CONTEXT_BYTES)
    head, context = handle.read(near, 0), handle.read(near, offset - near)
    return Position(offset, skipping, Digest.of(head), Digest.of(context))


def behind_hole(offset: int) -> tuple[Position, bytes]:
    """The position behind `offset` NUL bytes at the start of a file, and its context."""
    context = bytes(min(offset, CONTEXT_BYTES))
    return Position(offset, False, Digest.of(context), Digest.of(context)), context


def _head_matches(handle: Handle, position: Position) -> bool:
    return position.head.matches(handle.read(position.head.length, 0))


def _context_matches(handle: Handle, position: Position) -> bool:
    length = position.context.length
    return position.context.matches(handle.read(length, position.offset - length))
