"""An open file, compressed or not: its content by offset, compared with what was read before."""

import errno
import os
import sys
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress

from exporter.lines.framing import CONTEXT_BYTES, Digest, Landmark, Position
from exporter.regular_file import regular_descriptor

READ_BYTES = 256 * 1024

GZIP_SUFFIX = ".gz"
# Suffixes of rotated files that are compressed, of which only gzip can be read.
COMPRESSED_SUFFIXES = (GZIP_SUFFIX, ".bz2", ".lz4", ".xz", ".zip", ".zst", ".Z")
GZIP_MAGIC = b"\x1f\x8b"
GZIP_FORMAT = 16 + zlib.MAX_WBITS
# How much of a compressed file is read at a time, and how much is unpacked at a time on the way to an offset.
STORED_BYTES = 64 * 1024
SKIPPED_BYTES = 256 * 1024
# How files are compared: in blocks, at most so many, spread evenly.
COMPARED_BYTES = 64 * 1024
MAX_COMPARED = 16
# How many different lines two files must share to be taken for copies when nothing else says so.
VARIED_LINES = 10

# The device and inode of an open file.
Key = tuple[int, int]


class Handle:
    """An open file whose content is stored as it is. All methods but `close` raise OSError."""

    is_zipped = False
    # How many are open in this process.
    open_count = 0

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        Handle.open_count += 1

    def status(self) -> os.stat_result:
        """Return the status of the stored file."""
        return os.fstat(self._descriptor)

    @property
    def key(self) -> Key:
        return key_of(self.status())

    @property
    def is_cut_off(self) -> bool:
        """Whether a compressed file ended too early when it was last read, and may still grow."""
        return False

    def read(self, length: int, offset: int) -> bytes:
        """Return the content at an offset, shorter than `length` only at the end."""
        return os.pread(self._descriptor, length, offset)

    def left(self, offset: int) -> int:
        """Return how many bytes follow an offset; negative if the content ends before it.

        The part of a compressed file that is not unpacked yet counts with its stored size, and at least 1 byte is
        left until the end of the file was read.
        """
        return self.status().st_size - offset

    def close(self) -> None:
        os.close(self._descriptor)
        Handle.open_count -= 1

    def before(self, place: Position | Landmark) -> bytes:
        """Return the content just before a place: as much as its context covers."""
        return self.read(place.context.length, place.offset - place.context.length)

    def matches(self, position: Position) -> bool:
        """Return whether the content up to a position is what was read before."""
        return (
            self.left(position.offset) >= 0
            and position.head.matches(self.read(position.head.length, 0))
            and position.context.matches(self.before(position))
        )

    def is_part(self, position: Position) -> bool:
        """Return whether the content seems to be the start of the content before a position.

        It is compared where the position has something to compare: the head, and the last place that it reaches.
        """
        begin = self.read(position.head.length, 0)
        has_head = position.head.matches(begin)
        if len(begin) == position.head.length and not has_head:
            return False
        size = self._size(position.offset)
        reached = [place for place in position.trail if place.offset <= size]
        return (
            0 < size < position.offset
            and not self.left(size)
            and (has_head or bool(reached))
            and all(place.context.matches(self.before(place)) for place in reached[-1:])
        )

    def is_within(self, other: "Handle") -> bool:
        """Return whether another file starts with the whole content; of a large one, a sample is compared."""
        size = self.left(0)
        last = (size - 1) // COMPARED_BYTES
        blocks = sorted({last * block // MAX_COMPARED for block in range(MAX_COMPARED + 1)})
        runs = [(min(COMPARED_BYTES, size - block * COMPARED_BYTES), block * COMPARED_BYTES) for block in blocks]
        return size <= other.left(0) and all(self.read(*run) == other.read(*run) for run in runs)

    def varies(self, length: int) -> bool:
        """Return whether the content's first bytes contain lines that two logs would not share by chance."""
        lines = self.read(min(length, COMPARED_BYTES), 0).split(b"\n")[:-1]
        return len(set(lines)) >= VARIED_LINES

    def after_last_line(self) -> Position:
        """Return the position after the last whole line."""
        size = self.left(0)
        end = self.read(READ_BYTES, max(0, size - READ_BYTES))
        newline = end.rfind(b"\n") + 1
        skipping = newline == 0 and size > READ_BYTES
        return self._position(size if skipping else size - len(end) + newline, skipping=skipping)

    def end(self) -> Position:
        """Return the position at the end, which may be within a line."""
        return self._position(self._size(sys.maxsize))

    def _size(self, limit: int) -> int:
        """Return the size of the content; a compressed file is unpacked up to a limit first, to know it."""
        self.read(0, limit)
        return self.left(0)

    def _position(self, offset: int, *, skipping: bool = False) -> Position:
        near = min(offset, CONTEXT_BYTES)
        head, context = self.read(near, 0), self.read(near, offset - near)
        return Position(offset, skipping, Digest.of(head), Digest.of(context))


class GzipHandle(Handle):
    """An open file that is compressed with gzip, unpacked as it is read forward and never kept as a whole.

    The bytes read last are kept, so that the next read can start among them. A file that is incomplete ends early, and
    reading resumes once it grows. A damaged file ends after what could be unpacked. Both always have bytes left.
    """

    is_zipped = True

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._rewind()

    def read(self, length: int, offset: int) -> bytes:
        if offset < self._offset:
            self._rewind()
        while self._offset < offset and self._unpack(min(SKIPPED_BYTES, offset - self._offset)):
            self._drop(offset)
        self._drop(offset)
        while len(self._kept) < length and self._unpack(length - len(self._kept)):
            pass
        return bytes(self._kept[:length]) if self._offset == offset else b""

    def left(self, offset: int) -> int:
        unpacked = max(0, self._offset + len(self._kept) - offset)
        return unpacked + (0 if self._is_whole else max(1, self.status().st_size - self._stored + len(self._rest)))

    @property
    def is_cut_off(self) -> bool:
        return self._is_at_end and not self._is_damaged and not self._is_whole

    @property
    def _is_whole(self) -> bool:
        is_between = self._members > 0 and self._unpacker is None and not self._rest
        return self._is_over or (is_between and self._stored == self.status().st_size)

    def _rewind(self) -> None:
        self._kept, self._offset = bytearray(), 0
        # How much of the file was read, and the part of it that is not unpacked yet.
        self._stored, self._rest = 0, b""
        self._unpacker: zlib._Decompress | None = None
        self._members = 0
        self._is_at_end = self._is_over = self._is_damaged = False

    def _drop(self, offset: int) -> None:
        """Forget the bytes before an offset."""
        count = min(offset - self._offset, len(self._kept))
        del self._kept[:count]
        self._offset += count

    def _unpack(self, limit: int) -> bool:
        """Unpack at most `limit` bytes; return whether there may be more."""
        if self._is_over or self._is_damaged:
            return False
        if len(self._rest) < len(GZIP_MAGIC):
            more = os.pread(self._descriptor, STORED_BYTES, self._stored)
            self._stored += len(more)
            self._is_at_end = not more
            self._rest += more
        before = self._rest
        if self._unpacker is None:
            self._start_member()
        if self._unpacker is None:
            return len(self._rest) < len(before) or not self._is_at_end
        try:
            new = self._unpacker.decompress(self._rest, limit)
        except zlib.error:
            self._is_damaged = True
            return False
        self._kept += new
        self._rest = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        if self._unpacker.eof:
            self._unpacker = None
            self._members += 1
        # The unpacker may still have output for which `limit` left no room.
        return bool(before or new)

    def _start_member(self) -> None:
        """Start the next gzip member, if there is one; other data after a member is ignored, as gzip does."""
        if self._members:
            self._rest = self._rest.lstrip(b"\0")
        if self._rest.startswith(GZIP_MAGIC):
            self._unpacker = zlib.decompressobj(GZIP_FORMAT)
        elif not GZIP_MAGIC.startswith(self._rest):
            self._is_over, self._is_damaged = self._members > 0, self._members == 0


def key_of(status: os.stat_result) -> Key:
    """Return the device and inode of a file."""
    return status.st_dev, status.st_ino


def is_at(path: str, key: Key) -> bool:
    """Return whether a file is at a path."""
    with suppress(OSError):
        return key_of(os.stat(path)) == key
    return False


def open_regular(path: str) -> Handle:
    """Open a regular file; raises OSError if it cannot be read or is something else."""
    descriptor = regular_descriptor(path)
    if descriptor is None:
        raise OSError(errno.EINVAL, "Not a regular file", path)
    return GzipHandle(descriptor) if path.endswith(GZIP_SUFFIX) else Handle(descriptor)


def open_if(path: str, suits: Callable[[Handle], bool]) -> Handle | None:
    """Open a regular file if it suits; raises OSError if it cannot be read."""
    handle = open_regular(path)
    suited = False
    try:
        suited = suits(handle)
    finally:
        if not suited:
            handle.close()
    return handle if suited else None


def open_first(paths: Iterable[str], suits: Callable[[Handle], bool] = lambda _: True) -> Handle | None:
    """Open the first regular file that can be read and suits."""
    for path in paths:
        with suppress(OSError):
            handle = open_if(path, suits)
            if handle is not None:
                return handle
    return None
