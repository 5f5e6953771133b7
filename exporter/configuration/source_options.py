"""A source as the configuration has it: its options, and which kind of source has which.

The text below an option is what exporter/CONFIGURATION.md says of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from exporter.configuration.units import DATABASES, Duration, FileMode, Size, SourceUrl

Positive = Annotated[int, msgspec.Meta(gt=0)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source and its options; SOURCE_OPTIONS says which has which."""

    url: SourceUrl
    """Where records come from. A path may hold `*`, `?` and `[…]`; `http:///PATH` is on the address of `/metrics`."""
    start: Literal["beginning", "end"] = "beginning"
    """`end` leaves out what a file holds when it is first seen at start."""
    format: Literal["lines", "cri", "docker", "bentoml", "kserve", "arrow"] = "lines"
    """How records are written: JSON lines, logs of container runtimes, BentoML's log, KServe's events, Arrow."""
    prediction: str | None = None
    """The column of `format: bentoml` that is logged with `role="prediction"`; required there."""
    features: tuple[str, ...] | None = None
    """The names of features that `format: kserve` has by position. Without it, the reference's, in its order."""
    socket: Literal["stream", "datagram"] = "stream"
    """Whether clients send a stream of lines, or datagrams of whole records."""
    framing: Literal["newline", "length"] = "newline"
    """How a stream's records end: by a newline, or they come after their length in 4 bytes, big-endian."""
    connections: Positive = 1000
    """How many clients may be connected at a time; further ones are hung up on."""
    idle_timeout: Duration = Duration.parse("10m")
    """For how long a client may be silent."""
    mode: FileMode = FileMode.parse("0660")
    """The permissions of the socket."""
    owner: str | None = None
    """The user whom the socket belongs to."""
    group: str | None = None
    """The group that the socket belongs to."""
    body_bytes: Size = Size(8 * 1024**2)
    """The largest body of a POST, also unpacked; a larger one is answered with 413."""
    requests: Positive = 32
    """How many requests may be under way; further ones are answered with 429."""
    token_file: str | None = None
    """A file with the token that clients send as `Authorization: Bearer …`."""
    query: str | None = None
    """One `SELECT` with the parameter `:mark`; required. It is ordered by the mark whatever its `ORDER BY` says."""
    mark: str | None = None
    """The column that grows and says how far the query was read, of a row never null; required."""
    initial: str | int | float | None = None
    """What `:mark` is at first. Without it, the least of times, and in SQLite of numbers."""
    every: Duration = Duration.parse("30s")
    """How long after a poll the next one is."""
    lag: Duration | None = None
    """How much older than the newest mark rows are still read again, where marks are times or numbers of seconds."""
    timeout: Duration = Duration.parse("30s")
    """How long a query may take."""
    rows: Positive = 10_000
    """How many new rows are read at a time; while there are more, without a pause."""
    password_file: str | None = None
    """A file with the password, read at each poll. A password in the URL is refused."""

    @property
    def is_database(self) -> bool:
        return self.url.scheme in DATABASES

    @property
    def is_datagram(self) -> bool:
        return self.url.scheme == "udp" or self.socket == "datagram"


QUERY_OPTIONS = ("query", "mark", "initial", "every", "lag", "timeout", "rows")
STREAM_OPTIONS = ("format", "framing", "connections", "idle_timeout")
SOURCE_OPTIONS = {
    "file": ("start", "format", "prediction"),
    "unix": ("socket", "mode", "owner", "group", *STREAM_OPTIONS),
    "tcp": STREAM_OPTIONS,
    "udp": (),
    "http": ("body_bytes", "requests", "token_file", "format", "features"),
    "postgresql": ("password_file", *QUERY_OPTIONS),
    "sqlite": QUERY_OPTIONS,
}
