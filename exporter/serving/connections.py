"""The connections of the HTTP server, all that they may take bounded: their number, and what clients leave unread."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

import structlog
from aiohttp import web

MOST_CONNECTIONS = 512
# All that may connect, so that none is turned away by the kernel while we are busy.
BACKLOG = 1024
HANDSHAKE_SECONDS = 10.0
# After the system had no more file numbers.
PAUSE_SECONDS = 1.0
# How long a client may take to read an answer; one that takes nothing at all is given less.
ANSWER_SECONDS = 60.0
STALLED_SECONDS = 30.0
# Of answers that are being sent, by all connections together. One may be larger, where it is alone.
MOST_UNSENT_BYTES = 64 * 1024**2

Tell = Callable[[str], object]

log = structlog.get_logger()


class Listener:
    """Accepts connections for a server, and hangs up on those past MOST_CONNECTIONS; `refused` is told "limit"."""

    def __init__(self, server: web.Server, tls: ssl.SSLContext | None, refused: Tell) -> None:
        self._server = server
        self._tls = tls
        self._refused = refused
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._arriving: set[asyncio.BaseProtocol] = set()

    @property
    def open(self) -> int:
        """How many connections there are, with those that have not shaken hands yet."""
        # For a moment a connection is both.
        return len(self._arriving.union(self._server.connections))

    def start(self, host: str, port: int) -> int:
        """Listen on every address of a host; return the port that was bound. Raises OSError."""
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
        """Accept no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._close_sockets()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except ConnectionError:  # it was gone again
                continue
            except OSError as error:
                log.error("cannot accept a connection; will try again", error=error.strerror)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if self.open >= MOST_CONNECTIONS:
                connection.close()
                self._refused("limit")
            else:
                handler = self._server()
                self._arriving.add(handler)
                self._keep(asyncio.create_task(self._serve(handler, connection)))

    async def _serve(self, handler: asyncio.BaseProtocol, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        patience = HANDSHAKE_SECONDS if self._tls else None
        try:
            with suppress(OSError):  # a client that cannot shake hands
                await loop.connect_accepted_socket(
                    lambda: handler, connection, ssl=self._tls, ssl_handshake_timeout=patience
                )
        finally:
            self._arriving.discard(handler)

    def _keep(self, task: asyncio.Task[None]) -> None:
        # The loop itself does not keep a task alive.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close_sockets(self) -> None:
        while self._sockets:
            self._sockets.pop().close()


class Answers:
    """Sends answers; `refused` is told "slow" of a client that does not read its own in time."""

    def __init__(self, refused: Tell) -> None:
        self._refused = refused
        self._unsent = 0

    async def send(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Send an answer, or that there are too many already; return what was sent."""
        size = response.content_length or 0
        if self._unsent and self._unsent + size > MOST_UNSENT_BYTES:
            response = web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE, text="too many answers at once\n", headers={"Retry-After": "1"}
            )
            size = 0
        _hang_up_when_stalled(request)
        self._unsent += size
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            self._refused("slow")
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass
        finally:
            self._unsent -= size
        return response


def _hang_up_when_stalled(request: web.Request) -> None:
    """Have the kernel end a connection whose client takes nothing of an answer."""
    connection = request.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_SECONDS * 1000))
