"""Sends predictions to prediction-exporter, for services that log nothing. Copy this file; it needs Python 3.9 alone.

`PredictionHandler` is a handler for `logging`, and `PredictionMiddleware` is for ASGI applications. Both put records
into a queue, which a thread sends to the exporter's socket. They never block the service: if the exporter is not
reachable, the queue fills up, and further records are dropped and counted (`Sender.dropped`).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

SOCKET = "unix:///run/model/predictions.sock"
# Larger bodies are not recorded.
MAX_BODY_BYTES = 256 * 1024
SEND_SECONDS = 5.0
RETRY_SECONDS = 1.0
HTTP_ERROR = 400
# What a LogRecord has without `extra`.
OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class Sender:
    """Sends records as JSON lines, from a thread of its own.

    `address` is unix:///PATH or tcp://HOST:PORT. At most `capacity` records wait. `sent` and `dropped` count records.
    """

    def __init__(self, address: str = SOCKET, capacity: int = 10_000) -> None:
        self.address = address
        self.sent = 0
        self.dropped = 0
        self._capacity = capacity
        self._lock = threading.Lock()
        self._pid = 0
        self._socket: socket.socket | None = None
        self._start()
        atexit.register(self.close)

    def send(self, record: dict[str, Any] | Callable[[], dict[str, Any]]) -> bool:
        """Queue a record, or a function that returns it in the thread; return whether there was room."""
        if self._pid != os.getpid():  # a child process has no threads of its parent
            self._start()
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._drop()
            return False
        return True

    def close(self, seconds: float = 1.0) -> None:
        """Wait until the queue is empty, at most so long."""
        deadline = time.monotonic() + seconds
        while self._queue.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)

    def _start(self) -> None:
        self._pid, self._socket = os.getpid(), None
        self._queue: queue.Queue[Any] = queue.Queue(self._capacity)
        threading.Thread(target=self._run, name="prediction-log", daemon=True).start()

    def _run(self) -> None:
        while True:
            record = self._queue.get()
            try:
                line = json.dumps(record() if callable(record) else record, default=_plain).encode() + b"\n"
                self._deliver(line)
                self.sent += 1
            except Exception:  # noqa: BLE001  # a record that cannot be written must not end the thread
                self._drop()
            finally:
                self._queue.task_done()

    def _deliver(self, line: bytes) -> None:
        """Send a line once there is a connection; raises OSError if the connection is lost meanwhile."""
        while self._socket is None or self._is_closed(self._socket):
            self._socket = self._connected()
            if self._socket is None:
                time.sleep(RETRY_SECONDS)
        try:
            self._socket.sendall(line)
        except OSError:
            # A part of the line may have been sent, so the connection cannot be used any more.
            self._socket.close()
            self._socket = None
            raise

    def _connected(self) -> socket.socket | None:
        scheme, _, place = self.address.partition("://")
        try:
            if scheme == "tcp":
                host, _, port = place.rpartition(":")
                return socket.create_connection((host, int(port)), SEND_SECONDS)
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(SEND_SECONDS)
            try:
                connection.connect(place)
            except OSError:
                connection.close()
                return None
        except OSError:
            return None
        return connection

    @staticmethod
    def _is_closed(connection: socket.socket) -> bool:
        """Return whether the exporter has closed the connection. It sends nothing itself."""
        connection.settimeout(0)
        try:
            is_closed = not connection.recv(1)
        except BlockingIOError:
            is_closed = False
        except OSError:
            is_closed = True
        connection.settimeout(SEND_SECONDS)
        if is_closed:
            connection.close()
        return is_closed

    def _drop(self) -> None:
        with self._lock:
            self.dropped += 1


class PredictionHandler(logging.Handler):
    """Sends log records with a `prediction` or an `error_type` among their `extra`, which are the fields of the record.

    log.info("prediction", extra={"prediction": label, "features": features, "latency_ms": 12.1})
    """

    def __init__(self, sender: Sender | str = SOCKET) -> None:
        """`sender` may be the address of one."""
        super().__init__()
        self.sender = Sender(sender) if isinstance(sender, str) else sender

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record; like any handler, it reports an error on stderr and does not raise it."""
        try:
            fields = {name: value for name, value in vars(record).items() if name not in OWN}
            if "prediction" in fields or "error_type" in fields:
                self.sender.send({"timestamp": record.created, **fields})
        except Exception:  # noqa: BLE001  # as the standard library does
            self.handleError(record)


class PredictionMiddleware:
    """Sends a record per request to one of `paths` of an ASGI application.

    The record has `timestamp`, `latency_ms`, `path` and `status`, the JSON bodies as `request` and `response`, and
    `error_type`, the status of a response from 400 on or the name of an exception.
    """

    def __init__(self, app: Any, sender: Sender | str = SOCKET, paths: tuple[str, ...] = ("/predict",)) -> None:
        self.app = app
        self.sender = Sender(sender) if isinstance(sender, str) else sender
        self.paths = paths

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, and record it."""
        if scope["type"] != "http" or not scope["path"].startswith(self.paths):
            await self.app(scope, receive, send)
            return
        request, response = _Body(), _Body()
        fields: dict[str, Any] = {"timestamp": time.time(), "path": scope["path"]}
        begin = time.perf_counter()

        async def received() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                request.add(message.get("body", b""))
            return message

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                fields["status"] = message["status"]
            elif message["type"] == "http.response.body":
                response.add(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, received, sent)
        except Exception as error:
            fields["error_type"] = type(error).__name__
            raise
        finally:
            if fields.get("status", 0) >= HTTP_ERROR:
                fields.setdefault("error_type", str(fields["status"]))
            fields["latency_ms"] = (time.perf_counter() - begin) * 1e3
            self.sender.send(lambda: {**fields, "request": request.value(), "response": response.value()})


class _Body:
    """A body, unless it is too large."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= MAX_BODY_BYTES:
            self._parts.append(part)

    def value(self) -> Any:
        """Return the JSON; None if it is something else, or too large."""
        if self._size > MAX_BODY_BYTES:
            return None
        with contextlib.suppress(ValueError):
            return json.loads(b"".join(self._parts))
        return None


def _plain(value: Any) -> Any:
    """Return an array or a scalar of numpy as JSON has it; anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
