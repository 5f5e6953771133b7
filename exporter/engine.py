"""The engine: bytes in, tallies out. The whole behaviour of the exporter, without a single await.

`feed` gathers whole lines until there is a block of them; `fold` decodes the block, admits its labels, tallies
it once and adds the tally to the totals and to each window's pane. Positions move in the same call, so every
snapshot is consistent by construction. There is no clock in here: the time comes with the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from exporter.batch import Batch, Encoded, Series
from exporter.batches import Batches
from exporter.decode import Decoder
from exporter.framing import Framer, Position
from exporter.grouping import grouped
from exporter.intake import BadLine, Gathered, Intake, Receipt, gather
from exporter.snapshot import Snapshot, SourceCounts, Stream
from exporter.stats import Statistic
from exporter.tally import Row, Tallies, put
from exporter.vocabulary import SeriesVocabulary, Vocabulary, labels, printable
from exporter.windows import Window

# A fold of a few lines costs nearly as much as one of a hundred.
BLOCK_BYTES = 64 * 1024
CLASS_LABEL = "prediction_class"
ERROR_LABEL = "error_type"
SERIES_LABEL = "model_version"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a log may make of us."""

    line_bytes: int
    models: int
    prediction_classes: int
    error_types: int


class Engine:
    """Folds the bytes of any number of streams into tallies.

    `decoders` gives the decoder of each source by name, `framers` the framing where it is not lines. `known` lists
    series, and classes, that are exported from the start. `report` is called with samples of bad lines.
    """

    def __init__(
        self,
        statistics: Sequence[Statistic],
        windows: Sequence[Window],
        decoders: Mapping[str, Decoder],
        limits: Limits,
        *,
        known_series: Sequence[Series] = (),
        known_classes: Sequence[str] = (),
        restored: Snapshot | None = None,
        framers: Mapping[str, Framer] | None = None,
        report: Callable[[BadLine], None] = lambda _: None,
    ) -> None:
        state = restored or Snapshot(time=0.0)
        self._statistics = tuple(statistics)
        self._windows = tuple(windows)
        self._decoders = decoders
        self._limits = limits
        self._report = report
        self._totals: Tallies = {series: dict(row) for series, row in state.totals.items()}
        self._panes: dict[str, dict[int, Tallies]] = {
            window.label: {
                pane: {series: dict(row) for series, row in tallies.items()}
                for pane, tallies in state.windows.get(window.label, {}).items()
            }
            for window in self._windows
        }
        self._series = SeriesVocabulary(limits.models, state.series)
        self._classes = labels(limits.prediction_classes, state.names.get(CLASS_LABEL, ()))
        self._errors = labels(limits.error_types, state.names.get(ERROR_LABEL, ()))
        self._sources = {name: counts.copy() for name, counts in state.sources.items()}
        self._capped = dict(state.capped)
        self._batches = Batches(state.batches)
        self._intake = Intake(limits.line_bytes, state.positions, framers)
        self._now = state.time
        for name in known_classes:
            self._classes.code(printable(name))
        for series in known_series:
            code, _ = self._series.code(series)
            self._row(self._series.names[code])
        for name in decoders:
            self._sources.setdefault(name, SourceCounts())
        for series in list(self._totals):
            self._row(series)

    def remembered(self, source: str) -> dict[Stream, Position]:
        """Return the streams of a source that were being read when the restored state was saved."""
        return self._intake.remembered(source)

    def position(self, stream: Stream) -> Position:
        """Return where an open stream would be gone on with."""
        return self._intake.position(stream)

    def open(self, stream: Stream, position: Position | None = None, context: bytes = b"") -> None:
        """Begin a stream, or go on with a remembered one; `context` are the bytes before its offset."""
        self._intake.open(stream, position, context)

    def close(self, stream: Stream) -> None:
        """Forget a stream that has ended; a last line without its newline counts as a line."""
        self._sources[stream.source].bytes += self._intake.close(stream)
        self.fold()

    def feed(self, stream: Stream, data: bytes, now: float) -> None:
        """Take bytes of an open stream that arrived at epoch time `now`."""
        self._now = now
        self._sources[stream.source].bytes += self._intake.feed(stream, data)
        if self._intake.pending_bytes >= BLOCK_BYTES:
            self.fold()

    def ingest(self, source: str, data: bytes, now: float, batch: str | None = None) -> Receipt:
        """Fold lines that came together, unless a batch of this id came before."""
        self._now = now
        if batch is not None and not self._batches.admit(source, batch):
            return Receipt(is_repeated=True)
        self._sources[source].bytes += len(data)
        return self._fold(source, gather(Stream(source, "request"), self._limits.line_bytes, data))

    def fold(self) -> None:
        """Add all that was fed to the tallies."""
        for source, gathered in self._intake.take().items():
            self._fold(source, gathered)

    def _fold(self, source: str, gathered: Gathered) -> Receipt:
        counts = self._sources[source]
        counts.lines += len(gathered.refused)
        refused = list(gathered.refused)
        records = 0
        if gathered.pieces:
            decoded = self._decoders[source].decode(gathered.block, self._now)
            counts.lines += decoded.lines
            refused += [
                BadLine(*gathered.place(reject.at), reject.reason, reject.detail, reject.count)
                for reject in decoded.rejects
            ]
            if decoded.batch is not None:
                records = len(decoded.batch)
                counts.records += records
                counts.last_timestamp = max(counts.last_timestamp, float(decoded.batch.time.max()))
                self._add(decoded.batch)
        for bad in refused:
            counts.rejected[bad.reason] = counts.rejected.get(bad.reason, 0) + bad.count
            self._report(bad)
        return Receipt(records, tuple(refused))

    def snapshot(self, now: float) -> Snapshot:
        """Fold what is pending and return all there is; later folds do not change it."""
        self._now = now
        self.fold()
        self._expire()
        return Snapshot(
            time=self._now,
            totals=_copy(self._totals),
            windows={
                label: {pane: _copy(tallies) for pane, tallies in panes.items()} for label, panes in self._panes.items()
            },
            series=self._series.names,
            names={CLASS_LABEL: self._classes.names, ERROR_LABEL: self._errors.names},
            sources={name: counts.copy() for name, counts in self._sources.items()},
            capped=dict(self._capped),
            positions=self._intake.positions,
            batches=self._batches.digests,
        )

    def _add(self, batch: Batch) -> None:
        batch, groups = grouped(self._admit(batch), self._windows, self._now)
        predictions, errors = batch.predictions(), batch.errors()
        first = {window.label: window.first_in_view(self._now) for window in self._windows}
        for statistic in self._statistics:
            rows = predictions if statistic.reads == "predictions" else errors
            if not len(rows):
                continue
            tally = statistic.tally(rows)
            for group, added in zip(groups, tally, strict=True):
                put(self._totals, group.series, statistic.name, added)
                for window, pane in zip(self._windows, group.panes, strict=True):
                    if pane >= first[window.label]:
                        put(self._panes[window.label].setdefault(pane, {}), group.series, statistic.name, added)

    def _admit(self, batch: Batch) -> Batch:
        """Spell the batch's labels in admitted ones, and see to it that every series has all its tallies."""
        series, capped = self._series.encode(_map_series(batch.series))
        self._cap(SERIES_LABEL, capped)
        prediction = self._admit_label(CLASS_LABEL, self._classes, batch.prediction)
        error = self._admit_label(ERROR_LABEL, self._errors, batch.error)
        for code in np.unique(series.codes).tolist():
            self._row(series.names[code])
        return replace(batch, series=series, prediction=prediction, error=error)

    def _admit_label(self, label: str, vocabulary: Vocabulary[str], column: Encoded[str]) -> Encoded[str]:
        if not column.names:
            return column
        admitted, capped = vocabulary.encode(Encoded(tuple(map(printable, column.names)), column.codes))
        self._cap(label, capped)
        return admitted

    def _cap(self, label: str, count: int) -> None:
        if count:
            self._capped[label] = self._capped.get(label, 0) + count

    def _row(self, series: Series) -> None:
        """Give a series a tally of every statistic, at zero where there is none."""
        row = self._totals.setdefault(series, {})
        for statistic in self._statistics:
            if statistic.name not in row:
                row[statistic.name] = statistic.zero()

    def _expire(self) -> None:
        for window in self._windows:
            panes, first = self._panes[window.label], window.first_in_view(self._now)
            for pane in [pane for pane in panes if pane < first]:
                del panes[pane]


def _copy(tallies: Tallies) -> dict[Series, Row]:
    return {series: dict(row) for series, row in tallies.items()}


def _map_series(column: Encoded[Series]) -> Encoded[Series]:
    return Encoded(tuple(Series(printable(name), printable(version)) for name, version in column.names), column.codes)
