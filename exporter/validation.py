"""Every mistake in some data, found by walking it beside the type it should have.

msgspec stops at the first mistake; a user wants them all, each with its path, what was expected and, for an
unknown key, the nearest known one.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Union, get_args, get_origin

import msgspec

Parse = Callable[[type, Any], Any]


def problems(value: Any, expected: Any, parse: Parse, path: str = "") -> Iterator[str]:
    """Yield each mistake as "path: what was expected"; `parse` is msgspec's `dec_hook`."""
    if get_origin(expected) in (Union, types.UnionType) and isinstance(value, dict):
        # The only unions are with None, and of scalars.
        expected = next((option for option in get_args(expected) if _is_struct(option)), expected)
    origin = get_origin(expected)
    if _is_struct(expected):
        yield from _in_struct(value, expected, parse, path)
    elif origin in (list, tuple) and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from problems(inner, get_args(expected)[0], parse, f"{path}[{index}]")
    elif origin is dict and isinstance(value, dict):
        for key, inner in value.items():
            yield from problems(inner, get_args(expected)[1], parse, _below(path, key))
    else:
        try:
            msgspec.convert(value, expected, dec_hook=parse)
        except msgspec.ValidationError as error:
            text = str(error).split(" - at `")[0]
            got = "" if "got" in text else f", got {_spell(value)}"
            yield f"{_where(path)}: {text[0].lower() + text[1:]}{got}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?", or what there is to choose from."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known: {', '.join(known)}"


def _in_struct(value: Any, expected: type[msgspec.Struct], parse: Parse, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{_where(path)}: expected a mapping of keys, got {_spell(value)}"
        return
    fields = {field.name: field for field in msgspec.structs.fields(expected)}
    for key, inner in value.items():
        if key in fields:
            yield from problems(inner, fields[key].type, parse, _below(path, key))
        else:
            yield f"{_below(path, key)}: unknown key{nearest(str(key), fields)}"
    for name, field in fields.items():
        if field.required and name not in value:
            yield f"{_below(path, name)}: this key is required"


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _where(path: str) -> str:
    return path or "the file"


def _spell(value: Any) -> str:
    return "nothing" if value is None else repr(value)
