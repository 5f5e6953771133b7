"""Listen for datagrams, on UDP or a unix socket: each is one whole record, or several lines.

At most once, and UDP may lose any of them on the way: those that the kernel dropped because we were too slow
are counted. The sender on a unix socket waits instead.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from exporter.lines.stream import Stream
from exporter.sources import FULL_SECONDS, Sink
from exporter.sources.listening import QUIET_SECONDS, bound
from exporter.telemetry import Telemetry

# The longest that the kernel takes by default on a unix socket; UDP's are at most 64 KiB.
DATAGRAM_BYTES = 256 * 1024
AT_ONCE = 256
LOOK_SECONDS = 1.0
# More than enough for all that the kernel's buffer holds.
DRAIN_SECONDS = 2.0


@dataclass
class DatagramSocket:
    """Takes datagrams. `bind` returns the bound socket; `forget` takes it out of the world."""

    name: str
    bind: Callable[[], socket.socket]
    forget: Callable[[], None]
    sink: Sink
    telemetry: Telemetry
    clock: Callable[[], float]
    _socket: socket.socket | None = None
    _dropped: int = 0
    _received: int = 0

    def __post_init__(self) -> None:
        self._buffer = bytearray(DATAGRAM_BYTES)
        self._stream = Stream(self.name, "datagrams")

    async def start(self) -> None:
        """Listen; raises SourceError."""
        self._socket = bound(self.name, self.bind)
        self.sink.open(self._stream)
        asyncio.get_running_loop().add_reader(self._socket, self._take, self._socket)

    async def run(self) -> None:
        """Look now and then what the kernel has dropped."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._count_dropped()

    async def drain(self, deadline: float) -> None:
        """Read until nothing has come for a moment, and stop listening: who goes on sending is not waited for."""
        before, end = -1, min(deadline, self.clock() + DRAIN_SECONDS)
        while self._received != before and self.clock() < end:
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
        self.sink.close(self._stream)
        self.forget()

    def _take(self, ready: socket.socket) -> None:
        now = self.clock()
        for _ in range(AT_ONCE):
            try:
                size, _, flags, _ = ready.recvmsg_into([self._buffer])
            except OSError:  # there are no more, or the network reports an error of someone's
                return
            self._received += 1
            self.telemetry.datagrams.labels(self.name).inc()
            if flags & socket.MSG_TRUNC:
                self.telemetry.dropped_datagrams.labels(self.name, "truncated").inc()
                continue
            data = bytes(memoryview(self._buffer)[:size])
            self.sink.feed(self._stream, data if data.endswith(b"\n") else data + b"\n", now)
            if self.sink.is_full:
                self._pause()
                return

    def _pause(self) -> None:
        """Leave what comes to the kernel until there is room."""
        loop = asyncio.get_running_loop()
        if self._socket is not None:
            loop.remove_reader(self._socket)
            loop.call_later(FULL_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if self.sink.is_full:
            self._pause()
        elif self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._take, self._socket)

    def _count_dropped(self) -> None:
        if self._socket is not None and self._socket.family in (socket.AF_INET, socket.AF_INET6):
            dropped = dropped_by_kernel(self._socket)
            self.telemetry.dropped_datagrams.labels(self.name, "kernel").inc(max(0, dropped - self._dropped))
            self._dropped = dropped


def dropped_by_kernel(receiver: socket.socket) -> int:
    """Return how many datagrams found a UDP socket's buffer full; 0 where the system does not tell."""
    table = Path("/proc/net/udp6" if receiver.family == socket.AF_INET6 else "/proc/net/udp")
    inode = str(os.fstat(receiver.fileno()).st_ino)
    with suppress(OSError):
        for row in table.read_text().splitlines()[1:]:
            columns = row.split()
            if columns[9] == inode:
                return int(columns[-1])
    return 0
