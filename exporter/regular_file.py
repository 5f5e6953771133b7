"""Regular files: opened without waiting, as opening a pipe would, and read up to a limit."""

import errno
import os
import stat
from pathlib import Path


def regular_descriptor(path: str | Path) -> int | None:
    """Return the descriptor of a regular file, opened for reading; None if the path is something else.

    Raises OSError if it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def read(path: str | Path, most_bytes: int = 1024**2) -> bytes:
    """Return the content of a regular file; raises OSError if it cannot be read, or is larger than `most_bytes`."""
    descriptor = regular_descriptor(path)
    if descriptor is None:
        reason = os.strerror(errno.EISDIR) if os.path.isdir(path) else "expected a regular file"
        raise OSError(errno.EINVAL, reason, str(path))
    with open(descriptor, "rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than {most_bytes // 1024**2} MiB", str(path))
    return data
