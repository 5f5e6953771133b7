"""Regular files: opened without waiting, as opening a pipe would."""

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
