"""JSON lines, the default: one record per line. Over HTTP also a JSON array, a single record, or Arrow."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from exporter.decoding.mapping import Parse
from exporter.decoding.rows import as_text, json_value
from exporter.formats.bodies import ARROW, JSON_TYPES, media_type
from exporter.formats.format import Format
from exporter.units import NamedGroups


class JsonLines(Format, frozen=True):
    """One JSON object per line."""

    name: ClassVar[str] = "json_lines"
    expects: ClassVar[str] = f"a body of {', '.join((*JSON_TYPES, ARROW))}"

    prefix: NamedGroups | None = None
    """A regular expression for text before the object, whose named groups become fields."""

    @property
    def parse(self) -> Parse | None:
        return None if self.prefix is None else partial(_after_prefix, self.prefix)

    def accepts(self, headers: Mapping[str, str]) -> bool:
        return super().accepts(headers) or media_type(headers) == ARROW


def _after_prefix(prefix: NamedGroups, line: bytes) -> tuple[Any, bool]:
    """Return the object after a prefix, with the fields of the prefix; raises RejectedError."""
    text = as_text(line)
    match = prefix.pattern.match(text)
    if match is None:
        return json_value(line)
    value, is_odd = json_value(text[match.end() :].encode())
    return (prefix.groups(match) | value if isinstance(value, dict) else value), is_odd
