"""The name of one ordered run of bytes."""

import msgspec


class Stream(msgspec.Struct, frozen=True, order=True, array_like=True):
    """One ordered run of bytes: a file (device and inode), read once from its start, or a connection.

    `serial` distinguishes what a file holds now from what it held before it was truncated. A stream that can be read
    again after a restart has an inode; one that is not a file, such as a table, has an inode of its source's choice.
    """

    source: str
    path: str
    device: int = 0
    inode: int = 0
    serial: int = 0

    @property
    def is_lasting(self) -> bool:
        """Whether the stream can be read again after a restart, as a file can and a connection cannot."""
        return self.inode != 0
