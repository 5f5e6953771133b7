"""The identity of a stream of bytes."""

import msgspec


class Stream(msgspec.Struct, frozen=True, order=True, array_like=True):
    """A stream of bytes: a file (device and inode) that is read once from its start, or a connection.

    `serial` distinguishes the content of a file before and after it was truncated; it is 0 for a copy, which is known
    but not read. A stream that can be read again after a restart has an inode; if it is not a file but a table, say,
    its source chooses a number.
    """

    source: str
    path: str
    device: int = 0
    inode: int = 0
    serial: int = 0

    @property
    def is_lasting(self) -> bool:
        """Whether the stream can be read again after a restart: a file can, a connection cannot."""
        return self.inode != 0
