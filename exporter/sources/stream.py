"""Listen on a unix or TCP socket: each connection is a stream of records.

At most once: a `kill -9` loses data that was read and not yet committed, because nothing can request it again. There is
no queue here: unread data stays in the kernel's buffer, and once that is full, the sender waits.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import termios
from array import array
from dataclasses import dataclass, field
from itertools import count
from typing import ClassVar, cast

from exporter.lines.stream import Stream
from exporter.sources.sockets import QUIET_SECONDS, NetworkOptions, UnixSocketOptions, bound
from exporter.sources.source import FULL_SECONDS, SourceContext
from exporter.units import Duration, Positive

BACKLOG = 1024
SWEEP_SECONDS = 1.0
# The size of unfinished lines of all connections together; a client that exceeds it is disconnected.
MAX_HELD_BYTES = 32 * 1024**2


class UnixOptions(UnixSocketOptions, frozen=True, kw_only=True):
    """Connections to a socket in the file system."""

    scheme: ClassVar[str] = "unix"
    example: ClassVar[str] = "unix:///run/model.sock"
    carries_streams: ClassVar[bool] = True

    connections: Positive = 1000
    """How many clients may be connected at a time; connections beyond that are closed."""
    idle_timeout: Duration = Duration.parse("10m")
    """How long a client may be silent."""

    def make(self, context: SourceContext) -> StreamSocket:
        return StreamSocket(context, self)


class TcpOptions(NetworkOptions, frozen=True, kw_only=True):
    """Connections to a TCP port."""

    scheme: ClassVar[str] = "tcp"
    example: ClassVar[str] = "tcp://127.0.0.1:9466"
    carries_streams: ClassVar[bool] = True

    connections: Positive = 1000
    """How many clients may be connected at a time; connections beyond that are closed."""
    idle_timeout: Duration = Duration.parse("10m")
    """How long a client may be silent."""

    def make(self, context: SourceContext) -> StreamSocket:
        return StreamSocket(context, self)


@dataclass
class StreamSocket:
    """Reads the stream of each client that connects, and closes connections beyond the options' limits."""

    context: SourceContext
    options: UnixOptions | TcpOptions
    _server: asyncio.Server | None = None
    _connections: set[_Connection] = field(default_factory=set)
    _serial: count[int] = field(default_factory=lambda: count(1))

    async def start(self) -> None:
        """Listen; raises SourceError."""
        loop, ready = asyncio.get_running_loop(), bound(self.context.name, self.options, socket.SOCK_STREAM)
        self._server = await loop.create_server(lambda: _Connection(self), sock=ready, backlog=BACKLOG)

    async def run(self) -> None:
        """Disconnect clients that are silent for too long."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            oldest = self.context.monotonic() - self.options.idle_timeout.seconds
            for connection in [connection for connection in self._connections if connection.last_received < oldest]:
                self.refuse(connection, "idle")

    async def drain(self, deadline: float) -> None:
        """Read the data that was sent before now, and disconnect all clients."""
        await asyncio.sleep(QUIET_SECONDS)
        behind = {one: one.received + one.waiting() for one in self._connections}
        while behind and self.context.monotonic() < deadline:
            await asyncio.sleep(0)
            behind = {one: end for one, end in behind.items() if one in self._connections and one.received < end}
        self.close()

    def close(self) -> None:
        """Disconnect all clients."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            self._disconnect(connection)
        self.options.remove()
        self._server = None

    def admit(self, connection: _Connection) -> None:
        """Open the stream of a new connection, or disconnect it if there are too many."""
        self.context.telemetry.connections.labels(self.context.name).inc()
        if len(self._connections) >= self.options.connections:
            self.refuse(connection, "limit")
            return
        self._connections.add(connection)
        self.context.telemetry.open_connections.labels(self.context.name).set(len(self._connections))
        peer = connection.transport.get_extra_info("peername")
        path = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "connection"
        connection.stream = Stream(self.context.name, path, serial=next(self._serial))
        self.context.sink.open(connection.stream)

    def refuse(self, connection: _Connection, reason: str) -> None:
        """Disconnect a client, counted by reason."""
        self.context.telemetry.refused_connections.labels(self.context.name, reason).inc()
        self._disconnect(connection)

    def forget(self, connection: _Connection) -> None:
        """Close the stream of a connection that has ended."""
        if connection in self._connections and connection.stream:
            self._connections.discard(connection)
            self.context.telemetry.open_connections.labels(self.context.name).set(len(self._connections))
            self.context.sink.close(connection.stream)
            connection.stream = None

    def _disconnect(self, connection: _Connection) -> None:
        connection.transport.abort()
        self.forget(connection)


class _Connection(asyncio.Protocol):
    """The connection of one client, to which nothing is ever written."""

    __slots__ = ("_source", "last_received", "received", "stream", "transport")
    transport: asyncio.Transport

    def __init__(self, source: StreamSocket) -> None:
        self._source = source
        self.stream: Stream | None = None
        self.last_received = source.context.monotonic()
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._source.admit(self)

    def data_received(self, data: bytes) -> None:
        if self.stream is None:
            return
        context = self._source.context
        sink = context.sink
        self.last_received = context.monotonic()
        self.received += len(data)
        if sink.feed(self.stream, data, context.clock()):
            self._source.refuse(self, "invalid")
        elif sink.held_bytes > MAX_HELD_BYTES:
            self._source.refuse(self, "memory")
        elif sink.is_full:
            self._pause()

    def connection_lost(self, exc: Exception | None) -> None:
        self._source.forget(self)

    def waiting(self) -> int:
        """Return how many bytes are in the kernel's buffer."""
        size = array("i", [0])
        fcntl.ioctl(self.transport.get_extra_info("socket"), termios.FIONREAD, size)
        return size[0]

    def _pause(self) -> None:
        """Read nothing until the sink has room."""
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(FULL_SECONDS, self._resume)

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()
            if self._source.context.sink.is_full:
                self._pause()
