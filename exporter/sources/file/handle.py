"""A file that is open, compressed or not: the bytes of its content, each at its offset."""

from __future__ import annotations

import errno
import os
import stat
from typing import Protocol

from exporter.sources.file.gzip import SUFFIX, Gzipped


class Handle(Protocol):
    """What it takes to read a log, and to know it again. All but `close` raise OSError.

    `is_cut_off` says of a compressed file that it ended early when it was read, and that its rest may come.
    """

    @property
    def is_zipped(self) -> bool: ...

    @property
    def is_cut_off(self) -> bool: ...

    def status(self) -> os.stat_result:
        """That of the file as it is stored."""
        ...

    def read(self, length: int, offset: int) -> bytes:
        """The bytes of the content at an offset, fewer only where it ends."""
        ...

    def left(self, offset: int) -> int:
        """How many bytes there are behind an offset; less than 0 where the content ends before it.

        Of a compressed file, as far as it is not unpacked, they are counted as they are stored; there are some for as
        long as its end is not there.
        """
        ...

    def close(self) -> None: ...


class Plain:
    """A file that is its own content."""

    is_zipped = is_cut_off = False

    def __init__(self, number: int) -> None:
        self._number = number

    def status(self) -> os.stat_result:
        return os.fstat(self._number)

    def read(self, length: int, offset: int) -> bytes:
        return os.pread(self._number, length, offset)

    def left(self, offset: int) -> int:
        return self.status().st_size - offset

    def close(self) -> None:
        os.close(self._number)


def open_regular(path: str) -> Handle:
    """Open a regular file for reading; raises OSError where it cannot be, or is something else."""
    # Non-blocking, so that a FIFO in the folder cannot hold us up.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(number).st_mode):
        return Gzipped(number) if path.endswith(SUFFIX) else Plain(number)
    os.close(number)
    raise OSError(errno.EINVAL, "Not a regular file", path)
