"""A block of JSON lines becomes a `Batch` and the lines that were refused.

The fast way decodes a whole block into typed Structs and transposes them. Where any line of the block is not
as it should be, the block is decoded line by line, and a line that fails is read once more leniently: one
wrong feature is marked and the rest of the record kept; anything else is a reject with one of REASONS.
A reject is data, never an exception.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from exporter.batch import NON_FINITE, WRONG_TYPE, Batch, Bools, Encoded, Floats, Ints, Marks, Series
from exporter.schema import LATENCY_UNITS, TIMESTAMP_UNITS, Node, Number, Schema

INVALID_JSON = "invalid_json"
INVALID_UTF8 = "invalid_utf8"
OVERSIZE = "oversize"
BLANK = "blank"
WRONG = "wrong_type"
MISSING = "missing_field"
NOT_FINITE = "non_finite"
OUT_OF_RANGE = "out_of_range"
FUTURE = "timestamp_future"
PAST = "timestamp_past"
REASONS = (INVALID_JSON, INVALID_UTF8, OVERSIZE, BLANK, WRONG, MISSING, NOT_FINITE, OUT_OF_RANGE, FUTURE, PAST)

VALUE_CLASS = "value"
MAX_LATENCY_SECONDS = 1e7
PROBABILITY_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Reject:
    """`count` lines refused for one reason; `at` is the first one's byte offset in the block."""

    reason: str
    count: int
    at: int
    detail: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a block held; lines == records in the batch + the rejects' counts."""

    batch: Batch | None
    rejects: tuple[Reject, ...]
    lines: int


