"""Flat record batches become a `Batch`, and the rows that were rejected, as decoding/decode.py does for JSON lines.

In JSON one value may be of a wrong type, in Arrow a whole column: that of a feature is marked, and that of a record
field rejects the rows that have a value in it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from exporter.batch import Batch, Floats, Ints, Marks, Series
from exporter.decoding.checks import Checks, Failed, series
from exporter.decoding.columns import class_of, label_of
from exporter.decoding.pipeline import DecodeResult
from exporter.decoding.schema import LATENCY_UNITS, TIMESTAMP_UNITS, Schema
from exporter.formats.arrow.fields import Fields
from exporter.formats.arrow.messages import MOST_ROWS
from exporter.formats.arrow.stream import ArrowStream
from exporter.lines.buffer import BadLine, Chunk, PendingLines
from exporter.lines.framing import Position


class ArrowDecoder:
    """Decodes the batches of one shape of record; the parameters are decode.Decoder's."""

    def __init__(self, schema: Schema, default: Series, checks: Checks) -> None:
        self._tree = schema.tree
        self._numeric = [f"feature: {name}" for name in schema.numeric]
        self._categorical = [f"feature: {name}" for name in schema.categorical]
        self._vectors = {f"feature: {name}": dimension for name, dimension in schema.vectors.items()}
        self._reads_ids = "request_id" in schema.paths
        self._attributions = [self._tree.at(path).key for path in schema.attribution_paths.values()]
        self._segments = [self._tree.at(path) for path in schema.segment_paths.values()]
        self._classes = schema.classes
        self._amounts = [self._tree.at(path).key for path in schema.amounts.values()]
        self._default = default
        self._checks = checks
        paths = schema.paths
        self._latency = next((name for name in LATENCY_UNITS if name in paths), "latency_seconds")
        self._timestamp = next((name for name in TIMESTAMP_UNITS if name in paths), "timestamp")

    def framer(self, limit: int, position: Position | None = None, context: bytes = b"") -> ArrowStream:
        """Return the framing of a stream (a framing.Framer); its messages have limits of their own."""
        return ArrowStream(self._tree, position)

    def read(self, pending: PendingLines, now: float) -> Iterator[DecodeResult]:
        """Decode batches that arrived at epoch time `now`: those of one schema together, up to about MOST_ROWS."""
        run: list[Chunk] = []
        rows = 0
        for chunk in pending.chunks:
            if run and (rows >= MOST_ROWS or chunk.block.schema != run[0].block.schema):
                yield self._decoded(run, now)
                run, rows = [], 0
            run.append(chunk)
            rows += chunk.block.num_rows
        if run:
            yield self._decoded(run, now)

    def _decoded(self, chunks: Sequence[Chunk], now: float) -> DecodeResult:
        table = pa.Table.from_batches([chunk.block for chunk in chunks])
        batch, failed = self._batch(Fields(table), now)
        good, refused = self._checks.apply(batch, now, failed)
        begins = np.cumsum([0, *(chunk.block.num_rows for chunk in chunks)])

        def bad(reason: str, rows: Ints, detail: str) -> BadLine:
            number = int(np.searchsorted(begins, rows[0], "right")) - 1
            stream, offset, _ = chunks[number]
            return BadLine(stream, offset, reason, detail, len(rows), int(rows[0] - begins[number]) + 1)

        return DecodeResult(good if len(good) else None, tuple(bad(*rows) for rows in refused), table.num_rows)

    def _batch(self, fields: Fields, now: float) -> tuple[Batch, list[Failed]]:
        """Return the rows as columns, and which of them cannot be records."""
        prediction = fields.labels("prediction", class_of)
        time, no_time = fields.times(self._timestamp, TIMESTAMP_UNITS[self._timestamp])
        probability, scores, no_score = fields.scores(prediction, self._classes)
        numbers = fields.matrix(self._numeric)
        vectors = [fields.vectors(name, dimension) for name, dimension in self._vectors.items()]
        batch = Batch(
            time=np.where(np.isnan(time), now, time),
            series=series(list(map(fields.labels, Series._fields)), self._default),
            prediction=prediction,
            error=fields.errors(),
            latency_seconds=fields.numbers(self._latency) / LATENCY_UNITS[self._latency],
            probability=probability,
            value=fields.values(),
            numbers=numbers,
            categories=tuple(map(fields.labels, self._categorical)),
            marks=self._marks(fields, numbers, [marks for _, marks in vectors]),
            group=np.zeros(fields.rows, np.int64),
            vectors=tuple(values for values, _ in vectors),
            request_id=fields.labels("request_id").without("") if self._reads_ids else None,
            segments=tuple(
                fields.labels(leaf.key, class_of if leaf.kind == "field" else label_of) for leaf in self._segments
            ),
            scores=scores,
            amounts=fields.amounts(self._amounts) if self._amounts else None,
            attributions=fields.matrix(self._attributions) if self._attributions else None,
        )
        not_finite, wrong = fields.failed()
        return batch, [*not_finite, *no_score, *wrong, *no_time]

    def _marks(self, fields: Fields, numbers: Floats, of_vectors: Sequence[Marks]) -> Marks | None:
        marks = np.zeros((len(self._numeric) + len(self._categorical) + len(of_vectors), fields.rows), np.uint8)
        marks[len(marks) - len(of_vectors) :] = np.array(of_vectors).reshape(len(of_vectors), fields.rows)
        for row in np.flatnonzero(~np.isfinite(numbers).all(axis=1)).tolist():
            marks[row] = fields.flaws(self._numeric[row])
        for row, name in enumerate(self._categorical, len(self._numeric)):
            marks[row] = fields.flaws(name)
        return marks if marks.any() else None
