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
    "null": "null",
}


def plain(message: str, words: Mapping[str, str] = WORDS) -> tuple[str, str]:
    """Return the path in the data, such as `timing.total`, and what is wrong there; `words` name the types.

    >>> plain("Expected `int | str | null`, got `array` - at `$.request_id`")
    ('request_id', 'expected a whole number or text, got a list')
    """
    text, _, path = message.partition(" - at `$")
    text = TYPES.sub(lambda found: _any_of(found[1].split(" | "), words), text[0].lower() + text[1:])
    return path.removesuffix("`").removeprefix("."), text


def _any_of(kinds: Sequence[str], words: Mapping[str, str]) -> str:
    # Nobody writes null on purpose, and a number may be whole.
    wanted = [kind for kind in kinds if kind != "null" and not (kind == "int" and "float" in kinds)] or ["null"]
    *others, last = (words.get(kind, f"`{kind}`") for kind in wanted)
    return f"{', '.join(others)} or {last}" if others else last
