"""A block of JSON lines becomes a `Batch` and the lines that were refused.

The fast way decodes a whole block into typed Structs and transposes them. Where any line of the block is not
as it should be, the block is decoded line by line, and what fails is salvaged or refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from exporter.batch import Batch, Ints, Marks, Series
from exporter.decoding import columns
from exporter.decoding.checks import Checks, series
from exporter.decoding.columns import Column, class_of, label_of
from exporter.decoding.intake import BadLine, Gathered
from exporter.decoding.reading import Reading
from exporter.decoding.salvage import Flaws, check_utf8, salvage
from exporter.decoding.schema import LATENCY_UNITS, TIMESTAMP_UNITS, Leaf, Schema
from exporter.decoding.unknown_features import NO_SAMPLE, Probe, Sample
from exporter.encoded import Encoded
from exporter.lines.rejects import RefusedError, Reject

NEWLINE, RETURN, OPENING, CLOSING = b"\n\r{}"


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a block held; lines == records in the batch + the rejects' counts. `sample` is of the batch."""

    batch: Batch | None
    rejects: tuple[Reject, ...]
    lines: int
    sample: Sample = NO_SAMPLE


@dataclass(frozen=True, slots=True)
class _Rows:
    """Decoded rows, the line number of each, marks of unusable features by row, and lines refused."""

    rows: list[Any]
    numbers: Sequence[int]
    flaws: dict[int, Flaws]
    rejects: list[Reject]


