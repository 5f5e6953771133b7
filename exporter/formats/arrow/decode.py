"""Flat record batches become a `Batch` and rejected rows, as lines do in decoding/decode.py.

In JSON one value may have a wrong type, in Arrow a whole column. A feature's column is then marked; a record field's
rejects the rows that have a value in it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from exporter.batch import Batch, Floats, Ints, Marks, Series
from exporter.decoding.checks import Failed, series
from exporter.decoding.columns import class_of, label_of
from exporter.decoding.decode import MAX_CELLS, Decoder, DecodeResult
from exporter.decoding.schema import LATENCY_UNITS, TIMESTAMP_UNITS
from exporter.formats.arrow.columns import ArrowColumns, scores_per_row
from exporter.formats.arrow.messages import MOST_ROWS
from exporter.formats.arrow.stream import ArrowStream
from exporter.lines.buffer import BadLine, Chunk, PendingLines
from exporter.lines.framing import Position
from exporter.lines.rejects import Reason


class ArrowDecoder(Decoder):
    """Decodes record batches in the place of lines."""

    def framer(self, limit: int, position: Position | None = None, context: bytes = b"") -> ArrowStream:
        """Return the framing of a stream (a framing.Framer); its messages have limits of their own."""
        return ArrowStream(self._tree, position)

    def read(self, pending: PendingLines, now: float) -> Iterator[DecodeResult]:
        """Decode batches that arrived at epoch time `now`, those of one schema together up to about MOST_ROWS rows."""
        run: list[Chunk] = []
        rows = 0
        for chunk in pending.chunks:
            if run and (rows >= MOST_ROWS or chunk.block.schema != run[0].block.schema):
                yield from self._decoded(run, now)
                run, rows = [], 0
            run.append(chunk)
            rows += chunk.block.num_rows
        if run:
            yield from self._decoded(run, now)

    def _decoded(self, chunks: Sequence[Chunk], now: float) -> Iterator[DecodeResult]:
        whole = pa.Table.from_batches([chunk.block for chunk in chunks])
        begins = np.cumsum([0, *(chunk.block.num_rows for chunk in chunks)])
        rows_at_once = max(1, MAX_CELLS // scores_per_row(whole))
        for start in range(0, whole.num_rows, rows_at_once):
            table = whole.slice(start, rows_at_once)
            batch, failed = self._read_columns(ArrowColumns(table), now)
            good, rejected = self._checks.apply(batch, now, failed)

            def bad(reason: Reason, rows: Ints, detail: str, start: int = start) -> BadLine:
                row = start + int(rows[0])
                number = int(np.searchsorted(begins, row, "right")) - 1
                stream, offset, _ = chunks[number]
                return BadLine(stream, offset, reason, detail, len(rows), row - int(begins[number]) + 1)

            yield DecodeResult(good if len(good) else None, tuple(bad(*rows) for rows in rejected), table.num_rows)

    def _read_columns(self, columns: ArrowColumns, now: float) -> tuple[Batch, list[Failed]]:
        """Return the rows as a batch, and which of them cannot be records."""
        prediction = columns.labels("prediction", class_of)
        time, no_time = columns.times(TIMESTAMP_UNITS)
        probability, scores, no_score = columns.scores(prediction, self._classes)
        numbers = columns.matrix(self._numeric)
        vectors = [columns.vectors(name, dimension) for name, dimension in self._vectors.items()]
        batch = Batch(
            time=np.where(np.isnan(time), now, time),
            series=series(list(map(columns.labels, Series._fields)), self._default),
            prediction=prediction,
            error=columns.errors(),
            latency_seconds=columns.scaled(LATENCY_UNITS),
            probability=probability,
            value=columns.values(),
            numbers=numbers,
            categories=tuple(map(columns.labels, self._categorical)),
            marks=self._marks_of(columns, numbers, [marks for _, marks in vectors]),
            group=np.zeros(columns.rows, np.int64),
            vectors=tuple(values for values, _ in vectors),
            request_id=columns.labels("request_id").without("") if self._reads_ids else None,
            segments=tuple(
                columns.labels(leaf.key, class_of if leaf.kind == "field" else label_of) for leaf in self._segments
            ),
            scores=scores,
            amounts=columns.amounts(self._amounts) if self._amounts else None,
            attributions=columns.matrix(self._attributions) if self._attributions else None,
        )
        not_finite, wrong = columns.failed()
        return batch, [*not_finite, *no_score, *wrong, *no_time]

    def _marks_of(self, columns: ArrowColumns, numbers: Floats, of_vectors: Sequence[Marks]) -> Marks | None:
        marks = np.zeros((len(self._numeric) + len(self._categorical) + len(of_vectors), columns.rows), np.uint8)
        marks[len(marks) - len(of_vectors) :] = np.array(of_vectors).reshape(len(of_vectors), columns.rows)
        for row in np.flatnonzero(~np.isfinite(numbers).all(axis=1)).tolist():
            marks[row] = columns.flaws(self._numeric[row])
        for row, name in enumerate(self._categorical, len(self._numeric)):
            marks[row] = columns.flaws(name)
        return marks if marks.any() else None
