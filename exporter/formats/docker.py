"""The log of Docker's json-file driver: `{"log":"text...","stream":"stdout","time":"..."}`.

A text without a newline at its end continues in the next line of the same stream.
"""

from typing import ClassVar

import msgspec

from exporter.formats.container_logs import Wrapped, WrappedLines
from exporter.formats.format import Format
from exporter.lines.framing import Framer


class _Entry(msgspec.Struct):
    log: str
    stream: str = ""
    time: str = ""


class DockerLines(WrappedLines):
    """Frames the log of Docker's json-file driver."""

    _decoder = msgspec.json.Decoder(_Entry)

    def unwrap(self, line: bytes) -> Wrapped:
        """Return the content of a line."""
        try:
            entry = self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Wrapped(b"", line, is_end=True)
        text = entry.log.removesuffix("\n")
        return Wrapped(entry.stream.encode(), text.encode(), len(text) < len(entry.log), entry.time.encode())


class Docker(Format, frozen=True):
    """The log of Docker's json-file driver."""

    name: ClassVar[str] = "docker"
    framer: ClassVar[Framer] = DockerLines
    is_wrapper: ClassVar[bool] = True
