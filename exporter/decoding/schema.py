"""The schema: where each record field and feature lies in a user's log, compiled into typed msgspec Structs.

Only the fields that are needed are decoded; the parser skips all others without creating objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec.structs import astuple

from exporter.batch import Series
from exporter.decoding.columns import DURATION, TIME, PredictionKind

Path = tuple[str, ...]

Number = float | None
Label = str | int | float | bool | None

# A record field has one name per unit; its value is divided by the number.
T = TypeVar("T")

LATENCY_UNITS = {"latency_seconds": 1.0, "latency_ms": 1e3, "latency_us": 1e6, "latency_ns": 1e9, DURATION: 1.0}
TIMESTAMP_UNITS = {TIME: 1.0, "timestamp_ms": 1e3}
UNITS = {
    "latency": "text with a unit, such as 47.9ms",
    "latency_seconds": "seconds",
    "latency_ms": "milliseconds",
    "latency_us": "microseconds",
    "latency_ns": "nanoseconds",
    "timestamp": "a date and time, or a number since epoch in any unit",
    "timestamp_ms": "milliseconds since epoch",
}

FIELD_TYPES: dict[str, Any] = {
    **dict.fromkeys(Series._fields, str | int | float | None),
    **dict.fromkeys(TIMESTAMP_UNITS, float | datetime | None),
    # An object class -> number is the scores of the classes.
    "prediction": Label | dict[str, float],
    "probability": float | dict[str, float] | None,
    **dict.fromkeys(LATENCY_UNITS, Number),
    DURATION: str | None,
    "error_type": str | int | None,
    "request_id": str | int | None,
    "actual": Label,
}
# The fields whose value may be unusable in a record that is counted.
UNUSABLE_FIELDS = ("timestamp", "latency", "probability", "error_type", "request_id")
PREDICTION = FIELD_TYPES["prediction"]
FEATURES = "features"
ATTRIBUTIONS = "attributions"
# msgspec cannot match keys that contain these, because JSON escapes them.
UNREADABLE = re.compile(r'["\\\x00-\x1f]')
RECORD_FIELDS = (*FIELD_TYPES, FEATURES, ATTRIBUTIONS)
DEFAULT_FIELDS = (*Series._fields, "timestamp", FEATURES, "prediction", "probability", "latency_ms", "error_type")

LeafKind = Literal["field", "feature", "attribution", "segment", "band", "amount"]

TOP_LEVEL = "expected a path such as timing.total; only `features` can lie at the top level, `.`"


class SchemaError(ValueError):
    """Paths contradict each other."""


class SchemaProblem(NamedTuple):
    """Why a field, feature, attribution, segment or amount cannot be read at its path."""

    kind: LeafKind
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value to read; `dimension` is that of a vector feature."""

    kind: LeafKind
    name: str
    type: Any
    dimension: int = 0

    @property
    def key(self) -> str:
        """A name that no other leaf has."""
        return self.name if self.kind == "field" else f"{self.kind}: {self.name}"

    @property
    def is_optional(self) -> bool:
        """Whether a record is valid without the value, or with one of another type."""
        return self.kind in ("attribution", "segment", "band", "amount")

    def __str__(self) -> str:
        kind = "segment" if self.kind == "band" else self.kind
        return self.name if kind in ("field", "feature") else f"{kind} {self.name}"


