"""Every mistake in some data, found by walking it beside the type it should have.

msgspec stops at the first mistake; a user wants them all, each with its path, what was expected and, for an
unknown key, the nearest known one.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Union, get_args, get_origin

import msgspec

Parse = Callable[[type, Any], Any]
Path = tuple[str | int, ...]

PLAIN = {
    "`float`": "a number",
    "`int`": "a whole number",
    "`str`": "text",
    "`array`": "a list",
    "`object`": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, at `path` in the data."""

    path: Path
    text: str

    def __str__(self) -> str:
        spelt = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path)
        return f"{spelt.removeprefix('.') or 'the file'}: {self.text}"


class Parsed(Protocol):
    """A type that people write as text."""

    @classmethod
    def parse(cls, text: object) -> Any:
        """Raises ValueError with what was expected."""
        ...


def parser(*kinds: type[Parsed]) -> Parse:
    """Return msgspec's `dec_hook` for types that parse what people write."""

    def parse(kind: type, value: Any) -> Any:
        for known in kinds:
            if kind is known:
                return known.parse(value)
        raise NotImplementedError(kind)  # how msgspec is told that a type is not of these

    return parse


def problems(value: Any, expected: Any, parse: Parse, path: Path = ()) -> Iterator[Problem]:
    """Yield each mistake; `parse` is msgspec's `dec_hook`."""
    if get_origin(expected) in (Union, types.UnionType) and value is not None:
        # The only unions are with None, and of scalars.
        options = [option for option in get_args(expected) if option is not types.NoneType]
        expected = options[0] if len(options) == 1 else expected
    origin = get_origin(expected)
    if _is_struct(expected):
        yield from _in_struct(value, expected, parse, path)
    elif origin in (list, tuple) and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from problems(inner, get_args(expected)[0], parse, (*path, index))
    elif origin is dict and isinstance(value, dict):
        for key, inner in value.items():
            yield from problems(inner, get_args(expected)[1], parse, (*path, key))
    elif origin is Literal:
        if value not in get_args(expected):
            yield Problem(path, f"expected {' or '.join(map(str, get_args(expected)))}, got {_spell(value)}")
    else:
        try:
            msgspec.convert(value, expected, dec_hook=parse)
        except msgspec.ValidationError as error:
            yield Problem(path, _plain(str(error), value))


def without(data: Mapping[str, Any], wrong: Iterable[Problem]) -> dict[str, Any]:
    """Return the data less what is wrong, so that the rest can be looked into; a list goes as a whole."""
    usable = dict(data)
    for problem in wrong:
        key, *deeper = problem.path or ("",)
        inner = usable.get(str(key))
        if deeper and isinstance(deeper[0], str) and isinstance(inner, Mapping):
            usable[str(key)] = without(inner, [Problem(tuple(deeper), problem.text)])
        else:
            usable.pop(str(key), None)
    return usable


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?", or what there is to choose from."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known: {', '.join(known)}"


def _in_struct(value: Any, expected: type[msgspec.Struct], parse: Parse, path: Path) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, f"expected a mapping of keys, got {_spell(value)}")
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(expected)}
    for key, inner in value.items():
        if key in fields:
            yield from problems(inner, fields[key].type, parse, (*path, key))
        else:
            yield Problem((*path, str(key)), f"unknown key{nearest(str(key), fields)}")
    for name, field in fields.items():
        if field.required and name not in value:
            yield Problem((*path, name), "this key is required")


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _plain(message: str, value: Any) -> str:
    """Spell msgspec's message without its types and its own path."""
    text = message.split(" - at `", maxsplit=1)[0].split(", got `", maxsplit=1)[0]
    for kind, words in PLAIN.items():
        text = text.replace(kind, words)
    return f"{text[0].lower() + text[1:]}{'' if 'got' in text else f', got {_spell(value)}'}"


def _spell(value: Any) -> str:
    return "nothing" if value is None else repr(value)
