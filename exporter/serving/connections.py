"""The connections of the HTTP server, with limits on their number and on responses that clients do not read."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus

import structlog
from aiohttp import web

MAX_CONNECTIONS = 512
# So that the kernel rejects no connection while the process is busy.
BACKLOG = 1024
HANDSHAKE_SECONDS = 10.0
# After the process has run out of file descriptors.
PAUSE_SECONDS = 1.0
# How long a client may take to read a response; a client that reads nothing has less time.
RESPONSE_SECONDS = 60.0
STALLED_SECONDS = 30.0
# Responses that are being sent, on all connections together. A single one may be larger.
MAX_UNSENT_BYTES = 64 * 1024**2

OnClosed = Callable[[str], object]

log = structlog.get_logger()


class Use(IntEnum):
    """What a connection is used for; with too many connections, the first are closed first."""

    UNUSED = 0
    IDLE = 1
    POST = 2
    GET = 3


@dataclass(eq=False, slots=True)
class HttpConnection:
    """An open connection from an address, and what it is used for; `since` is by the event loop's clock."""

    address: str
    opening: asyncio.Task[None]
    since: float
    use: Use = Use.UNUSED


class Listener:
    """Accepts connections for a server; of MAX_CONNECTIONS, it closes one first and calls `on_closed("limit")`.

    That is one of the address with the most connections, so that each address has a share: the first by `Use`, and then
    the oldest. So probes and scrapes get through even if all clients have the same address.
    """

    def __init__(self, server: web.Server, tls: ssl.SSLContext | None, on_closed: OnClosed) -> None:
        self._server = server
        self._tls = tls
        self._on_closed = on_closed
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._arriving: set[asyncio.BaseProtocol] = set()
        self._connections: dict[asyncio.BaseProtocol, HttpConnection] = {}

    @property
    def open(self) -> int:
        """The number of connections, including those in a TLS handshake."""
        # The server keeps those that were closed until their handlers have ended, and one may be in both for a moment.
        still_open = self._arriving.union(self._server.connections)
        self._connections = {each: self._connections[each] for each in self._connections if each in still_open}
        return len(self._connections)

    def mark(self, protocol: asyncio.BaseProtocol, use: Use) -> None:
        """Record what a connection is used for from now on."""
        if protocol in self._connections:
            self._connections[protocol].use = use
            self._connections[protocol].since = asyncio.get_running_loop().time()

    def start(self, host: str, port: int) -> int:
        """Listen on every address of a host; return the port. Raises OSError."""
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                self._sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
        except BaseException:
            self._close_sockets()
            raise
        for listening in self._sockets:
            listening.setblocking(False)
            self._keep(asyncio.create_task(self._accept(listening)))
        return int(self._sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop accepting connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._close_sockets()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except ConnectionError:  # the client has already disconnected
                continue
            except OSError as error:
                log.error("accepting a connection failed; will retry", error=error.strerror)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            self._close_excess()
            handler = self._server()
            self._arriving.add(handler)
            serving = asyncio.create_task(self._serve(handler, connection))
            self._keep(serving)
            self._connections[handler] = HttpConnection(address[0], serving, loop.time())

    async def _serve(self, handler: asyncio.BaseProtocol, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        timeout = HANDSHAKE_SECONDS if self._tls else None
        try:
            with suppress(OSError):  # the handshake failed
                await loop.connect_accepted_socket(
                    lambda: handler, connection, ssl=self._tls, ssl_handshake_timeout=timeout
                )
        finally:
            self._arriving.discard(handler)

    def _close_excess(self) -> None:
        """Close a connection if another would be one too many."""
        if self.open < MAX_CONNECTIONS:
            return
        by_address = Counter(connection.address for connection in self._connections.values())
        protocol, closed = min(
            self._connections.items(),
            key=lambda item: (-by_address[item[1].address], item[1].use, item[1].since),
        )
        del self._connections[protocol]
        closed.opening.cancel()
        transport = getattr(protocol, "transport", None)
        if transport is not None:
            transport.abort()
        self._on_closed("limit")

    def _keep(self, task: asyncio.Task[None]) -> None:
        # Because the event loop does not keep a task alive.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close_sockets(self) -> None:
        while self._sockets:
            self._sockets.pop().close()


class Responses:
    """Sends responses; calls `on_closed("slow")` for a client that does not read its response in time."""

    def __init__(self, on_closed: OnClosed) -> None:
        self._on_closed = on_closed
        self._unsent = 0

    async def send(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Send a response, or 503 if too much is unsent; return what was sent."""
        size = response.content_length or 0
        if self._unsent and self._unsent + size > MAX_UNSENT_BYTES:
            response = web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE, text="too many responses at once\n", headers={"Retry-After": "1"}
            )
            size = 0
        _close_when_stalled(request)
        self._unsent += size
        try:
            async with asyncio.timeout(RESPONSE_SECONDS):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            self._on_closed("slow")
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass
        finally:
            self._unsent -= size
        return response


def _close_when_stalled(request: web.Request) -> None:
    """Have the kernel close a connection whose client reads nothing."""
    connection = request.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_SECONDS * 1000))
