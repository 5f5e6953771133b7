"""Rows of any shape become rows of the ordinary shape: each field under its own name, one row per record.

This is for what a schema's paths of keys cannot say: items of lists, text within text, names of positional features,
conditions, and fields of the file's path.
"""

from __future__ import annotations

import base64
import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from exporter.decoding.columns import label_of
from exporter.decoding.conditions import Where, value_at
from exporter.decoding.field_rule import FieldRule
from exporter.decoding.pairs import PairOptions, Pairs, merged
from exporter.decoding.pairs import key_of as pair_key
from exporter.decoding.rows import IsNew, KeyOf, LinePlace, RowReader, Rows, json_value
from exporter.decoding.schema import FEATURES, LATENCY_UNITS, RECORD_FIELDS
from exporter.lines.rejects import Reason, RejectedError
from exporter.lines.stream import Stream
from exporter.lines.waiting_line import WaitingLine
from exporter.units import EACH, FieldPath, NamedGroups

# The fields that only a response has.
OUTCOME = ("prediction", "probability", "error_type")
SEGMENTS, AMOUNTS = "segments", "amounts"
MOST_RECORDS = 20_000
# What belongs to a request, and would count several times as that of each of its records.
ONCE = {*LATENCY_UNITS, "request_id"}
# The type of an error that is only a flag.
ERROR = "error"
CSV = "csv"
MAX_NESTED_TEXTS = 3
# Of files whose fields are remembered.
MOST_PATHS = 10_000

# Returns the value of a line, and whether it may contain what `json_value` says. Raises RejectedError, and
# SkippedLineError for a line such as a header.
Parse = Callable[[bytes], tuple[Any, bool]]
# The texts of a row that were decoded already.
Decoded = dict[tuple[tuple[str, ...], str], Any]


class SkippedLineError(Exception):
    """A line is skipped, such as a header."""


@dataclass(frozen=True)
class RecordMapping:
    """Where the fields, segments and amounts of records lie in a row.

    `fields` has a rule for each record field that is read, by its name in a schema, `segments` and `amounts` have paths
    by name. `path_fields` finds further fields in a file's path. With `pair`, a row is a request and its response, on
    lines of their own.
    """

    fields: Mapping[str, FieldRule]
    segments: Mapping[str, FieldPath] = field(default_factory=dict)
    amounts: Mapping[str, FieldPath] = field(default_factory=dict)
    path_fields: NamedGroups | None = None
    pair: PairOptions | None = None

    def records(self, row: Any) -> list[dict[str, Any]]:
        """Return the records of a row; raises RejectedError."""
        decoded: Decoded = {}
        plain = {name: row.get(key) for name, key in self._plain.items()} if isinstance(row, dict) else {}
        shared: dict[tuple[str, ...], Any] = {}
        lists: dict[tuple[str, ...], list[Any]] = {}
        for place, rule, has_each in self._rules:
            value = self._read(row, rule, decoded)
            if not has_each:
                shared[place] = self._converted(place, rule, value, row, decoded)
            elif value is not None:
                lists[place] = [self._converted(place, rule, item, row, decoded) for item in value]
        lengths = {len(items) for items in lists.values()}
        if len(lengths) > 1:
            spelt = ", ".join(f"{len(items)} of {'.'.join(place)}" for place, items in lists.items())
            raise RejectedError(Reason.WRONG_TYPE, f"lists of unequal length: {spelt}")
        count = lengths.pop() if lengths else 1
        if count == 0:
            raise RejectedError(Reason.MISSING_FIELD, "the lists are empty")
        if count > MOST_RECORDS:
            raise RejectedError(Reason.OVERSIZE, f"expected at most {MOST_RECORDS} records in a line")
        if count == 1:
            return [_record(plain, shared, {place: items[0] for place, items in lists.items()})]
        later = {name: value for name, value in plain.items() if name not in ONCE}
        first = later | {name: value for name, value in plain.items() if name in ONCE and name != "request_id"}
        shared.pop(("request_id",), None)
        later_shared = {place: value for place, value in shared.items() if not {place[0]} & {*ONCE, AMOUNTS}}
        return [
            _record(
                later if number else first,
                later_shared if number else shared,
                {place: items[number] for place, items in lists.items()},
            )
            for number in range(count)
        ]

    def has_outcome(self, row: Any) -> bool:
        """Return whether a row has a prediction, a probability or an error."""
        decoded: Decoded = {}
        rules = (self.fields[name] for name in OUTCOME if name in self.fields)
        return any(self._read(row, rule, decoded) is not None for rule in rules)

    @cached_property
    def _plain(self) -> dict[str, str]:
        """The keys of the fields that lie at the top level, and are read as they are, by name."""
        return {name: str(rule.path[0]) for name, rule in self.fields.items() if rule.is_plain and len(rule.path) == 1}

    @cached_property
    def _rules(self) -> list[tuple[tuple[str, ...], FieldRule, bool]]:
        """The place of each other value in a record, how it is read, and whether it is a list of a value per record."""
        others = {name: rule for name, rule in self.fields.items() if name not in self._plain}
        rules: dict[tuple[str, ...], FieldRule] = {(name,): rule for name, rule in others.items()}
        rules |= {(SEGMENTS, name): FieldRule(path) for name, path in self.segments.items()}
        rules |= {(AMOUNTS, name): FieldRule(path) for name, path in self.amounts.items()}
        return [(place, rule, EACH in rule.path) for place, rule in rules.items()]

    @cached_property
    def _taken(self) -> set[Any]:
        """The keys of a row that are no features, if features lie at the top level."""
        rules = [rule for name, rule in self.fields.items() if name != FEATURES]
        return {*RECORD_FIELDS, *(rule.path[0] for rule in rules if rule.path)}

    @staticmethod
    def _read(row: Any, rule: FieldRule, decoded: Decoded) -> Any:
        """Return the value at a rule's path; of a path with [*], the list of the values, or None."""
        path = rule.path
        if EACH not in path:
            return _at(row, path, rule.decode, decoded, is_end=True)
        at = path.index(EACH)
        items = _at(row, path[:at], rule.decode, decoded, is_end=False)
        if items is None:
            return None
        rest = path[at + 1 :]
        return [
            _at(item, rest, rule.decode, decoded, is_end=True)
            for item in (items if isinstance(items, list) else [items])
        ]

    def _converted(self, place: tuple[str, ...], rule: FieldRule, value: Any, row: Any, decoded: Decoded) -> Any:
        if rule.condition:
            return _error(value) if rule.condition.matches(value) else None
        if place == (FEATURES,) and isinstance(value, dict) and not rule.path:
            return {name: item for name, item in value.items() if name not in self._taken}
        if rule.names is not None and isinstance(value, list):
            names: Any = rule.names
            if isinstance(names, FieldPath):
                names = _at(row, names, rule.decode, decoded, is_end=True)
            return _named(names, value)
        return value