class Decoder:
    """Decodes the blocks of one log format.

    `default` names the model where a record does not.
    """

    def __init__(self, schema: Schema, default: Series, checks: Checks) -> None:
        self._tree = schema.tree()
        self._struct = self._tree.struct()
        self._decoder = msgspec.json.Decoder(self._struct)
        self._numeric = schema.numeric
        self._categorical = schema.categorical
        self._probe = Probe(schema)
        self._vectors = schema.vectors
        self._attributions = [self._tree.at(path).name for path in schema.attribution_paths().values()]
        self._segments = [self._tree.at(path) for path in schema.segment_paths().values()]
        self._classes = schema.classes
        self._amounts = [self._tree.at(path) for path in schema.amounts.values()]
        self._default = default
        self._checks = checks

    def read(self, gathered: Gathered, now: float) -> Iterator[Reading]:
        """Decode whole lines that arrived at epoch time `now`."""
        decoded = self.decode(gathered.block, now)
        refused = (
            BadLine(*gathered.place(reject.at), reject.reason, reject.detail, reject.count)
            for reject in decoded.rejects
        )
        yield Reading(decoded.batch, tuple(refused), decoded.lines, decoded.sample)

    def decode(self, block: bytes, now: float) -> Decoded:
        """Decode whole lines; `now` is the epoch time at which they arrived."""
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == NEWLINE)
        decoded = self._whole(block, ends) or self._line_by_line(block)
        rejects = decoded.rejects
        if not decoded.rows:
            return Decoded(None, tuple(rejects), len(ends))
        batch, refused = self._checks.apply(self._batch(decoded, now), now)
        numbers = decoded.numbers
        if refused:
            starts = np.concatenate(([0], ends + 1))
            for reason, bad, detail in refused:
                rejects.append(Reject(reason, len(bad), int(starts[numbers[bad[0]]]), detail))
            numbers = np.delete(numbers, np.concatenate([bad for _, bad, _ in refused])).tolist()
        if not numbers:
            return Decoded(None, tuple(rejects), len(ends))
        # Any row will do, and not always the first.
        row = len(block) % len(numbers)
        start = ends[numbers[row] - 1] + 1 if numbers[row] else 0
        sample = Sample(row, self._probe.unknown(block[start : ends[numbers[row]]]))
        return Decoded(batch, tuple(rejects), len(ends), sample)

    def _whole(self, block: bytes, ends: Ints) -> _Rows | None:
        """Decode a block at once, given where its lines end; None where any of them is not as it should be."""
        if not _holds_objects(block, ends):
            return None
        try:
            if not block.isascii():
                # The JSON decoder does not look into the strings it skips.
                block.decode()
            rows = self._decoder.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        # Two records on one line show in the count.
        return _Rows(rows, range(len(ends)), {}, []) if len(rows) == len(ends) else None

    def _line_by_line(self, block: bytes) -> _Rows:
        rows: list[Any] = []
        numbers: list[int] = []
        marks: dict[int, Flaws] = {}
        rejects: dict[str, Reject] = {}
        at = 0
        for number, line in enumerate(block.split(b"\n")[:-1]):
            try:
                row, flaws = self._row(line)
            except RefusedError as refused:
                first = rejects.get(refused.reason) or Reject(refused.reason, 0, at, str(refused))
                rejects[refused.reason] = Reject(first.reason, first.count + 1, first.at, first.detail)
            else:
                if flaws:
                    marks[len(rows)] = flaws
                rows.append(row)
                numbers.append(number)
            at += len(line) + 1
        return _Rows(rows, numbers, marks, list(rejects.values()))

    def _row(self, line: bytes) -> tuple[Any, Flaws]:
        check_utf8(line)
        try:
            return self._decoder.decode(line), {}
        except (msgspec.MsgspecError, RecursionError):
            return salvage(line, self._tree, self._struct)

    def _batch(self, decoded: _Rows, now: float) -> Batch:
        n = len(decoded.rows)
        fields: dict[str, Column] = {}
        features: dict[str, Column] = {}
        for leaf, column in self._tree.columns(decoded.rows):
            (features if leaf.is_feature else fields)[leaf.name] = column
        prediction = fields["prediction"]
        classes = columns.labels(prediction, class_of)
        probability = columns.scores(fields["probability"], prediction)
        categories = {name: columns.labels(features[name], label_of) for name in self._categorical}
        return Batch(
            time=columns.times(fields, TIMESTAMP_UNITS, now),
            series=series(Encoded.of(fields["model_name"]), Encoded.of(fields["model_version"]), self._default),
            prediction=classes,
            # An empty error_type is how some loggers spell that all went well.
            error=columns.labels(tuple(value or None for value in fields["error_type"]), label_of),
            latency_seconds=columns.scaled(fields, LATENCY_UNITS),
            probability=probability,
            value=columns.numbers(prediction),
            numbers=columns.matrix([features[name] for name in self._numeric], n),
            categories=tuple(categories.values()),
            marks=self._marks(decoded.flaws, n),
            group=np.zeros(n, np.int64),
            request_id=columns.ids(fields.get("request_id")),
            vectors=tuple(columns.vectors(features[name], dimension) for name, dimension in self._vectors.items()),
            segments=tuple(
                categories[leaf.name] if leaf.is_feature else _segment(leaf, fields[leaf.name])
                for leaf in self._segments
            ),
            scores=(
                columns.scores_by_class(probability, fields["probability"], classes, self._classes)
                if self._classes
                else None
            ),
            amounts=np.array(
                [columns.amounts((features if leaf.is_feature else fields)[leaf.name]) for leaf in self._amounts]
            )
            if self._amounts
            else None,
            attributions=columns.sparse_matrix([fields[name] for name in self._attributions], n)
            if self._attributions
            else None,
        )

    def _marks(self, flaws: dict[int, Flaws], n: int) -> Marks | None:
        if not flaws:
            return None
        names = {name: index for index, name in enumerate((*self._numeric, *self._categorical, *self._vectors))}
        array = np.zeros((len(names), n), np.uint8)
        for row, marks in flaws.items():
            for name, mark in marks.items():
                array[names[name], row] = mark
        return array


def _segment(leaf: Leaf, column: Column) -> Encoded[str]:
    return columns.labels(column, label_of if leaf.is_segment else class_of)


def _holds_objects(block: bytes, ends: Ints) -> bool:
    """Whether each line begins and ends as an object does; then no record can be spread over two of them."""
    characters = np.frombuffer(block, np.uint8)
    begins, last = characters[ends[:-1] + 1], characters[ends - 1]
    if (last == RETURN).any():
        last = np.where(last == RETURN, characters[ends - 2], last)
    return bool(block[:1] == b"{" and (begins == OPENING).all() and (last == CLOSING).all())
