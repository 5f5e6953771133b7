"""JSON of any layout: objects over several lines, and arrays of objects, in files and streams that may grow."""

import re
from typing import ClassVar

from exporter.formats.format import Format
from exporter.lines.framing import NOTHING, Framer, FrameResult, Lines

# A whole string, or a brace; or a quote whose string has not ended yet.
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|["{}]', re.DOTALL)
BETWEEN = re.compile(rb"[\s,\[\]]*")
# Where reading resumes after an object that is too long.
NEXT = re.compile(rb"\n(?=\{)")


class JsonValues(Lines):
    """Frames objects as lines, whatever is between them; other text is a line of its own, up to where its line ends."""

    def end(self) -> FrameResult:
        """Treat the stream as ended: the rest is an object that was cut off."""
        result = super().end()
        blocks = [(offset, _line(block)) for offset, block in result.blocks if block.strip()]
        return FrameResult(blocks, [], []) if blocks else NOTHING

    def _skip(self, data: bytes) -> int:
        match = NEXT.search(data)
        return match.end() if match else 0

    def _split(self, begin: int, data: bytes, start: int) -> tuple[int, list[tuple[int, bytes]], list[int]]:
        blocks: list[tuple[int, bytes]] = []
        oversize: list[int] = []
        while True:
            start = BETWEEN.match(data, start).end()  # type: ignore[union-attr]  # it matches anywhere
            end = _end_of_object(data, start) if data[start : start + 1] == b"{" else data.find(b"\n", start) + 1
            if not end:
                return start, blocks, oversize
            if end - start > self._limit:
                oversize.append(begin + start)
            else:
                blocks.append((begin + start, _line(data[start:end])))
            start = end


class Json(Format, frozen=True):
    """JSON objects over several lines, such as pretty-printed ones, and arrays of objects."""

    name: ClassVar[str] = "json"
    framer: ClassVar[Framer] = JsonValues


def _end_of_object(data: bytes, start: int) -> int:
    """Return where the object ends that begins at `start`; 0 if not in `data`."""
    depth = 0
    for token in TOKEN.finditer(data, start):
        text = token[0]
        if text == b"{":
            depth += 1
        elif text == b"}":
            depth -= 1
            if not depth:
                return token.end()
        elif text == b'"':
            break
    return 0


def _line(text: bytes) -> bytes:
    return text.strip().replace(b"\n", b" ") + b"\n"