class MappedRows(RowReader):
    """Reads the records of one source by a mapping, from lines that `parse` makes rows of, by default of JSON.

    Rows that do not match `where` are skipped, and so are lines that cannot be read if there is a `where`.
    """

    def __init__(self, mapping: RecordMapping, where: Where, parse: Parse = json_value) -> None:
        self._mapping = mapping
        self._parse = parse
        self._where = where
        self._path_fields: dict[str, dict[str, str]] = {}
        self._pair = mapping.pair
        self._pairs = self._no_pairs()

    def add(self, line: bytes, place: LinePlace, rows: Rows, now: float, is_new: IsNew, key_of: KeyOf) -> None:
        """Add the records of a line; raises RejectedError."""
        try:
            row, is_odd = self._parse(line)
        except SkippedLineError:
            rows.skipped += 1
            return
        except RejectedError:
            if not self._where:
                raise
            rows.skipped += 1
            return
        row = self._with_path(row, place[0])
        if self._where and not self._where.matches(row):
            rows.skipped += 1
            return
        if self._pair:
            key, is_response = self.identified(row)
            other = self._pairs.other(key, is_response=is_response)
            if other is None:
                self._pairs.add(key, WaitingLine(*place, line, now), is_response=is_response)
                rows.waiting += 1
                return
            other_row, other_is_odd = self._parse(other.line)
            other_row = self._with_path(other_row, other.stream)
            row = merged(other_row, row) if is_response else merged(row, other_row)
            is_odd = is_odd or other_is_odd
        records = self._mapping.records(row)
        rows.add(place, records, is_odd=is_odd)
        rows.extra += len(records) - 1

    def expire(self, now: float) -> int:
        """Return how many waiting lines were given up since the last call."""
        self._pairs.expire(now)
        lost, self._pairs.lost = self._pairs.lost, 0
        return lost

    def release(self) -> int:
        """Return how many waiting lines are given up because the source stops: none, because the state has them."""
        return 0

    @property
    def waiting(self) -> tuple[WaitingLine, ...]:
        """The waiting lines, which are part of the state."""
        return self._pairs.lines

    def restore(self, waiting: Iterable[WaitingLine]) -> int:
        """Take the waiting lines of a state; return how many are no requests or responses any more."""
        self._pairs = self._no_pairs()
        if self._pair is None:
            return super().restore(waiting)
        lost = 0
        for each in waiting:
            try:
                row = self._with_path(self._parse(each.line)[0], each.stream)
                key, is_response = self.identified(row)
                self._pairs.add(key, each, is_response=is_response)
            except (RejectedError, SkippedLineError):
                lost += 1
        return lost

    def _no_pairs(self) -> Pairs:
        return Pairs(self._pair.wait.seconds if self._pair else 0.0)

    def identified(self, row: Any) -> tuple[str, bool]:
        """Return the id of a row in pairs, and whether it is a response; raises RejectedError."""
        if self._pair is None:
            raise RejectedError(Reason.MISSING_FIELD, "expected no pairs")
        if self._pair.response:
            return pair_key(row, self._pair.id), self._pair.response.matches(row)
        return pair_key(row, self._pair.id), self._mapping.has_outcome(merged(None, row))

    def _with_path(self, row: Any, stream: Stream) -> Any:
        """Return a row with the fields of its file's path."""
        if self._mapping.path_fields and isinstance(row, dict):
            return self._of_path(stream.path, self._mapping.path_fields) | row
        return row

    def _of_path(self, path: str, groups: NamedGroups) -> dict[str, str]:
        """Return the fields of a file's path; none if it does not match."""
        if path not in self._path_fields:
            if len(self._path_fields) >= MOST_PATHS:
                self._path_fields.clear()
            match = groups.pattern.search(path)
            self._path_fields[path] = groups.groups(match) if match else {}
        return self._path_fields[path]


