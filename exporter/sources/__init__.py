"""Where bytes come from. Each kind of source is one module or package with its options, found by the URL's scheme.

A source knows a `Sink`, and nothing of what becomes of the bytes.
"""

from __future__ import annotations

from exporter.sources.database.options import PostgresqlOptions, SqliteOptions
from exporter.sources.datagram import UdpOptions, UnixDatagramOptions
from exporter.sources.file.options import FileOptions
from exporter.sources.http.options import HttpOptions
from exporter.sources.source import SourceOptions
from exporter.sources.stream import TcpOptions, UnixOptions

SOURCES: tuple[type[SourceOptions], ...] = (
    FileOptions,
    UnixOptions,
    TcpOptions,
    UnixDatagramOptions,
    UdpOptions,
    HttpOptions,
    PostgresqlOptions,
    SqliteOptions,
)
BY_SCHEME = {options.scheme: options for options in SOURCES}
