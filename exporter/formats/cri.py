"""The log of containerd and CRI-O, in /var/log/pods: `2026-01-05T10:00:00.123456789Z stdout F text`.

P instead of F means that the line continues in the next one of the same stream.
"""

from typing import ClassVar

from exporter.formats.container_logs import Wrapped, WrappedLines
from exporter.formats.format import Format
from exporter.lines.framing import Framer


class CriLines(WrappedLines):
    """Frames the log of containerd and CRI-O."""

    def unwrap(self, line: bytes) -> Wrapped:
        """Return the content of a line."""
        parts = line.split(b" ", 3)
        if len(parts) == len(("time", "stream", "tags", "text")):
            time, stream, tags, text = parts
            tag = tags.split(b":", 1)[0]
            if tag in (b"F", b"P"):
                return Wrapped(stream, text, tag == b"F", time)
        return Wrapped(b"", line, is_end=True)


class Cri(Format, frozen=True):
    """The log of containerd and CRI-O."""

    name: ClassVar[str] = "cri"
    framer: ClassVar[Framer] = CriLines
    is_wrapper: ClassVar[bool] = True
