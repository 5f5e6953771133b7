"""JSON lines, or rows, become a `Batch` and rejected lines.

The fast path decodes a whole block into typed Structs and transposes them. If any line of the block is irregular, the
block is decoded line by line, and irregular lines are salvaged or rejected.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from exporter.batch import Batch, Floats, Ints, Marks, Series
from exporter.decoding import columns
from exporter.decoding.checks import Checks, RejectedRows, series, without_impossible
from exporter.decoding.columns import Column, label_of
from exporter.decoding.line_block import LineBlock, line_blocks
from exporter.decoding.rows import Rows, json_value
from exporter.decoding.salvage import Flaws, Reading, check_utf8, salvage
from exporter.decoding.schema import LATENCY_UNITS, TIMESTAMP_UNITS, UNUSABLE_FIELDS, Schema
from exporter.decoding.segment_values import segment_columns
from exporter.decoding.unknown_features import NO_SAMPLE, FeatureProbe, FeatureSample
from exporter.encoded import Encoded
from exporter.lines.buffer import BadLine, PendingLines
from exporter.lines.rejects import Reason, RejectedError

RETURN, OPENING, CLOSING = b"\r{}"
# Decoded at a time, which bounds the memory and time that many short lines take: values, and lines.
MAX_CELLS = 200_000
MAX_LINES = 5000
# Lines of up to this size are decoded once if they are rejected.
JUNK_BYTES = 32
# By the names of fields in a schema, UNUSABLE_FIELDS.
UNUSABLE = {
    **{name: name for name in UNUSABLE_FIELDS},
    **dict.fromkeys(TIMESTAMP_UNITS, "timestamp"),
    **dict.fromkeys(LATENCY_UNITS, "latency"),
}

T = TypeVar("T")


class DecodeResult(NamedTuple):
    """A batch and the rejected lines; lines == records in the batch + the counts of the rejected + skipped.

    `sample` has the unknown features of one record of the batch. `waiting` and `repeated` are those of Rows.
    `unusable` counts the values of records that could not be used, by field. `skipped` are those of the lines that
    `where` leaves out.
    """

    batch: Batch | None
    rejected: tuple[BadLine, ...]
    lines: int
    sample: FeatureSample = NO_SAMPLE
    unusable: Mapping[str, int] = {}
    skipped: int = 0
    waiting: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class _DecodedRecords:
    """Decoded records, the number of the line (or row) of each, unusable values by record, and rejected lines."""

    values: list[Any]
    numbers: Sequence[int]
    flaws: dict[int, Flaws]
    rejected: list[RejectedRows]


class Decoder:
    """Decodes the lines or rows of one schema; `default` names the model if a record does not."""

    def __init__(self, schema: Schema, default: Series, checks: Checks) -> None:
        self._tree = schema.tree
        self._struct = self._tree.struct()
        self._decoder = msgspec.json.Decoder(self._struct)
        self._numeric = [f"feature: {name}" for name in schema.numeric]
        self._categorical = [f"feature: {name}" for name in schema.categorical]
        self._probe = FeatureProbe(schema)
        self._vectors = {f"feature: {name}": dimension for name, dimension in schema.vectors.items()}
        self._attributions = [self._tree.at(path).key for path in schema.attribution_paths.values()]
        self._segments = schema.segments
        self._segment_leaves = {name: self._tree.at(path) for name, path in schema.segment_paths.items()}
        self._classes = schema.classes
        self._spell = columns.spelling(schema.prediction_kind)
        self._positive_class = schema.positive_class
        self._negative_class = schema.negative_class
        self._reading = Reading(schema.zone, schema.score_classes)
        self._reads_ids = "request_id" in schema.paths
        self._reads_actual = "actual" in schema.paths
        self._amounts = [self._tree.at(path).key for path in schema.amounts.values()]
        self._default = default
        self._checks = checks
        cells = sum(leaf.dimension or 1 for leaf, _ in self._tree.columns([self._struct()])) + len(self._classes)
        self.lines_at_once = min(MAX_LINES, max(1, MAX_CELLS // cells))

    def blocks(self, pending: PendingLines, at_once: int) -> Iterator[Any]:
        """Yield lines in blocks of at most so many, for `decode`."""
        return line_blocks(pending, at_once)

    def read(self, pending: PendingLines, now: float) -> Iterator[DecodeResult]:
        """Decode whole lines that arrived at epoch time `now`, as many at a time as keeps memory bounded."""
        for block in self.blocks(pending, self.lines_at_once):
            yield self.decode(block, now)

    def decode(self, block: LineBlock | Rows, now: float) -> DecodeResult:
        """Decode lines, or the rows of lines, that arrived at epoch time `now`."""
        if isinstance(block, Rows):
            objects = block.objects
            unknown, seed = (lambda number: self._probe.unknown_of(objects[number])), len(objects)
        else:
            line = block.line
            unknown, seed = (lambda number: self._probe.unknown(line(number))), len(block.data)
        return self._result(self._records(block), now, block, unknown, seed)

    def series(self, block: LineBlock | Rows) -> tuple[Encoded[Series], Sequence[int]]:
        """Return the series of those lines or rows that are records, and their numbers."""
        records = self._records(block)
        if not records.values:
            return Encoded((), np.zeros(0, np.int64)), ()
        fields = {leaf.key: column for leaf, column in self._tree.columns(records.values)}
        return self._series(fields, len(records.values)), records.numbers

    def _records(self, block: LineBlock | Rows) -> _DecodedRecords:
        if isinstance(block, Rows):
            return self._each([(row, number in block.odd) for number, row in enumerate(block.objects)], self._row)
        return self._whole(block.data, block.ends) or self._each(block.data.split(b"\n")[:-1], self._line)

    def _series(self, fields: Mapping[str, Column], n: int) -> Encoded[Series]:
        return series([Encoded.of(fields.get(label) or (None,) * n) for label in Series._fields], self._default)

    def _result(
        self,
        records: _DecodedRecords,
        now: float,
        block: LineBlock | Rows,
        unknown: Callable[[int], tuple[str, ...]],
        seed: int,
    ) -> DecodeResult:
        """Return the records of a block that pass the checks, and the rejected ones.

        `unknown` returns the unknown features of a line or row. `seed` selects the sample.
        """

        def absent_times() -> float | Floats:
            return block.times_or(now, records.numbers)

        batch, numbers, rejected_rows = None, records.numbers, records.rejected
        unusable: Counter[str] = Counter()
        if records.values:
            whole, impossible = self._batch(records, absent_times)
            unusable.update(impossible)
            for flaws in records.flaws.values():
                unusable.update(UNUSABLE[name] for name in flaws.keys() & UNUSABLE.keys())
            batch, failed = self._checks.apply(whole, now)
            if failed:
                lines = np.array(numbers, np.int64)
                rejected_rows = [*rejected_rows, *(each._replace(rows=lines[each.rows]) for each in failed)]
                numbers = np.delete(lines, np.concatenate([each.rows for each in failed])).tolist()
        rejected = tuple(
            BadLine(*block.place(int(rows[0])), reason, detail, block.lines_among(rows))
            for reason, rows, detail in rejected_rows
        )
        lines_read = len(numbers) + sum(len(each.rows) for each in rejected_rows)
        if not numbers:
            return DecodeResult(None, rejected, lines_read)
        row = seed % len(numbers)
        return DecodeResult(batch, rejected, lines_read, FeatureSample(row, unknown(numbers[row])), unusable)

    def _whole(self, block: bytes, ends: Ints) -> _DecodedRecords | None:
        """Decode a block at once, given where its lines end; None if any line is irregular."""
        if not _contains_objects(block, ends):
            return None
        try:
            if not block.isascii():
                # The JSON decoder does not look into the strings it skips.
                block.decode()
            values = self._decoder.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        # Two records on one line show in the count.
        return _DecodedRecords(values, range(len(ends)), {}, []) if len(values) == len(ends) else None

    def _each(self, items: Iterable[T], read: Callable[[T], tuple[Any, Flaws]]) -> _DecodedRecords:
        """Decode items one by one."""
        records = _DecodedRecords([], numbers := [], {}, [])
        rejected: dict[Reason, tuple[str, list[int]]] = {}
        # Short lines that are rejected, which often come in great numbers, and the numbers of those with their reason.
        junk: dict[Any, list[int]] = {}
        for number, item in enumerate(items):
            is_short = isinstance(item, bytes) and len(item) <= JUNK_BYTES
            if is_short and item in junk:
                junk[item].append(number)
                continue
            try:
                value, flaws = read(item)
            except RejectedError as error:
                _, numbers_of_reason = rejected.setdefault(error.reason, (str(error), []))
                numbers_of_reason.append(number)
                if is_short:
                    junk[item] = numbers_of_reason
            else:
                if flaws:
                    records.flaws[len(records.values)] = flaws
                records.values.append(value)
                numbers.append(number)
        records.rejected.extend(
            RejectedRows(reason, np.array(rows), detail) for reason, (detail, rows) in rejected.items()
        )
        return records

    def _line(self, line: bytes) -> tuple[Any, Flaws]:
        check_utf8(line)
        try:
            return self._decoder.decode(line), {}
        except (msgspec.MsgspecError, RecursionError):
            return salvage(json_value(line)[0], self._tree, self._struct, self._reading)

    def _row(self, row: tuple[Any, bool]) -> tuple[Any, Flaws]:
        value, is_odd = row
        if not is_odd:
            try:
                return msgspec.convert(value, self._struct), {}
            except (msgspec.ValidationError, RecursionError):
                pass
        return salvage(value, self._tree, self._struct, self._reading)

    def _batch(
        self, records: _DecodedRecords, absent_times: Callable[[], float | Floats]
    ) -> tuple[Batch, Mapping[str, int]]:
        """Return records as a batch, and how many of their values are impossible, by field."""
        n = len(records.values)
        fields = {leaf.key: column for leaf, column in self._tree.columns(records.values)}

        def field(name: str) -> Column:
            return fields.get(name) or (None,) * n

        def segment(name: str) -> Encoded[str]:
            # A segment that is also a feature or a field is labelled like it.
            leaf = self._segment_leaves[name]
            spell = self._spell if leaf.kind == "field" else label_of
            return categories.get(leaf.key) or columns.labels(fields[leaf.key], spell)

        def band(name: str) -> Floats:
            return columns.numbers(fields[self._segment_leaves[name].key])

        prediction, score = columns.predictions(
            field("prediction"), field("probability"), self._positive_class, self._negative_class
        )
        fields["prediction"] = prediction
        classes = columns.labels(prediction, self._spell)
        probability = columns.scores(score, prediction, self._spell, self._positive_class)
        categories = {name: columns.labels(fields[name], label_of) for name in self._categorical}
        latencies, probability, impossible = without_impossible(
            columns.latencies(fields, LATENCY_UNITS, n), probability
        )
        batch = Batch(
            time=columns.times(fields, TIMESTAMP_UNITS, absent_times, n, self._reading.zone),
            series=self._series(fields, n),
            prediction=classes,
            # Some loggers write an empty error_type for success.
            error=columns.labels(tuple(value or None for value in field("error_type")), label_of),
            latency_seconds=latencies,
            probability=probability,
            value=columns.numbers(prediction),
            numbers=columns.matrix([fields[name] for name in self._numeric], n),
            categories=tuple(categories.values()),
            marks=self._marks(records.flaws, n),
            group=np.zeros(n, np.int64),
            request_id=columns.labels(field("request_id"), label_of).without("") if self._reads_ids else None,
            vectors=tuple(columns.vectors(fields[name], dimension) for name, dimension in self._vectors.items()),
            segments=segment_columns(self._segments, segment, band),
            scores=columns.scores_by_class(probability, score, classes, self._classes) if self._classes else None,
            actual=columns.labels(field("actual"), self._spell) if self._reads_actual else None,
            actual_value=columns.numbers(field("actual")) if self._reads_actual else None,
            amounts=np.array([columns.amounts(fields[name]) for name in self._amounts]) if self._amounts else None,
            attributions=columns.sparse_matrix([fields[name] for name in self._attributions], n)
            if self._attributions
            else None,
        )
        return batch, impossible

    def _marks(self, flaws: dict[int, Flaws], n: int) -> Marks | None:
        if not flaws:
            return None
        places = {name: index for index, name in enumerate((*self._numeric, *self._categorical, *self._vectors))}
        marks = np.zeros((len(places), n), np.uint8)
        for row, of_row in flaws.items():
            for name, mark in of_row.items():
                if name in places:
                    marks[places[name], row] = mark
        return marks if marks.any() else None


def _contains_objects(block: bytes, ends: Ints) -> bool:
    """Return whether each line starts and ends as an object does; then no record can span two lines."""
    characters = np.frombuffer(block, np.uint8)
    begins, last = characters[ends[:-1] + 1], characters[ends - 1]
    if (last == RETURN).any():
        last = np.where(last == RETURN, characters[ends - 2], last)
    return bool(block[:1] == b"{" and (begins == OPENING).all() and (last == CLOSING).all())
