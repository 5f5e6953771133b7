"""From the bytes of a source to batches: framed as lines, read as rows by some formats, and decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.decoding.decode import Decoder, DecodeResult
from exporter.decoding.rows import IsNew, RowReader
from exporter.lines.buffer import PendingLines
from exporter.lines.framing import Framer


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`framer` makes the framing of each stream of the source. Without `rows`, each line is a record."""

    framer: Framer
    decoder: Decoder
    rows: RowReader | None = None

    def read(self, pending: PendingLines, now: float, is_new: IsNew) -> Iterator[DecodeResult]:
        """Decode lines that arrived at epoch time `now`."""
        if self.rows is None:
            yield from self.decoder.read(pending, now)
        else:
            yield self.decoder.read_rows(self.rows.read(pending, now, is_new), now)

    def expire(self, now: float) -> int:
        """Return how many lines that waited for others were given up since the last call."""
        return self.rows.expire(now) if self.rows else 0

    def resume(self, before: Pipeline) -> None:
        """Take over the waiting lines of the pipeline that this one replaces."""
        if self.rows and before.rows:
            self.rows.resume(before.rows)
