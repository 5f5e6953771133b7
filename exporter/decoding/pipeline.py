"""How the bytes of a source become batches: framed as lines, read as rows if need be, and decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from exporter.batch import Batch
from exporter.decoding.rows import IsNew, RowReader, Rows
from exporter.decoding.unknown_features import NO_SAMPLE, FeatureSample
from exporter.lines.buffer import BadLine, PendingLines
from exporter.lines.framing import Framer


class DecodeResult(NamedTuple):
    """What was decoded; lines == records in the batch + the counts of the rejected.

    `sample` has the features of one record that the profile does not know. `waiting` and `repeated` are those of Rows.
    """

    batch: Batch | None
    rejected: tuple[BadLine, ...]
    lines: int
    sample: FeatureSample = NO_SAMPLE
    waiting: int = 0
    repeated: int = 0


class LineDecoder(Protocol):
    """Decodes lines (of Arrow: record batches), each of which is a record."""

    def read(self, pending: PendingLines, now: float) -> Iterator[DecodeResult]:
        """Decode what arrived at epoch time `now`, as much at a time as keeps memory bounded."""
        ...


class RowDecoder(Protocol):
    """Decodes rows."""

    def read_rows(self, rows: Rows, now: float) -> DecodeResult:
        """Decode the rows of lines that arrived at epoch time `now`."""
        ...


class Pipeline(Protocol):
    """From the bytes of a source to batches. `framer` makes the framing of each of its streams."""

    @property
    def framer(self) -> Framer: ...

    def read(self, pending: PendingLines, now: float, is_new: IsNew) -> Iterator[DecodeResult]:
        """Decode lines that arrived at epoch time `now`."""
        ...

    def expire(self, now: float) -> int:
        """Return how many lines that waited for others were given up since the last call."""
        ...

    def resume(self, before: Pipeline) -> None:
        """Take over the waiting lines of the pipeline that this one replaces."""
        ...


@dataclass(frozen=True, slots=True)
class LinePipeline:
    """Each line is a record."""

    framer: Framer
    decoder: LineDecoder

    def read(self, pending: PendingLines, now: float, is_new: IsNew) -> Iterator[DecodeResult]:
        return self.decoder.read(pending, now)

    def expire(self, now: float) -> int:
        return 0

    def resume(self, before: Pipeline) -> None:
        """No line waits."""


@dataclass(frozen=True, slots=True)
class RowPipeline:
    """Lines become rows, and each row is a record."""

    framer: Framer
    rows: RowReader
    decoder: RowDecoder

    def read(self, pending: PendingLines, now: float, is_new: IsNew) -> Iterator[DecodeResult]:
        yield self.decoder.read_rows(self.rows.read(pending, now, is_new), now)

    def expire(self, now: float) -> int:
        return self.rows.expire(now)

    def resume(self, before: Pipeline) -> None:
        if isinstance(before, RowPipeline):
            self.rows.resume(before.rows)