class _Refused(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def label_of(value: str | float | bool) -> str:
    """Spell a JSON value as a label: 1 and 1.0 are "1", true is "true"."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def class_of(value: str | float | bool) -> str:
    """Spell a prediction as a class: a fractional number is a regression's value, of no class of its own."""
    if isinstance(value, float) and not value.is_integer():
        return VALUE_CLASS
    return label_of(value)


class Decoder:
    """Decodes the blocks of one log format.

    `default` names the model where a record does not; `past_seconds` and `future_seconds` bound how far a
    timestamp may lie from the time of arrival.
    """

    def __init__(self, schema: Schema, default: Series, *, past_seconds: float, future_seconds: float) -> None:
        self._tree = schema.tree()
        self._struct = self._tree.struct()
        self._decoder = msgspec.json.Decoder(self._struct)
        self._numeric = schema.numeric
        self._categorical = schema.categorical
        self._default = default
        self._past_seconds = past_seconds
        self._future_seconds = future_seconds

    def decode(self, block: bytes, now: float) -> Decoded:
        """Decode whole lines; `now` is the epoch time at which they arrived."""
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
        rows, numbers, marks, rejects = self._rows(block, ends)
        batch = None
        if rows:
            batch = self._batch(rows, marks, now)
            batch, refused = self._check(batch, now)
            starts = np.concatenate(([0], ends + 1))
            rejects += [Reject(why, len(bad), int(starts[numbers[bad[0]]]), detail) for why, bad, detail in refused]
        return Decoded(batch if batch is not None and len(batch) else None, tuple(rejects), len(ends))

    def _rows(
        self, block: bytes, ends: Ints
    ) -> tuple[list[Any], Sequence[int], dict[int, dict[str, int]], list[Reject]]:
        """Return decoded rows, the line number of each, marks by row and feature, and rejects."""
        try:
            if not block.isascii():
                block.decode()
            rows = self._decoder.decode_lines(block)
            # A blank line, or a record spread over two lines, shows in the count.
            if len(rows) == len(ends):
                return rows, range(len(rows)), {}, []
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        rows, numbers, marks = [], [], {}
        rejects: dict[str, Reject] = {}
        at = 0
        for number, line in enumerate(block.split(b"\n")[:-1]):
            flaws: dict[str, int] = {}
            try:
                rows.append(self._row(line, flaws))
                numbers.append(number)
                if flaws:
                    marks[len(rows) - 1] = flaws
            except _Refused as refused:
                first = rejects.get(refused.reason) or Reject(refused.reason, 0, at, str(refused))
                rejects[refused.reason] = Reject(first.reason, first.count + 1, first.at, first.detail)
            at += len(line) + 1
        return rows, numbers, marks, list(rejects.values())

    def _row(self, line: bytes, flaws: dict[str, int]) -> Any:
        """Decode one line; raises _Refused, and fills `flaws` with the features that are marked."""
        if not line.isascii():
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise _Refused(INVALID_UTF8, f"byte {error.start} of the line is not UTF-8") from None
        try:
            return self._decoder.decode(line)
        except (msgspec.MsgspecError, RecursionError):
            pass
        if not line.strip():
            raise _Refused(BLANK, "the line is blank")
        record = _loads(line)
        if not isinstance(record, dict):
            raise _Refused(WRONG, f"expected a JSON object, got {_kind(record)}")
        _clean(self._tree, record, flaws)
        try:
            return msgspec.convert(record, self._struct)
        except msgspec.ValidationError as error:
            raise _Refused(WRONG, str(error)) from None

    def _batch(self, rows: list[Any], marks: dict[int, dict[str, int]], now: float) -> Batch:
        n = len(rows)
        fields: dict[str, tuple[Any, ...]] = {}
        features: dict[str, tuple[Any, ...]] = {}
        for leaf, column in self._tree.columns(rows):
            (features if leaf.is_feature else fields)[leaf.name] = column
        prediction = fields["prediction"]
        return Batch(
            time=self._time(fields, now),
            series=self._series(fields["model_name"], fields["model_version"]),
            prediction=Encoded.of(_spelt(prediction, class_of)),
            error=Encoded.of(_spelt(tuple(value or None for value in fields["error_type"]), label_of)),
            latency_seconds=_scaled(fields, LATENCY_UNITS),
            probability=_scores(fields["probability"], prediction),
            numbers=np.array([features[name] for name in self._numeric], dtype=np.float64).reshape(-1, n),
            categories=tuple(Encoded.of(_spelt(features[name], label_of)) for name in self._categorical),
            marks=self._marks(marks, n),
            group=np.zeros(n, np.int64),
        )

    def _marks(self, marks: dict[int, dict[str, int]], n: int) -> Marks | None:
        if not marks:
            return None
        names = {name: index for index, name in enumerate((*self._numeric, *self._categorical))}
        array = np.zeros((len(names), n), np.uint8)
        for row, flaws in marks.items():
            for name, flaw in flaws.items():
                array[names[name], row] = flaw
        return array

    def _series(self, names: tuple[Any, ...], versions: tuple[Any, ...]) -> Encoded[Series]:
        if len(set(names)) == 1 and len(set(versions)) == 1:
            return Encoded((self._one_series(names[0], versions[0]),), np.zeros(len(names), np.int64))
        known = {pair: self._one_series(*pair) for pair in set(zip(names, versions, strict=True))}
        return Encoded.of(tuple(known[pair] for pair in zip(names, versions, strict=True)))

    def _one_series(self, name: Any, version: Any) -> Series:
        return Series(
            self._default.model_name if name is None else label_of(name),
            self._default.model_version if version is None else label_of(version),
        )

    def _time(self, fields: dict[str, tuple[Any, ...]], now: float) -> Floats:
        (name,) = fields.keys() & TIMESTAMP_UNITS.keys()
        column = fields[name]
        kinds = set(map(type, column))
        if kinds == {type(None)}:
            return np.full(len(column), now)
        if datetime in kinds:
            column = tuple(_epoch(value) if isinstance(value, datetime) else value for value in column)
            time = np.array(column, dtype=np.float64)
            return np.where(np.isnan(time), now, time)
        time = np.array(column, dtype=np.float64) / TIMESTAMP_UNITS[name]
        return np.where(np.isnan(time), now, time)

    def _check(self, batch: Batch, now: float) -> tuple[Batch, list[tuple[str, Ints, str]]]:
        """Take out the rows whose values cannot be; return them by reason with what was expected."""
        latency, probability, time = batch.latency_seconds, batch.probability, batch.time
        missing = (batch.prediction.codes < 0) & (batch.error.codes < 0)
        absurd = (latency < 0) | (latency > MAX_LATENCY_SECONDS)
        absurd |= (probability < -PROBABILITY_ROUNDING) | (probability > 1 + PROBABILITY_ROUNDING)
        checks: list[tuple[str, Bools, str]] = [
            (MISSING, missing, "neither a prediction nor an error_type"),
            (OUT_OF_RANGE, absurd, "expected a latency of 0 or more and a probability from 0 to 1"),
            (FUTURE, time > now + self._future_seconds, f"timestamp more than {self._future_seconds:g} s ahead"),
            (PAST, time < now - self._past_seconds, f"timestamp more than {self._past_seconds:g} s old"),
        ]
        refused: list[tuple[str, Ints, str]] = []
        good = np.ones(len(batch), np.bool_)
        for reason, bad, detail in checks:
            bad &= good
            if bad.any():
                refused.append((reason, np.flatnonzero(bad), detail))
                good &= ~bad
        return (batch.where(good) if refused else batch), refused


def _spelt(values: tuple[Any, ...], spell: Callable[[Any], str]) -> tuple[str | None, ...]:
    if set(map(type, values)) <= {str, type(None)}:
        return values
    return tuple(None if value is None else spell(value) for value in values)


def _scaled(fields: dict[str, tuple[Any, ...]], units: dict[str, float]) -> Floats:
    (name,) = fields.keys() & units.keys()
    return np.array(fields[name], dtype=np.float64) / units[name]


def _scores(values: tuple[Any, ...], predictions: tuple[Any, ...]) -> Floats:
    """The score of the prediction; of an object class -> number, the predicted class's, else the highest."""
    if dict in set(map(type, values)):
        values = tuple(
            value.get(None if chosen is None else class_of(chosen), max(value.values(), default=None))
            if isinstance(value, dict)
            else value
            for value, chosen in zip(values, predictions, strict=True)
        )
    return np.array(values, dtype=np.float64)


def _epoch(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _loads(line: bytes) -> Any:
    """Read JSON and the NaN and Infinity that Python's encoder writes; raises _Refused."""
    try:
        record = json.loads(line)
        msgspec.json.encode(record)
    except (ValueError, OverflowError, RecursionError) as error:
        raise _Refused(INVALID_JSON, str(error)) from None
    return record


def _clean(node: Node, record: dict[str, Any], flaws: dict[str, int]) -> None:
    """Take out of a record what need not cost the whole of it; raises _Refused for what must."""
    for key, child in node.children.items():
        value = record.get(key)
        if isinstance(child, Node):
            if value is None:
                record.pop(key, None)
            elif isinstance(value, dict):
                _clean(child, value, flaws)
        elif child.is_feature:
            if flaw := _flaw(value, numeric=child.type is Number):
                flaws[child.name] = flaw
                if flaw == WRONG_TYPE or value != value:  # noqa: PLR0124  # NaN
                    record[key] = None
        elif isinstance(value, float) and not math.isfinite(value):
            raise _Refused(NOT_FINITE, f"{child.name} is {value}")


def _flaw(value: Any, *, numeric: bool) -> int:
    if value is None:
        return 0
    if not isinstance(value, (int, float) if numeric else (str, int, float, bool)) or (
        numeric and isinstance(value, bool)
    ):
        return WRONG_TYPE
    return NON_FINITE if isinstance(value, float) and not math.isfinite(value) else 0


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
