"""From the bytes of a source to batches: framed as lines, read as rows by some formats, and decoded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from exporter.decoding.decode import DecodeResult
from exporter.decoding.line_filter import LineFilter
from exporter.decoding.model_decoders import ModelDecoders
from exporter.decoding.rows import IsNew, KeyOf, RowReader
from exporter.lines.buffer import PendingLines
from exporter.lines.framing import Framer
from exporter.lines.waiting_line import WaitingLine


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`framer` makes the framing of each stream of the source. Without `rows`, each line is a record.

    Lines that `line_filter` leaves out are skipped.
    """

    framer: Framer
    decoders: ModelDecoders
    rows: RowReader | None = None
    line_filter: LineFilter | None = None

    def read(self, pending: PendingLines, now: float, is_new: IsNew, key_of: KeyOf) -> Iterator[DecodeResult]:
        """Decode lines that arrived at epoch time `now`, each record by the settings that `key_of` its series finds."""
        if self.rows is None:
            return self.decoders.read(pending, now, key_of)
        return self._read_rows(self.rows, pending, now, is_new, key_of)

    def _read_rows(
        self, reader: RowReader, pending: PendingLines, now: float, is_new: IsNew, key_of: KeyOf
    ) -> Iterator[DecodeResult]:
        for rows in reader.read(pending, now, is_new, key_of, self.decoders.lines_at_once, self.line_filter):
            yield from self.decoders.read_rows(rows, now, key_of)

    def expire(self, now: float) -> int:
        """Return how many lines that waited for others were given up since the last call."""
        return self.rows.expire(now) if self.rows else 0

    def release(self) -> int:
        """Return how many lines that waited for others were given up because the source stops."""
        return self.rows.release() if self.rows else 0

    @property
    def waiting(self) -> tuple[WaitingLine, ...]:
        """The lines that wait for others and are part of the state."""
        return self.rows.waiting if self.rows else ()

    def restore(self, waiting: Collection[WaitingLine]) -> int:
        """Take the waiting lines of a state; return how many cannot be used any more."""
        return self.rows.restore(waiting) if self.rows else len(waiting)

    def resume(self, before: Pipeline) -> None:
        """Take over the waiting lines of the pipeline that this one replaces."""
        if self.rows and before.rows:
            self.rows.resume(before.rows)
