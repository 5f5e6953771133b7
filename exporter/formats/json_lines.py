"""JSON lines, the default: one record per line. Over HTTP also a JSON array, a single record, or Arrow."""

from collections.abc import Mapping
from typing import ClassVar

from exporter.formats.bodies import ARROW, JSON_TYPES, media_type
from exporter.formats.format import Format


class JsonLines(Format, frozen=True):
    """One JSON object per line."""

    name: ClassVar[str] = "json_lines"
    expects: ClassVar[str] = f"a body of {', '.join((*JSON_TYPES, ARROW))}"

    def accepts(self, headers: Mapping[str, str]) -> bool:
        return super().accepts(headers) or media_type(headers) == ARROW
