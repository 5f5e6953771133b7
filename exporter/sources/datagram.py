"""Listen for datagrams, on UDP or a unix socket: each is one whole record, or several lines.

At most once, and UDP gives no delivery guarantee: datagrams that the kernel drops because its buffer is full are
counted. On a unix socket, the sender waits instead.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from exporter.lines.stream import Stream
from exporter.sources.sockets import QUIET_SECONDS, NetworkOptions, UnixSocketOptions, bound
from exporter.sources.source import FULL_SECONDS, SourceContext

# The longest datagram that the kernel accepts by default on a unix socket; UDP's are at most 64 KiB.
DATAGRAM_BYTES = 256 * 1024
AT_ONCE = 256
LOOK_SECONDS = 1.0
# More than enough to read the kernel's whole buffer.
DRAIN_SECONDS = 2.0


class UnixDatagramOptions(UnixSocketOptions, frozen=True, kw_only=True):
    """Datagrams to a socket in the file system."""

    scheme: ClassVar[str] = "unixgram"
    example: ClassVar[str] = "unixgram:///run/model.sock"

    def make(self, context: SourceContext) -> DatagramSocket:
        return DatagramSocket(context, self)


class UdpOptions(NetworkOptions, frozen=True, kw_only=True):
    """Datagrams to a UDP port."""

    scheme: ClassVar[str] = "udp"
    example: ClassVar[str] = "udp://127.0.0.1:9467"

    def make(self, context: SourceContext) -> DatagramSocket:
        return DatagramSocket(context, self)


@dataclass
class DatagramSocket:
    """Reads the datagrams that are sent to a socket."""

    context: SourceContext
    options: UnixDatagramOptions | UdpOptions
    _socket: socket.socket | None = None
    _dropped: int = 0
    _received: int = 0

    def __post_init__(self) -> None:
        self._buffer = bytearray(DATAGRAM_BYTES)
        self._stream = Stream(self.context.name, "datagrams")

    async def start(self) -> None:
        """Listen; raises SourceError."""
        self._socket = bound(self.context.name, self.options, socket.SOCK_DGRAM)
        self.context.sink.open(self._stream)
        asyncio.get_running_loop().add_reader(self._socket, self._take, self._socket)

    async def run(self) -> None:
        """Count the datagrams that the kernel drops."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._count_dropped()

    async def drain(self, deadline: float) -> None:
        """Read until nothing arrives for QUIET_SECONDS, and stop listening."""
        before, end = -1, min(deadline, self.context.monotonic() + DRAIN_SECONDS)
        while self._received != before and self.context.monotonic() < end:
            before = self._received
            await asyncio.sleep(QUIET_SECONDS)
        self._count_dropped()
        self.close()

    def close(self) -> None:
        """Stop listening."""
        if self._socket is None:
            return
        with suppress(RuntimeError):  # the loop may have ended
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        self.context.sink.close(self._stream)
        self.options.remove()

    def _take(self, ready: socket.socket) -> None:
        now = self.context.clock()
        for _ in range(AT_ONCE):
            try:
                size, _, flags, _ = ready.recvmsg_into([self._buffer])
            except OSError:  # no more datagrams, or an error of a sender that the network reports
                return
            self._received += 1
            self.context.telemetry.datagrams.labels(self.context.name).inc()
            if flags & socket.MSG_TRUNC:
                self.context.telemetry.dropped_datagrams.labels(self.context.name, "truncated").inc()
                continue
            data = bytes(memoryview(self._buffer)[:size])
            self.context.sink.feed(self._stream, data if data.endswith(b"\n") else data + b"\n", now)
            if self.context.sink.is_full:
                self._pause()
                return

    def _pause(self) -> None:
        """Read nothing until the sink has room."""
        loop = asyncio.get_running_loop()
        if self._socket is not None:
            loop.remove_reader(self._socket)
            loop.call_later(FULL_SECONDS, self._resume)

    def _resume(self) -> None:
        if self.context.sink.is_full:
            self._pause()
        elif self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._take, self._socket)

    def _count_dropped(self) -> None:
        if self._socket is not None and self._socket.family in (socket.AF_INET, socket.AF_INET6):
            dropped = dropped_by_kernel(self._socket)
            self.context.telemetry.dropped_datagrams.labels(self.context.name, "kernel").inc(
                max(0, dropped - self._dropped)
            )
            self._dropped = dropped


def dropped_by_kernel(receiver: socket.socket) -> int:
    """Return how many datagrams a UDP socket dropped because its buffer was full; 0 if unknown."""
    table = Path("/proc/net/udp6" if receiver.family == socket.AF_INET6 else "/proc/net/udp")
    inode = str(os.fstat(receiver.fileno()).st_ino)
    with suppress(OSError):
        for row in table.read_text().splitlines()[1:]:
            columns = row.split()
            if columns[9] == inode:
                return int(columns[-1])
    return 0