@dataclass(slots=True)
class Node:
    """An object to decode: its keys, in the order in which the log is expected to have them."""

    children: dict[str, Node | Leaf] = field(default_factory=dict)

    def put(self, path: Path, leaf: Leaf) -> None:
        """Add a leaf at `path`; raises SchemaError if the path is taken, or contains a key that cannot be read."""
        if unreadable := next((key for key in path if UNREADABLE.search(key)), None):
            raise SchemaError(f"{unreadable!r}: a key with a quote, a backslash or a line break cannot be read")
        if not path:
            raise SchemaError(TOP_LEVEL)
        node = self
        for key in path[:-1]:
            child = node.children.get(key)
            if isinstance(child, Leaf):
                raise SchemaError(f"`{'.'.join(path)}` ({leaf}) lies within `{key}`, which is read as {child}")
            if child is None:
                child = node.children[key] = Node()
            node = child
        taken = node.children.setdefault(path[-1], leaf)
        # A segment, a band or an amount may also be read as another field.
        numeric = (Label, PREDICTION, Number)
        shared = {"segment": (Label, PREDICTION), "band": numeric, "amount": numeric}.get(leaf.kind, ())
        if taken is not leaf and not (isinstance(taken, Leaf) and taken.type in shared):
            other = str(taken) if isinstance(taken, Leaf) else "an object of other fields"
            raise SchemaError(f"`{'.'.join(path)}` is read as {other} already, and cannot be {leaf} too")

    def at(self, path: Path) -> Leaf:
        """Return the leaf at `path`, which exists."""
        child = self.children[path[0]]
        return child if isinstance(child, Leaf) else child.at(path[1:])

    @property
    def is_optional(self) -> bool:
        """Whether a record may lack all values of this object."""
        return all(child.is_optional for child in self.children.values())

    def struct(self) -> type[msgspec.Struct]:
        """Return the Struct type that decodes the object."""
        fields: list[Any] = []
        for index, child in enumerate(self.children.values()):
            if isinstance(child, Leaf):
                fields.append((f"f{index}", child.type, None))
            else:
                inner = child.struct()
                required = (inner, msgspec.field(default_factory=inner))
                fields.append((f"f{index}", *((inner | None, None) if child.is_optional else required)))
        rename = {f"f{index}": key for index, key in enumerate(self.children)}
        return msgspec.defstruct("Object", fields, rename=rename, gc=False)

    def leaves(self) -> Iterator[Leaf]:
        """Yield every leaf."""
        for child in self.children.values():
            yield from [child] if isinstance(child, Leaf) else child.leaves()

    def columns(self, rows: Sequence[Any]) -> Iterator[tuple[Leaf, tuple[Any, ...]]]:
        """Yield every leaf with its column of decoded rows, at least one; a row of an optional node may be None."""
        empty = (None,) * len(self.children)
        values = [empty if row is None else astuple(row) for row in rows] if self.is_optional else map(astuple, rows)
        for child, column in zip(self.children.values(), zip(*values, strict=True), strict=True):
            if isinstance(child, Leaf):
                yield child, column
            else:
                yield from child.columns(column)


