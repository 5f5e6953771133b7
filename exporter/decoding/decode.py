"""A block of JSON lines, or rows, become a `Batch` and the lines that were rejected.

The fast way decodes a whole block into typed Structs and transposes them. If any line of the block is not as it should
be, the block is decoded line by line, and what fails is salvaged or rejected.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from exporter.batch import Batch, Floats, Ints, Marks, Series
from exporter.decoding import columns
from exporter.decoding.checks import Checks, Refused, series
from exporter.decoding.columns import Column, class_of, label_of
from exporter.decoding.pipeline import DecodeResult
from exporter.decoding.rows import Rows
from exporter.decoding.salvage import Flaws, check_utf8, salvage, salvage_line
from exporter.decoding.schema import LATENCY_UNITS, TIMESTAMP_UNITS, Schema
from exporter.decoding.unknown_features import NO_SAMPLE, FeatureProbe, FeatureSample
from exporter.encoded import Encoded
from exporter.lines.buffer import BadLine, PendingLines
from exporter.lines.rejects import Reject, RejectedError

NEWLINE, RETURN, OPENING, CLOSING = b"\n\r{}"


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a block held; lines == records in the batch + the rejects' counts. `sample` is of the batch."""

    batch: Batch | None
    rejects: tuple[Reject, ...]
    lines: int
    sample: FeatureSample = NO_SAMPLE


