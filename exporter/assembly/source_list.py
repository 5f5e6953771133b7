"""From the configuration's sources to those that run; the one list to add a kind of source to."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from exporter.configuration import source_options
from exporter.engine.engine import Engine
from exporter.lines.container_logs import CriLines, DockerLines
from exporter.lines.frames import Frames
from exporter.lines.framing import Framer, Lines
from exporter.requests.bodies import Reader, Records
from exporter.requests.inference import Names
from exporter.requests.kserve import InferenceLog
from exporter.sources import Sink, Source
from exporter.sources.datagram_socket import DatagramSocket
from exporter.sources.file import FileSource
from exporter.sources.http import HttpSource
from exporter.sources.sql import Database, SqlSource
from exporter.sources.stream_socket import StreamSocket
from exporter.sources.unix_path import UnixPath
from exporter.telemetry import Telemetry

FORMATS: dict[str, Framer] = {
    "lines": Lines,
    "cri": CriLines,
    "docker": DockerLines,
    "bentoml": Lines,
    "kserve": Lines,
}
RECEIVE_BYTES = 4 * 1024**2


def framer(source: source_options.Source) -> Framer:
    """Return how the bytes of a source are cut into lines."""
    return Frames if source.framing == "length" else FORMATS[source.format]


def takes_arrow(source: source_options.Source) -> bool:
    """Whether a source's clients may send Arrow beside lines."""
    return source.url.scheme == "http" and source.format == "lines"


def make(
    source: source_options.Source,
    engine: Engine,
    commit: Callable[[], Awaitable[object]],
    telemetry: Telemetry,
    clock: Callable[[], float],
    features: Sequence[str] = (),
) -> Source:
    """Return the source that the configuration describes; `features` are those of the reference, in its order."""
    name, sink = str(source.url), engine
    if source.url.scheme == "http":
        token = Path(source.token_file) if source.token_file else None
        limits = (source.body_bytes, source.requests)
        return HttpSource(
            name,
            source.url.path,
            engine,
            commit,
            telemetry,
            clock,
            *limits,
            token,
            _reader(source, features),
            _load_arrow,
        )
    if source.url.scheme == "file":
        return FileSource(name, source.url.path, sink, telemetry, clock, source.start == "end")
    if source.is_database:
        return _sql(source, sink, telemetry, clock)
    bind, forget = _unix(source) if source.url.scheme == "unix" else _internet(source)
    if source.is_datagram:
        return DatagramSocket(name, bind, forget, sink, telemetry, clock)
    idle_seconds = source.idle_timeout.seconds
    return StreamSocket(name, bind, forget, sink, telemetry, clock, source.connections, idle_seconds)


def _load_arrow() -> None:
    importlib.import_module("exporter.arrow.decode")


def _reader(source: source_options.Source, features: Sequence[str]) -> Reader:
    if source.format == "kserve":
        order = tuple(features) if source.features is None else source.features
        return InferenceLog(Names(order, frozenset((*features, *order))))
    return Records()


def database(source: source_options.Source) -> Database:
    """Return what a source that polls a database asks."""
    from exporter.sources.database import SqlDatabase  # noqa: PLC0415  # of an extra, which few sidecars need

    query, column = source.query or "", source.mark or ""
    lag = source.lag.seconds if source.lag else 0.0
    password = Path(source.password_file) if source.password_file else None
    return SqlDatabase(
        str(source.url),
        source.url.path,
        query,
        column,
        source.initial,
        source.rows,
        lag,
        source.timeout.seconds,
        password,
    )


def _sql(source: source_options.Source, sink: Sink, telemetry: Telemetry, clock: Callable[[], float]) -> Source:
    column = source.mark or ""
    return SqlSource(str(source.url), database(source), column, source.every.seconds, sink, telemetry, clock)


def _unix(source: source_options.Source) -> tuple[Callable[[], socket.socket], Callable[[], None]]:
    path = UnixPath(Path(source.url.path), source.mode, source.owner, source.group)
    kind = socket.SOCK_DGRAM if source.is_datagram else socket.SOCK_STREAM
    return lambda: path.bind(kind), path.remove


def _internet(source: source_options.Source) -> tuple[Callable[[], socket.socket], Callable[[], None]]:
    def bind() -> socket.socket:
        kind = socket.SOCK_DGRAM if source.is_datagram else socket.SOCK_STREAM
        family, _, _, _, address = socket.getaddrinfo(source.url.host, source.url.port, type=kind)[0]
        bound = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(not source.is_datagram))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
        return bound

    return bind, lambda: None
