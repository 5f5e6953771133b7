"""Conditions on the values of a record: which lines of a log are records, and which values are errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from exporter.decoding.columns import label_of
from exporter.decoding.conversions import number_of
from exporter.units import EACH, FieldPath
from exporter.validation import KeyPath, Problem, problems

SCALARS = (str, int, float, bool)
EXPECTED = "expected a value, a list of values, nothing (for absence), or a mapping with `prefix`, `from` or `below`"


class _Within(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    prefix: str | None = None
    from_: float | None = None
    below: float | None = None


class Condition(msgspec.Struct, frozen=True):
    """What a value must be: one of `values`, spelt as labels; None for any value that has the limits.

    `may_be_absent` is whether an absent value matches. Numbers as text are numbers.
    """

    values: tuple[str, ...] | None = None
    may_be_absent: bool = False
    prefix: str | None = None
    least: float | None = None
    below: float | None = None

    @classmethod
    def of(cls, data: Any) -> Condition:
        """Return the condition that is written so; raises ValueError with what was expected."""
        if isinstance(data, dict):
            limits = msgspec.convert(data, _Within)
            if limits == _Within():
                raise ValueError(EXPECTED)
            return cls(None, False, limits.prefix, limits.from_, limits.below)
        values = data if isinstance(data, (list, tuple)) else [data]
        if not values or not all(value is None or isinstance(value, SCALARS) for value in values):
            raise ValueError(EXPECTED)
        return cls(tuple(label_of(value) for value in values if value is not None), None in values)

    def matches(self, value: Any) -> bool:
        """Return whether a value of a record is so."""
        if value is None:
            return self.may_be_absent
        if not isinstance(value, SCALARS):
            return False
        if self.values is not None:
            return label_of(value) in self.values
        return label_of(value).startswith(self.prefix or "") and self._is_within_limits(value)

    def _is_within_limits(self, value: Any) -> bool:
        if self.least is None and self.below is None:
            return True
        number = number_of(value)
        return number is not None and not (
            (self.least is not None and number < self.least) or (self.below is not None and number >= self.below)
        )

    @property
    def text(self) -> str | None:
        """A text that is part of every value that matches."""
        if self.values is None:
            return self.prefix
        if self.may_be_absent or len(self.values) != 1 or number_of(self.values[0]) is not None:
            return None
        return self.values[0]


class Where(tuple[tuple[FieldPath, Condition], ...]):
    """Conditions on the values at some paths, which all must match."""

    __slots__ = ()

    @classmethod
    def parse(cls, data: Any) -> Where:
        """Return conditions that are written as a mapping; raises ValueError with the first mistake."""
        for problem in cls.problems(data, ()):
            raise ValueError(problem.text)
        return cls((_path(path), Condition.of(wanted)) for path, wanted in data.items())

    @classmethod
    def problems(cls, data: object, path: KeyPath) -> Iterator[Problem]:
        """Yield every mistake in what `parse` would be given, which is at `path` in the configuration."""
        if not isinstance(data, dict):
            yield Problem(path, f"expected a mapping of paths to values, such as {{event: prediction}}, got {data!r}")
            return
        for key, wanted in data.items():
            where = (*path, str(key))
            try:
                _path(key)
                if isinstance(wanted, dict) and wanted:
                    yield from problems(wanted, _Within, where)
                else:
                    Condition.of(wanted)
            except ValueError as error:
                yield Problem(where, str(error))

    def matches(self, row: Any) -> bool:
        """Return whether a row, or a value in its place, has all of the values."""
        return all(wanted.matches(value_at(row, path)) for path, wanted in self)

    def over(self, general: Where) -> Where:
        """Return these conditions, and the general ones on other paths."""
        return Where({**dict(general), **dict(self)}.items())


def value_at(value: Any, path: Sequence[Any]) -> Any:
    """Return the value at a path of keys and indexes; None if there is none."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        if value is None:
            return None
    return value


def _path(key: Any) -> FieldPath:
    path = FieldPath.parse(key)
    if EACH in path or not path:
        raise ValueError("expected the path of one value, such as event, or items[0].kind")
    return path
