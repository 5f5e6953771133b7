"""JSON objects become blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from exporter.decoding.schema import Path
from exporter.profiling.column import of_values
from exporter.profiling.errors import ProfilingError
from exporter.profiling.records import Block, Layout, Outcomes, scores_of

NOUNS = {dict: "an object", list: "an array", str: "text", bool: "a boolean", type(None): "null"}

Numbered = tuple[int, Any]


class ObjectBlocks:
    """Makes the blocks of one file of JSON lines, called `name` in errors.

    Where the configuration does not say what shape the records have, the first prediction shows it. (Not the
    first record: an error may come without its features.)
    """

    def __init__(self, name: str, layout: Layout) -> None:
        self._name = name
        self._layout = layout
        self._is_flat = layout.is_flat

    def block(self, rows: Sequence[Numbered]) -> Block:
        """Return the block of some lines' values, each with its line number; raises ProfilingError."""
        for number, row in rows:
            if not isinstance(row, dict):
                hint = "; write one object a line, not one array of them" if isinstance(row, list) else ""
                raise self._error(number, f"expected a JSON object, got {_noun(row)}{hint}")
        kept = [item for item in rows if not _at(item[1], self._layout.error_type)]
        features = [self._features(number, row) for number, row in kept]
        names = dict.fromkeys(chain.from_iterable(features))
        fields = tuple(name for name in names if self._is_flat and not self._layout.is_feature(name))
        predictions = [_at(row, self._layout.prediction) for _, row in kept]
        attributions = [self._attributions(number, row) for number, row in kept]
        attributed = dict.fromkeys(chain.from_iterable(attributions))
        scored = [_at(row, self._layout.probability) for _, row in kept]
        actual = [_at(row, self._layout.actual) for _, row in kept]
        return Block(
            rows=len(kept),
            errors=len(rows) - len(kept),
            features={
                name: of_values([values.get(name) for values in features]) for name in names if name not in fields
            },
            fields=fields,
            prediction=of_values(predictions),
            probability=of_values(scores_of(scored, predictions, self._name)),
            attributions={name: of_values([values.get(name) for values in attributions]) for name in attributed},
            actual=of_values(actual),
            outcomes=None if actual.count(None) == len(actual) else Outcomes(predictions, scored, actual),
        )

    def _features(self, number: int, row: dict[str, Any]) -> dict[str, Any]:
        path = self._layout.features
        if not path:
            return row
        features = _at(row, path)
        if self._is_flat is None:
            self._is_flat = features is None
        if self._is_flat and features is not None:
            raise self._error(number, f"`{'.'.join(path)}`: the first prediction had none; give one shape a file")
        if not isinstance(features, dict | None):
            raise self._error(number, f"`{'.'.join(path)}`: expected an object, got {_noun(features)}")
        return row if self._is_flat else features or {}

    def _attributions(self, number: int, row: dict[str, Any]) -> dict[str, Any]:
        path = self._layout.attributions
        attributions = _at(row, path)
        if not isinstance(attributions, dict | None):
            raise self._error(number, f"`{'.'.join(path)}`: expected an object, got {_noun(attributions)}")
        return attributions or {}

    def _error(self, number: int, text: str) -> ProfilingError:
        return ProfilingError(f"{self._name}:{number}: {text}")


def _at(row: dict[str, Any], path: Path) -> Any:
    """Return the value at `path`, or None where there is none."""
    value: Any = row
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _noun(value: Any) -> str:
    return NOUNS.get(type(value), "a number")
