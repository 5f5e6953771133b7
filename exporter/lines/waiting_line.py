"""A line that waits for the other one of its pair."""

import msgspec

from exporter.lines.stream import Stream


class WaitingLine(msgspec.Struct, frozen=True, array_like=True):
    """A line as it was read, its place, and the epoch time since which it waits.

    The time is infinite after a restart, until the line waits anew: its other line may have been written meanwhile.
    """

    stream: Stream
    offset: int
    line: bytes
    since: float
