"""How a field of a record is read: a path, and what is done with the value there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from exporter.decoding.conditions import Condition
from exporter.units import FieldPath
from exporter.validation import KeyPath, Problem, parse, problems

ENCODINGS = ("json", "base64", "csv")
Value = str | int | float | bool


class Names:
    """The names of the features in a list, in order, or the path of a list of them."""

    def __init__(self, value: FieldPath | tuple[str, ...]) -> None:
        self.value = value

    @classmethod
    def parse(cls, data: Any) -> Names:
        """Raises ValueError with what was expected."""
        if isinstance(data, str):
            return cls(FieldPath.parse(data))
        if not isinstance(data, list) or not data or not all(isinstance(name, str) for name in data):
            raise ValueError(f"expected a list of names, or the path of one, got {data!r}")
        if len(set(data)) < len(data):
            raise ValueError("duplicate name")
        return cls(tuple(data))


class FieldOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """How a field is read, where a path alone does not say it."""

    path: FieldPath
    """The path of the value."""
    decode: str | list[str] | None = None
    """How text is decoded that the path meets or ends at: `json`, `base64` or `csv`, or a list of them in order."""
    names: Names | None = None
    """The names of features or attributions in a list, in order, or the path of a list of them."""
    classes: tuple[str | int | bool, ...] = ()
    """The classes of a list of scores, in order; of two for a single score, which is that of the second one."""
    from_: float | None = None
    """Of `error_type`: the least value that is an error, such as 400."""
    below: float | None = None
    """Of `error_type`: only values below this one are errors."""
    prefix: str | None = None
    """Of `error_type`: only texts that start so are errors."""
    when: Value | Annotated[list[Value], msgspec.Meta(min_length=1)] | None = None
    """Of `error_type`: the value that is an error, or a list of them, such as `false`."""


class FieldRule:
    """How a field of a record is read.

    `names` are those of the features in a list, or the path of a list of them. A value is an error if it matches the
    `condition`.
    """

    # Not a dataclass: msgspec would decode one itself, and leave `parse` out.
    __slots__ = ("classes", "condition", "decode", "names", "path")

    def __init__(
        self,
        path: FieldPath,
        decode: tuple[str, ...] = (),
        names: FieldPath | tuple[str, ...] | None = None,
        classes: tuple[str, ...] = (),
        condition: Condition | None = None,
    ) -> None:
        self.path = path
        self.decode = decode
        self.names = names
        self.classes = classes
        self.condition = condition

    @classmethod
    def parse(cls, data: Any) -> FieldRule:
        """Return the rule that is written as a path, or as a mapping; raises ValueError with the first mistake."""
        if not isinstance(data, dict):
            return cls(FieldPath.parse(data))
        for problem in cls.problems(data, ()):
            raise ValueError(str(problem))
        options = msgspec.convert(data, FieldOptions, dec_hook=parse)
        decode = options.decode or ()
        limits = {"from": options.from_, "below": options.below, "prefix": options.prefix}
        limits = {key: value for key, value in limits.items() if value is not None}
        return cls(
            options.path,
            (decode,) if isinstance(decode, str) else tuple(decode),
            options.names.value if options.names else None,
            tuple(map(_label, options.classes)),
            Condition.of(limits) if limits else None if options.when is None else Condition.of(options.when),
        )

    @classmethod
    def problems(cls, data: object, path: KeyPath) -> Iterator[Problem]:
        """Yield every mistake in what `parse` would be given, which is at `path` in the configuration."""
        if not isinstance(data, dict):
            yield from problems(data, FieldPath, path)
            return
        yield from problems(data, FieldOptions, path)
        decode = data.get("decode")
        for name in decode if isinstance(decode, list) else [decode]:
            if isinstance(name, str) and name not in ENCODINGS:
                yield Problem((*path, "decode"), f"expected {', '.join(ENCODINGS)} or a list of them, got {name!r}")
        if "when" in data and data.keys() & {"from", "below", "prefix"}:
            yield Problem((*path, "when"), "give either `when`, or `from`, `below` and `prefix`")

    @property
    def is_plain(self) -> bool:
        """Whether the value is read as it is, at a path of keys."""
        return self.path.keys is not None and not self.decode and self.names is None and self.condition is None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldRule) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __repr__(self) -> str:
        return f"FieldRule{self._parts}"

    @property
    def _parts(self) -> tuple[Any, ...]:
        return self.path, self.decode, self.names, self.classes, self.condition


def _label(value: str | int | bool) -> str:  # noqa: FBT001  # a YAML value of any type
    return str(value).lower() if isinstance(value, bool) else str(value)
