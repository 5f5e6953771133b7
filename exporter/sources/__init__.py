"""Sources of bytes: each kind is one module or package with its options, found by the URL's scheme.

A source delivers bytes to a `Sink`, and knows nothing of statistics.
"""

from exporter.sources.database.source import PostgresqlOptions, SqliteOptions
from exporter.sources.datagram import UdpOptions, UnixDatagramOptions
from exporter.sources.file.source import FileOptions
from exporter.sources.http import HttpOptions
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