class SegmentField(NamedTuple):
    """How the values of a segment are read: at a path, or without one, as the feature of the same name.

    With ascending `bounds` the value is a number, and the segment's value is its band. A combination reads nothing: its
    value is those of the other segments `of` which it consists.
    """

    path: Path | None = None
    bounds: tuple[float, ...] = ()
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """The values that are read from a record, and their paths.

    `fields` maps a record field (one of RECORD_FIELDS) to its path, which by default is its name. The path of
    `features` is empty if they lie at the top level. Features that are `ignored` are known, but not read. `reads` are
    the record fields that are read; attributions are read if the profile has any. `vectors` has the dimension of each
    vector feature. `segments` has what is read of each segment. `classes` are the classes whose scores are read
    (Batch.scores); a single score is that of the `positive_class`, if there is one, and of the prediction otherwise;
    `negative_class` is the other class. `score_classes` are the classes of a list of scores, by default 0, 1, ...
    `amounts` are the paths of the amounts of business figures. A time without a zone is in `zone`.
    """

    fields: Mapping[str, Path] = field(default_factory=dict)
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    vectors: Mapping[str, int] = field(default_factory=dict)
    reads: tuple[str, ...] = DEFAULT_FIELDS
    segments: Mapping[str, SegmentField] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    attributions: tuple[str, ...] = ()
    amounts: Mapping[str, Path] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    prediction_kind: PredictionKind | None = None
    positive_class: str | None = None
    negative_class: str | None = None
    score_classes: tuple[str, ...] = ()
    zone: tzinfo = UTC

    @property
    def of_series(self) -> Schema:
        """The schema that reads the model's name and version alone."""
        return Schema(self.fields, reads=Series._fields)

    @cached_property
    def paths(self) -> dict[str, Path]:
        """The path of every record field that is read."""
        reads = (*self.reads, ATTRIBUTIONS) if self.attributions else self.reads
        paths: dict[str, Path] = {name: (name,) for name in reads}
        for units in (LATENCY_UNITS, TIMESTAMP_UNITS):
            if units.keys() & paths.keys() and (chosen := next((name for name in units if name in self.fields), None)):
                paths = {name: path for name, path in paths.items() if name not in units} | {chosen: (chosen,)}
        return {name: self.fields.get(name, path) for name, path in paths.items()}

    @cached_property
    def segment_paths(self) -> dict[str, Path]:
        """The path of every segment that is read, those of bands last, which may be read as any other value."""
        features = self.paths.get(FEATURES, ())
        read = {name: segment for name, segment in self.segments.items() if not segment.of}
        return {
            name: (*features, name) if segment.path is None else segment.path
            for name, segment in sorted(read.items(), key=lambda item: bool(item[1].bounds))
        }

    @cached_property
    def attribution_paths(self) -> dict[str, Path]:
        """The path of every attribution."""
        return {name: (*self.paths[ATTRIBUTIONS], name) for name in self.attributions}

    @property
    def problems(self) -> list[SchemaProblem]:
        """Why some values cannot be read."""
        return self._compiled[1]

    @property
    def tree(self) -> Node:
        """The tree of objects to decode; raises SchemaError if paths contradict each other."""
        tree, problems = self._compiled
        if problems:
            raise SchemaError(problems[0].text)
        return tree

    @cached_property
    def _compiled(self) -> tuple[Node, list[SchemaProblem]]:
        root = Node()
        problems = [
            SchemaProblem("field", mapped[0], f"give one of {', '.join(mapped)}, not several")
            for units in (LATENCY_UNITS, TIMESTAMP_UNITS)
            if len(mapped := [name for name in units if name in self.fields]) > 1
        ]
        if self.fields.get(ATTRIBUTIONS) == ():
            problems.append(SchemaProblem("field", ATTRIBUTIONS, TOP_LEVEL))
        for path, leaf in self._leaves():
            try:
                root.put(path, leaf)
            except SchemaError as error:
                problems.append(SchemaProblem(leaf.kind, leaf.name, str(error)))
        return root, problems

    def _leaves(self) -> Iterator[tuple[Path, Leaf]]:
        for name, path in self.paths.items():
            if name in FIELD_TYPES:
                yield path, Leaf("field", name, FIELD_TYPES[name])
            elif name == FEATURES:
                for feature in self.numeric:
                    yield (*path, feature), Leaf("feature", feature, Number)
                for feature in self.categorical:
                    yield (*path, feature), Leaf("feature", feature, Label)
                for feature, dimension in self.vectors.items():
                    vector = Annotated[list[float], msgspec.Meta(min_length=dimension, max_length=dimension)] | None
                    yield (*path, feature), Leaf("feature", feature, vector, dimension)
        for name, path in self.attribution_paths.items():
            yield path, Leaf("attribution", name, Number)
        for name, path in self.segment_paths.items():
            is_band = bool(self.segments[name].bounds)
            yield path, Leaf("band", name, Number) if is_band else Leaf("segment", name, Label)
        for name, path in self.amounts.items():
            yield path, Leaf("amount", name, Label)


def merged_fields(own: Mapping[str, T], general: Mapping[str, T]) -> dict[str, T]:
    """Return some rules by field, and the general ones of other fields; a field has one name per unit."""
    taken = {*own}
    for units in (LATENCY_UNITS, TIMESTAMP_UNITS):
        taken |= {*units} if taken & units.keys() else set()
    return {name: rule for name, rule in general.items() if name not in taken} | dict(own)