def _at(value: Any, path: Sequence[Any], decode: tuple[str, ...], decoded: Decoded, *, is_end: bool) -> Any:
    """Return the value at a path; text that the path meets is decoded, and once also text at the end of a field."""
    if not decode:
        return value_at(value, path)
    has_decoded = False
    for step in path:
        for _ in range(MAX_NESTED_TEXTS):
            if not isinstance(value, str):
                break
            value, has_decoded = _decoded(value, decode, decoded), True
        value = value_at(value, (step,))
    if isinstance(value, str) and not (has_decoded and is_end):
        value = _decoded(value, decode, decoded)
        # A single row of CSV needs no index.
        if is_end and decode[-1] == CSV and isinstance(value, list) and len(value) == 1:
            value = value[0]
    return value


def _decoded(text: str, decode: tuple[str, ...], known: Decoded) -> Any:
    """Return what a text contains; the text itself if it cannot be decoded."""
    key = (decode, text)
    if key not in known:
        known[key] = text
        try:
            value: Any = text
            for encoding in decode:
                value = _DECODE[encoding](value)
            known[key] = value
        except (ValueError, TypeError, RecursionError, csv.Error):  # among them are msgspec's and those of Unicode
            pass
    return known[key]


def _csv_rows(text: str) -> list[list[str]]:
    return [row for row in csv.reader(text.splitlines(), skipinitialspace=True) if row]


_DECODE: Mapping[str, Callable[[Any], Any]] = {
    "json": msgspec.json.decode,
    "base64": lambda text: base64.b64decode(text, validate=True).decode(),
    CSV: _csv_rows,
}


def _named(names: Any, values: list[Any]) -> Any:
    """Return features by name; the list itself, which is unusable, if there are not as many names."""
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not isinstance(names, (list, tuple)) or len(names) != len(values):
        return values
    return dict(zip(map(str, names), values, strict=True))


def _error(value: Any) -> str:
    """Return the type of an error that has a condition."""
    return ERROR if value is None or isinstance(value, bool) else label_of(value)


def _record(
    plain: Mapping[str, Any], shared: Mapping[tuple[str, ...], Any], own: Mapping[tuple[str, ...], Any]
) -> dict[str, Any]:
    """Return a record of fields by name, and of other values by their place."""
    record = dict(plain)
    for values in (shared, own):
        for place, value in values.items():
            if len(place) == 1:
                record[place[0]] = value
            else:
                record.setdefault(place[0], {})[place[1]] = value
    return record
