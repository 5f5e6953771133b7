"""Where in a user's log each record field and feature lies, compiled into typed msgspec Structs.

Only what is asked for is decoded; unknown fields are skipped by the parser without making an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec.structs import astuple

Path = tuple[str, ...]

Number = float | None
Label = str | int | float | bool | None

# Each record field has one spelling a unit; the value read is divided by the number.
LATENCY_UNITS = {"latency_seconds": 1.0, "latency_ms": 1e3, "latency_us": 1e6, "latency_ns": 1e9}
TIMESTAMP_UNITS = {"timestamp": 1.0, "timestamp_ms": 1e3}

FIELD_TYPES: dict[str, Any] = {
    "model_name": str | int | float | None,
    "model_version": str | int | float | None,
    **dict.fromkeys(TIMESTAMP_UNITS, float | datetime | None),
    "prediction": Label,
    "probability": float | dict[str, float] | None,
    **dict.fromkeys(LATENCY_UNITS, Number),
    "error_type": str | int | None,
    "request_id": str | int | None,
    "actual": Label,
}
FEATURES = "features"
ATTRIBUTIONS = "attributions"
# Read only where they are asked for: each costs an object a record.
ASKED_FOR = ("request_id", "actual", ATTRIBUTIONS)
# What msgspec does not match against escaped keys.
UNREADABLE = re.compile(r'["\\\x00-\x1f]')
RECORD_FIELDS = (*FIELD_TYPES, FEATURES, ATTRIBUTIONS)
DEFAULT_FIELDS = (
    "model_name",
    "model_version",
    "timestamp",
    FEATURES,
    "prediction",
    "probability",
    "latency_ms",
    "error_type",
)


class SchemaError(ValueError):
    """The paths of `fields` contradict each other."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value to read: a record field, a feature, an attribution, what a segment is split by, or an amount.

    `dimension` is that of a vector feature.
    """

    name: str
    type: Any
    is_feature: bool = False
    dimension: int = 0
    is_segment: bool = False
    is_attribution: bool = False
    is_amount: bool = False

    @property
    def is_spare(self) -> bool:
        """Whether a record without it, or with something else in its place, is as good."""
        return self.is_segment or self.is_attribution or self.is_amount


@dataclass(slots=True)
class Node:
    """An object to read into: its keys, in the order in which they are expected in the log."""

    children: dict[str, Node | Leaf] = field(default_factory=dict)

    def put(self, path: Path, leaf: Leaf) -> None:
        """Place a leaf at `path`; raises SchemaError where another one is in its way, or no decoder reads the key."""
        if unreadable := next((key for key in path if UNREADABLE.search(key)), None):
            raise SchemaError(f"{unreadable!r}: a key cannot be read that holds a quote, a backslash or a line break")
        node = self
        for key in path[:-1]:
            child = node.children.setdefault(key, Node())
            if isinstance(child, Leaf):
                raise SchemaError(
                    f"`{'.'.join(path)}` ({leaf.name}) lies within `{key}`, which is read as {child.name}"
                )
            node = child
        taken = node.children.setdefault(path[-1], leaf)
        if leaf.is_segment and isinstance(taken, Leaf) and taken.type is Label:
            return  # It can be read as both.
        if leaf.is_amount and isinstance(taken, Leaf) and taken.type in (Label, Number):
            return
        if taken is not leaf:
            what = taken.name if isinstance(taken, Leaf) else "an object of other fields"
            raise SchemaError(f"`{'.'.join(path)}` is read as {what} already, and cannot be {leaf.name} too")

    def at(self, path: Path) -> Leaf:
        """Return the leaf at `path`, which there is."""
        child = self.children[path[0]]
        return child if isinstance(child, Leaf) else child.at(path[1:])

    @property
    def is_spare(self) -> bool:
        """Whether nothing is read into this object but what a record may be without."""
        return all(child.is_spare for child in self.children.values())

    def struct(self) -> type[msgspec.Struct]:
        """Return the Struct type that decodes this object."""
        fields: list[Any] = []
        for index, child in enumerate(self.children.values()):
            if isinstance(child, Leaf):
                fields.append((f"f{index}", child.type, None))
            else:
                inner = child.struct()
                is_needed = (inner, msgspec.field(default_factory=inner))
                fields.append((f"f{index}", *((inner | None, None) if child.is_spare else is_needed)))
        rename = {f"f{index}": key for index, key in enumerate(self.children)}
        return msgspec.defstruct("Object", fields, rename=rename, gc=False)

    def columns(self, rows: Sequence[Any]) -> Iterator[tuple[Leaf, tuple[Any, ...]]]:
        """Transpose decoded rows (at least one): every leaf with its column. A row may be None where that is spare."""
        nothing = (None,) * len(self.children)
        values = [nothing if row is None else astuple(row) for row in rows] if self.is_spare else map(astuple, rows)
        for child, column in zip(self.children.values(), zip(*values, strict=True), strict=True):
            if isinstance(child, Leaf):
                yield child, column
            else:
                yield from child.columns(column)


@dataclass(frozen=True)
class Schema:
    """The user's field paths, the features and attributions the profile knows, and what segments are split by.

    `vectors` gives the dimension of each vector feature. `fields` maps a record field (one of RECORD_FIELDS) to its
    path; what it leaves out lies under its own name. An empty path for `features` says that they lie at the top level.
    `asked_for` are those of ASKED_FOR that are read. `segments` maps a segment to its path, and to None where it is the
    categorical feature of that name. `classes` are those that a score is wanted of (Batch.scores).
    `amounts` are the paths of business figures' amounts.
    """

    fields: Mapping[str, Path] = field(default_factory=dict)
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    vectors: Mapping[str, int] = field(default_factory=dict)
    asked_for: tuple[str, ...] = ()
    segments: Mapping[str, Path | None] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    attributions: tuple[str, ...] = ()
    amounts: Mapping[str, Path] = field(default_factory=dict)

    def paths(self) -> dict[str, Path]:
        """Return the path of every field that is read."""
        asked_for = (*self.asked_for, *((ATTRIBUTIONS,) if self.attributions else ()))
        paths = {name: (name,) for name in (*DEFAULT_FIELDS, *asked_for)}
        for units in (LATENCY_UNITS, TIMESTAMP_UNITS):
            given = [name for name in units if name in self.fields]
            if len(given) > 1:
                raise SchemaError(f"give one of {', '.join(given)}, not several")
            if given:
                paths = {name: path for name, path in paths.items() if name not in units}
        unasked = set(ASKED_FOR) - set(asked_for)
        return paths | {name: path for name, path in self.fields.items() if name not in unasked}

    def segment_paths(self) -> dict[str, Path]:
        """Return the path of every segment."""
        features = self.paths()[FEATURES]
        return {name: (*features, name) if path is None else path for name, path in self.segments.items()}

    def attribution_paths(self) -> dict[str, Path]:
        """Return the path of every attribution."""
        return {name: (*self.paths()[ATTRIBUTIONS], name) for name in self.attributions}

    def tree(self) -> Node:
        """Return the tree of objects to decode; raises SchemaError where paths contradict each other."""
        root = Node()
        paths = self.paths()
        for name, path in paths.items():
            if name in FIELD_TYPES:
                root.put(path, Leaf(name, FIELD_TYPES[name]))
            elif name == FEATURES:
                for feature in self.numeric:
                    root.put((*path, feature), Leaf(feature, Number, is_feature=True))
                for feature in self.categorical:
                    root.put((*path, feature), Leaf(feature, Label, is_feature=True))
                for feature, dimension in self.vectors.items():
                    vector = Annotated[list[float], msgspec.Meta(min_length=dimension, max_length=dimension)] | None
                    root.put((*path, feature), Leaf(feature, vector, is_feature=True, dimension=dimension))
        for name, path in self.attribution_paths().items():
            root.put(path, Leaf(f"attribution {name}", Number, is_attribution=True))
        for name, path in self.segment_paths().items():
            root.put(path, Leaf(f"segment {name}", Label, is_segment=True))
        for name, path in self.amounts.items():
            root.put(path, Leaf(f"amount {name}", Label, is_amount=True))
        return root
