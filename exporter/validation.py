"""Every mistake in some data, found by walking it beside the type it should have.

msgspec stops at the first mistake; users want all of them, each with its path, what was expected and, for an unknown
key, the nearest known one.
"""

import difflib
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from exporter.plain_words import WORDS, plain

KeyPath = tuple[str | int, ...]
S = TypeVar("S")

MAX_CHARACTERS = 1000
UNIT = re.compile(r"_((n|u|m|milli|micro|nano)?(s|secs?|seconds?)|(milli|micro|nano)s)$")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, at `path` in the data."""

    path: KeyPath
    text: str

    def __str__(self) -> str:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path)
        text = f"{where.removeprefix('.') or 'the file'}: {self.text}"
        return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} …"


def parse(kind: type, value: Any) -> Any:
    """Convert to a type that people write as text, which has a `parse` (msgspec's `dec_hook`)."""
    if hasattr(kind, "parse"):
        return kind.parse(value)
    raise NotImplementedError(kind)  # how msgspec learns that a type is unsupported


def problems(value: Any, expected: Any, path: KeyPath = ()) -> Iterator[Problem]:
    """Yield each mistake. A type with a `problems(value, path)` of its own yields those of its values."""
    expected = expected if value is None else _only(expected)
    origin = get_origin(expected)
    if _is_struct(expected):
        yield from _in_struct(value, expected, path)
    elif isinstance(expected, type) and hasattr(expected, "problems"):
        yield from expected.problems(value, path)
    elif origin in (list, tuple) and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from problems(inner, get_args(expected)[0], (*path, index))
    elif origin is dict and isinstance(value, dict):
        yield from _in_dict(value, get_args(expected)[1], path)
    elif origin is Literal:
        yield from _in_literal(value, get_args(expected), path)
    else:
        try:
            msgspec.convert(value, expected, dec_hook=parse)
        except msgspec.ValidationError as error:
            yield Problem(path, _plain(str(error), value))


def without(data: Mapping[str, Any], wrong: Iterable[Problem], expected: Any) -> dict[str, Any]:
    """Return the data without what is wrong, so that the rest can be converted to the expected type.

    A list goes as a whole, and so does a mapping that has required keys or is parsed.
    """
    fields = (
        {field.encode_name: field.type for field in msgspec.structs.fields(expected)} if _is_struct(expected) else {}
    )
    if get_origin(expected) is dict:
        fields = dict.fromkeys(data, get_args(expected)[1])
    usable = dict(data)
    for problem in wrong:
        key, *deeper = problem.path or ("",)
        inner, kind = usable.get(str(key)), _only(fields[str(key)]) if key in fields else None
        if deeper and isinstance(deeper[0], str) and isinstance(inner, Mapping) and not _is_whole(kind):
            usable[str(key)] = without(inner, [Problem(tuple(deeper), problem.text)], kind)
        else:
            usable = {name: value for name, value in usable.items() if str(name) != str(key)}
    return usable


def below(value: S, folder: Path) -> S:
    """Return a value whose relative paths, at any depth, are taken from `folder`."""
    if isinstance(value, msgspec.Struct):
        fields = {name: below(getattr(value, name), folder) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    if isinstance(value, dict):
        return {name: below(item, folder) for name, item in value.items()}  # type: ignore[return-value]
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(below(item, folder) for item in value)
    return value.below(folder) if hasattr(value, "below") else value


def nearest(name: str, known: Iterable[str], meanings: Mapping[str, str] | None = None) -> str:
    """Return "; did you mean ...?", or the known names.

    If several names are as likely, such as one for each unit, all of them are returned, with their meanings.
    """
    meanings = meanings or {}
    stem = UNIT.sub("", name)
    alike = [each for each in known if UNIT.sub("", each) == stem or each.endswith(f"_{stem}")]
    if len(alike) > 1:
        *others, last = (f"`{each}` ({meanings[each]})" if each in meanings else f"`{each}`" for each in alike)
        return f"; did you mean {', '.join(others)} or {last}?"
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known: {', '.join(names)}"


def _in_struct(value: Any, expected: type[msgspec.Struct], path: KeyPath) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, f"expected a mapping of keys, got {_spell(value)}")
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(expected)}
    for key, inner in value.items():
        if key in fields:
            yield from problems(inner, fields[key].type, (*path, key))
        else:
            yield Problem((*path, str(key)), f"unknown key{nearest(str(key), fields)}")
    for name, field in fields.items():
        if field.required and name not in value:
            yield Problem((*path, name), "this key is required")


def _in_dict(value: dict[Any, Any], expected: Any, path: KeyPath) -> Iterator[Problem]:
    for key, inner in value.items():
        if isinstance(key, str):
            yield from problems(inner, expected, (*path, key))
        else:
            yield Problem(path, f"expected text for a key, got {_spell(key)}")


def _in_literal(value: Any, choices: tuple[Any, ...], path: KeyPath) -> Iterator[Problem]:
    if value not in choices:
        yield Problem(path, f"expected {' or '.join(map(str, choices))}, got {_spell(value)}")


def _is_whole(kind: Any) -> bool:
    has_required = _is_struct(kind) and any(field.required for field in msgspec.structs.fields(kind))
    return has_required or hasattr(kind, "parse")


def _only(expected: Any) -> Any:
    """Return the one type of a union with None; the other unions are of scalars."""
    if get_origin(expected) not in (Union, types.UnionType):
        return expected
    options = [option for option in get_args(expected) if option is not types.NoneType]
    return options[0] if len(options) == 1 else expected


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _plain(message: str, value: Any) -> str:
    """Return msgspec's message in plain words, with the value."""
    _, text = plain(message.split(", got `", maxsplit=1)[0], WORDS | {"object": "a mapping", "null": "nothing"})
    quoted = f'; write "{value}", in quotes' if "text" in text and type(value) in (int, float) else ""
    return f"{text}{'' if 'got' in text else f', got {_spell(value)}'}{quoted}"


def _spell(value: Any) -> str:
    return "nothing" if value is None else repr(value)