@dataclass(frozen=True, slots=True)
class _DecodedRecords:
    """Decoded records, the number of the line (or row) of each, unusable features by record, and rejected lines."""

    values: list[Any]
    numbers: Sequence[int]
    flaws: dict[int, Flaws]
    rejects: list[Reject]


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
        self._segments = [self._tree.at(path) for path in schema.segment_paths.values()]
        self._classes = schema.classes
        self._amounts = [self._tree.at(path).key for path in schema.amounts.values()]
        self._default = default
        self._checks = checks

    def read(self, pending: PendingLines, now: float) -> Iterator[DecodeResult]:
        """Decode whole lines that arrived at epoch time `now`."""
        decoded = self.decode(pending.block, now)
        rejected = (
            BadLine(*pending.locate(reject.at), reject.reason, reject.detail, reject.count)
            for reject in decoded.rejects
        )
        yield DecodeResult(decoded.batch, tuple(rejected), decoded.lines, decoded.sample)

    def read_rows(self, rows: Rows, now: float) -> DecodeResult:
        """Decode the rows of lines that arrived at epoch time `now`."""
        numbered = ((number, (row, number in rows.odd)) for number, row in enumerate(rows.objects))
        records = self._each(numbered, self._row, range(len(rows.objects)))
        batch, numbers, refused = self._checked(records, now)
        rejects = [*records.rejects, *(_reject(each, int(each.rows[0])) for each in refused)]
        rejected = (BadLine(*rows.places[one.at], one.reason, one.detail, one.count) for one in rejects)
        sample = NO_SAMPLE
        if numbers:
            row = len(rows.objects) % len(numbers)
            sample = FeatureSample(row, self._probe.unknown_of(rows.objects[numbers[row]]))
        lines = len(rows.objects) + sum(bad.count for bad in rows.rejected)
        return DecodeResult(batch, (*rows.rejected, *rejected), lines, sample, rows.waiting, rows.repeated)

    def decode(self, block: bytes, now: float) -> Decoded:
        """Decode whole lines; `now` is the epoch time at which they arrived."""
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == NEWLINE)
        records = self._whole(block, ends) or self._line_by_line(block)
        batch, numbers, refused = self._checked(records, now)
        rejects = records.rejects
        if refused:
            starts = np.concatenate(([0], ends + 1))
            rejects += [_reject(each, int(starts[each.rows[0]])) for each in refused]
        if not numbers:
            return Decoded(None, tuple(rejects), len(ends))
        # Any row will do, and not always the first.
        row = len(block) % len(numbers)
        start = ends[numbers[row] - 1] + 1 if numbers[row] else 0
        sample = FeatureSample(row, self._probe.unknown(block[start : ends[numbers[row]]]))
        return Decoded(batch, tuple(rejects), len(ends), sample)

    def _checked(self, records: _DecodedRecords, now: float) -> tuple[Batch | None, Sequence[int], list[Refused]]:
        """Return the batch of the records that pass the checks, their numbers, and the numbers of the others."""
        if not records.values:
            return None, (), []
        batch, refused = self._checks.apply(self._batch(records, now), now)
        numbers = records.numbers
        if refused:
            by_reason = [each._replace(rows=np.array(numbers, np.int64)[each.rows]) for each in refused]
            numbers = np.delete(numbers, np.concatenate([each.rows for each in refused])).tolist()
            refused = by_reason
        return batch if numbers else None, numbers, refused

    def _whole(self, block: bytes, ends: Ints) -> _DecodedRecords | None:
        """Decode a block at once, given where its lines end; None if any of them is not as it should be."""
        if not _holds_objects(block, ends):
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

    def _line_by_line(self, block: bytes) -> _DecodedRecords:
        lines = block.split(b"\n")[:-1]
        starts = np.cumsum([0, *(len(line) + 1 for line in lines)]).tolist()
        return self._each(enumerate(lines), self._line, starts)

    def _each(
        self, items: Iterable[tuple[int, Any]], read: Callable[[Any], tuple[Any, Flaws]], starts: Sequence[int]
    ) -> _DecodedRecords:
        """Decode items one by one; the reject of item i is at `starts[i]`."""
        records = _DecodedRecords([], numbers := [], {}, [])
        rejects: dict[str, Reject] = {}
        for number, item in items:
            try:
                value, flaws = read(item)
            except RejectedError as error:
                first = rejects.get(error.reason) or Reject(error.reason, 0, starts[number], str(error))
                rejects[error.reason] = Reject(first.reason, first.count + 1, first.at, first.detail)
            else:
                if flaws:
                    records.flaws[len(records.values)] = flaws
                records.values.append(value)
                numbers.append(number)
        records.rejects.extend(rejects.values())
        return records

    def _line(self, line: bytes) -> tuple[Any, Flaws]:
        check_utf8(line)
        try:
            return self._decoder.decode(line), {}
        except (msgspec.MsgspecError, RecursionError):
            return salvage_line(line, self._tree, self._struct)

    def _row(self, row: tuple[Any, bool]) -> tuple[Any, Flaws]:
        value, is_odd = row
        if not is_odd:
            try:
                return msgspec.convert(value, self._struct), {}
            except (msgspec.ValidationError, RecursionError):
                pass
        return salvage(value, self._tree, self._struct)

    def _batch(self, records: _DecodedRecords, now: float) -> Batch:
        n = len(records.values)
        fields = {leaf.key: column for leaf, column in self._tree.columns(records.values)}

        def field(name: str) -> Column:
            return fields.get(name) or (None,) * n

        prediction, score = field("prediction"), field("probability")
        classes = columns.labels(prediction, class_of)
        probability = columns.scores(score, prediction)
        categories = {name: columns.labels(fields[name], label_of) for name in self._categorical}
        return Batch(
            time=columns.times(fields, TIMESTAMP_UNITS, now, n),
            series=series([Encoded.of(field(label)) for label in Series._fields], self._default),
            prediction=classes,
            # An empty error_type is how some loggers write success.
            error=columns.labels(tuple(value or None for value in field("error_type")), label_of),
            latency_seconds=columns.scaled(fields, LATENCY_UNITS, n),
            probability=probability,
            value=columns.numbers(prediction),
            numbers=columns.matrix([fields[name] for name in self._numeric], n),
            categories=tuple(categories.values()),
            marks=self._marks(records.flaws, n),
            group=np.zeros(n, np.int64),
            request_id=columns.ids(fields.get("request_id")),
            vectors=tuple(columns.vectors(fields[name], dimension) for name, dimension in self._vectors.items()),
            segments=tuple(
                # A segment may be a feature or a field as well, and is then labelled as that is.
                categories.get(leaf.key)
                or columns.labels(fields[leaf.key], class_of if leaf.kind == "field" else label_of)
                for leaf in self._segments
            ),
            scores=columns.scores_by_class(probability, score, classes, self._classes) if self._classes else None,
            amounts=_rows([columns.amounts(fields[name]) for name in self._amounts]),
            attributions=columns.sparse_matrix([fields[name] for name in self._attributions], n)
            if self._attributions
            else None,
        )

    def _marks(self, flaws: dict[int, Flaws], n: int) -> Marks | None:
        if not flaws:
            return None
        places = {name: index for index, name in enumerate((*self._numeric, *self._categorical, *self._vectors))}
        marks = np.zeros((len(places), n), np.uint8)
        for row, of_row in flaws.items():
            for name, mark in of_row.items():
                marks[places[name], row] = mark
        return marks


def _rows(arrays: Sequence[Floats]) -> Floats | None:
    return np.array(arrays) if arrays else None


def _reject(refused: Refused, at: int) -> Reject:
    return Reject(refused.reason, len(refused.rows), at, refused.detail)


def _holds_objects(block: bytes, ends: Ints) -> bool:
    """Whether each line begins and ends as an object does; then no record can span two of them."""
    characters = np.frombuffer(block, np.uint8)
    begins, last = characters[ends[:-1] + 1], characters[ends - 1]
    if (last == RETURN).any():
        last = np.where(last == RETURN, characters[ends - 2], last)
    return bool(block[:1] == b"{" and (begins == OPENING).all() and (last == CLOSING).all())
