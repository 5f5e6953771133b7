"""Flat record batches become a `Batch` and rejected rows, as lines do in decoding/decode.py.

In JSON one value may have a wrong type, in Arrow a whole column. A feature's column is then marked; that of a
prediction, or of the name or version of the model, rejects the rows that have a value in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from exporter.batch import Batch, Floats, Ints, Marks, Series
from exporter.decoding.checks import Checks, Failed, series, without_impossible
from exporter.decoding.columns import label_of
from exporter.decoding.decode import MAX_CELLS, UNUSABLE, Decoder, DecodeResult
from exporter.decoding.schema import LATENCY_UNITS, TIMESTAMP_UNITS, Node, Schema
from exporter.decoding.segment_values import segment_columns
from exporter.encoded import Encoded
from exporter.formats.arrow.columns import ArrowColumns, scores_per_row
from exporter.formats.arrow.messages import MOST_ROWS
from exporter.formats.arrow.stream import ArrowStream
from exporter.lines.buffer import BadLine, Chunk, PendingLines
from exporter.lines.framing import Framer, Position
from exporter.lines.rejects import Reason


@dataclass(frozen=True, slots=True)
class ArrowBlock:
    """Rows of flat record batches of one schema; `rows` are their numbers in the batches of `chunks`."""

    chunks: Sequence[Chunk]
    table: pa.Table
    rows: Ints

    @classmethod
    def of(cls, chunks: Sequence[Chunk]) -> Iterator[ArrowBlock]:
        """Yield all rows of some batches, as many at a time as keeps the memory for their scores bounded."""
        whole = pa.Table.from_batches([chunk.block for chunk in chunks])
        rows_at_once = max(1, MAX_CELLS // scores_per_row(whole))
        for start in range(0, whole.num_rows, rows_at_once):
            table = whole.slice(start, rows_at_once)
            yield cls(chunks, table, np.arange(start, start + table.num_rows))

    def __len__(self) -> int:
        return len(self.rows)

    def split(self, places: Ints, parts: int) -> list[ArrowBlock]:
        """Return the rows of each part, given the number of each row's part."""
        return [
            ArrowBlock(self.chunks, self.table.filter(pa.array(places == part)), self.rows[places == part])
            for part in range(parts)
        ]

    def bad(self, reason: Reason, rows: Ints, detail: str) -> BadLine:
        """Return rejected rows as a line, with the place of the first."""
        begins = np.cumsum([0, *(chunk.block.num_rows for chunk in self.chunks)])
        first = int(self.rows[rows[0]])
        number = int(np.searchsorted(begins, first, "right")) - 1
        stream, offset, *_ = self.chunks[number]
        return BadLine(stream, offset, reason, detail, len(rows), first - int(begins[number]) + 1)


class ArrowDecoder(Decoder):
    """Decodes record batches in the place of lines, from the flat columns whose names have a prefix."""

    def __init__(self, schema: Schema, default: Series, checks: Checks, prefix: str = "") -> None:
        super().__init__(schema, default, checks)
        self._prefix = prefix

    @property
    def columns(self) -> tuple[str, Node]:
        """The prefix, and what is read."""
        return self._prefix, self._tree

    def blocks(self, pending: PendingLines, at_once: int) -> Iterator[ArrowBlock]:
        """Yield batches, those of one schema together up to about MOST_ROWS rows."""
        run: list[Chunk] = []
        rows = 0
        for chunk in pending.chunks:
            if run and (rows >= MOST_ROWS or chunk.block.schema != run[0].block.schema):
                yield from ArrowBlock.of(run)
                run, rows = [], 0
            run.append(chunk)
            rows += chunk.block.num_rows
        if run:
            yield from ArrowBlock.of(run)

    def decode(self, block: Any, now: float) -> DecodeResult:
        batch, failed, unusable = self._read_columns(ArrowColumns(block.table, self._prefix), now)
        good, rejected = self._checks.apply(batch, now, failed)
        bad = tuple(block.bad(*rows) for rows in rejected)
        return DecodeResult(good if len(good) else None, bad, len(block), unusable=unusable)

    def series(self, block: Any) -> tuple[Encoded[Series], Sequence[int]]:
        return self._series_of(ArrowColumns(block.table, self._prefix)), range(len(block))

    def _series_of(self, columns: ArrowColumns) -> Encoded[Series]:
        return series(list(map(columns.labels, Series._fields)), self._default)

    def _read_columns(self, columns: ArrowColumns, now: float) -> tuple[Batch, list[Failed], Mapping[str, int]]:
        """Return the rows as a batch, which of them cannot be records, and how many values are unusable, by field."""

        def segment(name: str) -> Encoded[str]:
            leaf = self._segment_leaves[name]
            return columns.labels(leaf.key, self._spell if leaf.kind == "field" else label_of)

        def band(name: str) -> Floats:
            return columns.numbers(self._segment_leaves[name].key)

        time = columns.times(TIMESTAMP_UNITS, self._reading.zone)
        prediction, probability, scores = columns.outputs(
            self._spell, self._classes, self._positive_class, self._negative_class
        )
        latencies, probability, impossible = without_impossible(columns.latencies(LATENCY_UNITS), probability)
        unusable = Counter(impossible)
        for name, count in columns.unusable():
            if name in UNUSABLE:
                unusable[UNUSABLE[name]] += count
        numbers = columns.matrix(self._numeric)
        vectors = [columns.vectors(name, dimension) for name, dimension in self._vectors.items()]
        batch = Batch(
            time=np.where(np.isfinite(time), time, now),
            series=self._series_of(columns),
            prediction=prediction,
            error=columns.errors(),
            latency_seconds=latencies,
            probability=probability,
            value=columns.values(),
            numbers=numbers,
            categories=tuple(map(columns.labels, self._categorical)),
            marks=self._marks_of(columns, numbers, [marks for _, marks in vectors]),
            group=np.zeros(columns.rows, np.int64),
            vectors=tuple(values for values, _ in vectors),
            request_id=columns.labels("request_id").without("") if self._reads_ids else None,
            segments=segment_columns(self._segments, segment, band),
            scores=scores,
            actual=columns.labels("actual", self._spell) if self._reads_actual else None,
            actual_value=columns.numbers("actual") if self._reads_actual else None,
            amounts=columns.amounts(self._amounts) if self._amounts else None,
            attributions=columns.matrix(self._attributions) if self._attributions else None,
        )
        return batch, columns.failed(), unusable

    def _marks_of(self, columns: ArrowColumns, numbers: Floats, of_vectors: Sequence[Marks]) -> Marks | None:
        marks = np.zeros((len(self._numeric) + len(self._categorical) + len(of_vectors), columns.rows), np.uint8)
        marks[len(marks) - len(of_vectors) :] = np.array(of_vectors).reshape(len(of_vectors), columns.rows)
        for row in np.flatnonzero(~np.isfinite(numbers).all(axis=1)).tolist():
            marks[row] = columns.flaws(self._numeric[row])
        for row, name in enumerate(self._categorical, len(self._numeric)):
            marks[row] = columns.flaws(name)
        return marks if marks.any() else None


def arrow_framer(decoders: Sequence[ArrowDecoder]) -> Framer:
    """Return what frames streams for some decoders; their messages have limits of their own."""
    trees = dict(decoder.columns for decoder in decoders)

    def framer(limit: int, position: Position | None = None, context: bytes = b"") -> ArrowStream:  # noqa: ARG001
        return ArrowStream(trees, position)

    return framer
