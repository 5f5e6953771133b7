"""The messages of msgspec about wrong values, in plain words."""

import re
from collections.abc import Mapping, Sequence

TYPES = re.compile(r"`([a-z |]+)`")
WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "RFC 3339 text",
    "null": "null",
}
MESSAGES = {
    "Invalid RFC3339 encoded datetime": "expected seconds since epoch, or RFC 3339 text such as 2026-01-05T10:00:00Z"
}


def plain(message: str, words: Mapping[str, str] = WORDS) -> tuple[str, str]:
    """Return the path in the data, such as `timing.total`, and what is wrong there; `words` name the types.

    >>> plain("Expected `int | str | null`, got `array` - at `$.request_id`")
    ('request_id', 'expected a whole number or text, got a list')
    """
    text, _, path = message.partition(" - at `$")
    text = MESSAGES.get(text, text[0].lower() + text[1:])
    text = TYPES.sub(lambda found: _any_of(found[1].split(" | "), words), text)
    return path.removesuffix("`").removeprefix("."), text


def _any_of(kinds: Sequence[str], words: Mapping[str, str]) -> str:
    # Nobody writes null on purpose, and a number may be whole.
    wanted = [kind for kind in kinds if kind != "null" and not (kind == "int" and "float" in kinds)] or ["null"]
    *others, last = (words.get(kind, f"`{kind}`") for kind in wanted)
    return f"{', '.join(others)} or {last}" if others else last
