"""Listen on a unix or TCP socket: each connection is a stream of records.

At most once: what was read and not yet committed goes with a `kill -9`, and nothing can ask for it again. There is
no queue of ours; what we do not read stays in the kernel's buffer, and then the sender waits.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import termios
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from exporter.lines.stream import Stream
from exporter.sources import FULL_SECONDS, Sink
from exporter.sources.listening import QUIET_SECONDS, bound
from exporter.telemetry import Telemetry

BACKLOG = 1024
SWEEP_SECONDS = 1.0
# Of lines that are not whole, by all connections together; who sends more is hung up on.
MOST_HELD_BYTES = 32 * 1024**2


@dataclass
class StreamSocket:
    """Takes what any number of clients send. `bind` returns the bound socket; `forget` takes it out of the world.

    Past `most_connections` at a time a client is hung up on, and so is one that sends nothing for `idle_seconds`.
    """

    name: str
    bind: Callable[[], socket.socket]
    forget: Callable[[], None]
    sink: Sink
    telemetry: Telemetry
    clock: Callable[[], float]
    most_connections: int
    idle_seconds: float
    _server: asyncio.Server | None = None
    _connections: set[_Connection] = field(default_factory=set)
    _serial: count[int] = field(default_factory=lambda: count(1))

    async def start(self) -> None:
        """Listen; raises SourceError."""
        loop, ready = asyncio.get_running_loop(), bound(self.name, self.bind)
        self._server = await loop.create_server(lambda: _Connection(self), sock=ready, backlog=BACKLOG)

    async def run(self) -> None:
        """Hang up on who has been silent for too long."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            oldest = self.clock() - self.idle_seconds
            for connection in [connection for connection in self._connections if connection.heard < oldest]:
                self.refuse(connection, "idle")

    async def drain(self, deadline: float) -> None:
        """Read what was sent before now, and hang up: who goes on sending is not waited for."""
        await asyncio.sleep(QUIET_SECONDS)
        behind = {one: one.received + one.waiting() for one in self._connections}
        while behind and self.clock() < deadline:
            await asyncio.sleep(0)
            behind = {one: end for one, end in behind.items() if one in self._connections and one.received < end}
        self.close()

    def close(self) -> None:
        """Hang up on everyone."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.hang_up()
            self.left(connection)
        self.forget()
        self._server = None

    def admit(self, connection: _Connection, peer: str) -> Stream | None:
        """Return the stream of a new connection, or None where there are too many."""
        self.telemetry.connections.labels(self.name).inc()
        if len(self._connections) >= self.most_connections:
            self.telemetry.refused_connections.labels(self.name, "limit").inc()
            return None
        self._connections.add(connection)
        self.telemetry.open_connections.labels(self.name).set(len(self._connections))
        stream = Stream(self.name, peer, serial=next(self._serial))
        self.sink.open(stream)
        return stream

    def take(self, connection: _Connection, stream: Stream, data: bytes) -> None:
        """Take bytes of a connection, and hang up where they cannot be read or there are too many."""
        connection.heard = self.clock()
        connection.received += len(data)
        if self.sink.feed(stream, data, connection.heard):
            self.refuse(connection, "invalid")
        elif self.sink.held_bytes > MOST_HELD_BYTES:
            self.refuse(connection, "memory")
        elif self.sink.is_full:
            connection.pause()

    def refuse(self, connection: _Connection, reason: str) -> None:
        """Hang up on a client, and count why."""
        self.telemetry.refused_connections.labels(self.name, reason).inc()
        connection.hang_up()
        self.left(connection)

    def left(self, connection: _Connection) -> None:
        """The connection has ended."""
        if connection in self._connections:
            self._connections.discard(connection)
            self.telemetry.open_connections.labels(self.name).set(len(self._connections))
            if connection.stream:
                self.sink.close(connection.stream)
                connection.stream = None


class _Connection(asyncio.Protocol):
    """One client. It is never written to."""

    __slots__ = ("_source", "_transport", "heard", "received", "stream")

    def __init__(self, source: StreamSocket) -> None:
        self._source = source
        self._transport: asyncio.BaseTransport | None = None
        self.stream: Stream | None = None
        self.heard = source.clock()
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.stream = self._source.admit(self, _spell(transport.get_extra_info("peername")))
        if self.stream is None:
            self.hang_up()

    def data_received(self, data: bytes) -> None:
        if self.stream:
            self._source.take(self, self.stream, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._source.left(self)

    def pause(self) -> None:
        """Leave what comes to the kernel until there is room."""
        if isinstance(self._transport, asyncio.ReadTransport):
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(FULL_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if isinstance(self._transport, asyncio.ReadTransport) and not self._transport.is_closing():
            self._transport.resume_reading()
            if self._source.sink.is_full:
                self.pause()

    def waiting(self) -> int:
        """How many bytes the kernel holds for us."""
        held = array("i", [0])
        if self._transport is not None:
            fcntl.ioctl(self._transport.get_extra_info("socket"), termios.FIONREAD, held)
        return held[0]

    def hang_up(self) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()


def _spell(peer: object) -> str:
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "connection"
