"""A socket in the file system: bound for its owner and group alone, and never in place of one that is in use."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class UnixPath:
    """Where, with which permissions, and whose; None leaves the owner or group as they come."""

    path: Path
    mode: int = 0o660
    owner: str | None = None
    group: str | None = None

    def bind(self, kind: socket.SocketKind) -> socket.socket:
        """Return a bound socket that does not block; raises OSError, and LookupError for an unknown owner."""
        self._remove_stale(kind)
        bound = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        # The permissions are right from the first moment on, not some time after it.
        before = os.umask(0o777 & ~self.mode)
        try:
            bound.bind(str(self.path))
            if self.owner or self.group:
                shutil.chown(self.path, self.owner, self.group)  # type: ignore[arg-type]  # None is "as it is"
        except BaseException:
            bound.close()
            raise
        finally:
            os.umask(before)
        return bound

    def remove(self) -> None:
        """Remove the socket's file."""
        self.path.unlink(missing_ok=True)

    def _remove_stale(self, kind: socket.SocketKind) -> None:
        """Remove what a process left behind that was killed; raises OSError where it is something else."""
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(status.st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file of this name that is no socket")
        # Non-blocking, so that one who is too busy to accept cannot hold us up.
        with socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK) as probe:
            try:
                with suppress(BlockingIOError):
                    probe.connect(str(self.path))
            except ConnectionRefusedError:
                self.path.unlink(missing_ok=True)
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
