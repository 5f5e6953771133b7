"""Sockets that sources listen on: in the file system, with permissions, or on the network."""

import errno
import grp
import os
import pwd
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from exporter.sources.source import SourceError, SourceOptions
from exporter.sources.url import PathUrl, SocketUrl
from exporter.units import FileMode

# How long sent data may take to arrive.
QUIET_SECONDS = 0.05
RECEIVE_BYTES = 4 * 1024**2


class NetworkOptions(SourceOptions, frozen=True, kw_only=True):
    """The options of sources that listen on a network address."""

    url: SocketUrl
    """The address to listen on."""

    def bind(self, kind: socket.SocketKind) -> socket.socket:
        """Return a bound socket that does not block; raises OSError."""
        listen = self.url.address
        family, _, _, _, address = socket.getaddrinfo(listen.host, listen.port, type=kind)[0]
        bound = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
        return bound

    def remove(self) -> None:
        """Do nothing: `bind` created no file."""


class UnixSocketOptions(SourceOptions, frozen=True, kw_only=True):
    """The options of sources that listen on a socket in the file system."""

    url: PathUrl
    """The path of the socket."""
    mode: FileMode = FileMode.parse("0660")
    """The permissions of the socket."""
    owner: str | None = None
    """The user who owns the socket."""
    group: str | None = None
    """The group that owns the socket."""

    def notes(self) -> Iterator[str]:
        if self.owner and not _exists(pwd.getpwnam, self.owner):
            yield f"owner: this machine has no user {self.owner}"
        if self.group and not _exists(grp.getgrnam, self.group):
            yield f"group: this machine has no group {self.group}"

    def bind(self, kind: socket.SocketKind) -> socket.socket:
        """Return a bound socket that does not block; raises OSError, and LookupError for an unknown owner."""
        self._remove_stale(kind)
        bound = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        # So that the permissions are right from the first moment on.
        before = os.umask(0o777 & ~self.mode)
        try:
            bound.bind(self.url.path)
            if self.owner or self.group:
                shutil.chown(self.url.path, self.owner, self.group)  # type: ignore[arg-type]  # None: unchanged
        except BaseException:
            bound.close()
            raise
        finally:
            os.umask(before)
        return bound

    def remove(self) -> None:
        """Remove the socket's file."""
        Path(self.url.path).unlink(missing_ok=True)

    def _remove_stale(self, kind: socket.SocketKind) -> None:
        """Remove the socket of a process that was killed; raises OSError if it is anything else."""
        path = Path(self.url.path)
        try:
            status = path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(status.st_mode):
            raise FileExistsError(errno.EEXIST, "a file of this name exists and is not a socket")
        # Non-blocking, so that a busy listener cannot delay the start.
        with socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK) as probe:
            try:
                with suppress(BlockingIOError):
                    probe.connect(self.url.path)
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def bound(name: str, address: NetworkOptions | UnixSocketOptions, kind: socket.SocketKind) -> socket.socket:
    """Return the bound socket of a source; raises SourceError."""
    try:
        return address.bind(kind)
    except (OSError, LookupError) as error:
        raise SourceError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


def _exists(find: Callable[[str], object], name: str) -> bool:
    try:
        find(name)
    except KeyError:
        return False
    return True
