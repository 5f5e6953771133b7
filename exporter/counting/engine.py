"""The engine: bytes in, tallies out. The whole behaviour of the exporter, without a single await.

`feed` gathers whole lines until there is a block of them; `fold` decodes the block, admits its labels, tallies
it once and adds the tally to the totals and to each window's pane. Positions move in the same call, so every
snapshot is consistent by construction. There is no clock in here: the time comes with the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from exporter.batch import Batch
from exporter.counting.admission import Admission
from exporter.counting.batches import Batches
from exporter.counting.ledger import Ledger
from exporter.counting.plan import Plan
from exporter.decoding.intake import BadLine, Gathered, Intake, Receipt, cut_off, gather
from exporter.decoding.reading import Decoder, Form
from exporter.decoding.request_ids import RequestIds
from exporter.decoding.unknown_features import Sample, UnknownFeatures
from exporter.joins.join import Joins, Store
from exporter.joins.rows import Pair, outcomes
from exporter.lines.framing import Lines, Position
from exporter.requests.bodies import Sent
from exporter.tallies.snapshot import NOTHING_JOINED, NOTHING_WAITED, Snapshot, SourceCounts, Stream

# A fold of a few lines costs nearly as much as one of hundreds.
BLOCK_BYTES = 512 * 1024
# The more features there are, the more a fold costs, whatever it holds: a hundred records of them.
FEATURE_BYTES = 100 * 20


# Predictions and truths, some 10 MiB.
MOST_PENDING = 10_000


class Engine:
    """Folds the bytes of any number of streams into tallies, by a plan. `report` is told samples of bad lines.

    `store` keeps what waits to be joined, where the plan has ground truth.
    """

    def __init__(
        self,
        plan: Plan,
        restored: Snapshot | None = None,
        report: Callable[[BadLine], None] = lambda _: None,
        store: Store | None = None,
    ) -> None:
        state = restored or Snapshot(time=0.0)
        self._report = report
        self._admission = Admission(plan, state)
        self._ledger = Ledger(plan, state, lambda: self._admission.known_segments)
        self._sources = {name: counts.copy() for name, counts in state.sources.items()}
        self._batches = Batches(state.batches)
        self._request_ids = RequestIds(plan.limits.request_ids, state.request_ids)
        self._unknown = UnknownFeatures(state.unknown)
        self._joins = Joins(store, plan.wait_seconds, plan.limits.waiting, state.join_counts) if store else None
        self._intake = Intake(plan.limits.line_bytes, state.positions, plan.framers)
        self._now = state.time
        self._begin(plan)

    def adopt(self, plan: Plan) -> None:
        """Go on by another plan. What it does not change goes on; a statistic or window that it does begins at zero."""
        self.fold()
        before, after = self._plan.identities, plan.identities
        kept = {name for name, identity in after.items() if before.get(name) == identity}
        self._admission.adopt(plan, kept)
        self._ledger.adopt(plan, kept)
        self._request_ids = RequestIds(plan.limits.request_ids, self._request_ids.digests)
        self._intake.adopt(plan.limits.line_bytes, plan.framers)
        if self._joins:
            self._joins.adopt(plan.wait_seconds, plan.limits.waiting)
        self._begin(plan)

    def release(self, source: str) -> None:
        """Keep the positions of a source's streams, which are not read on."""
        self.fold()
        self._intake.release(source)

    def _begin(self, plan: Plan) -> None:
        self._plan = plan
        self._sources = {name: self._sources.get(name) or SourceCounts() for name in plan.decoders}
        self._unknown.forget(plan.features)
        self._ledger.begin(map(self._admission.admit_series, plan.known_series))

    @property
    def held_bytes(self) -> int:
        """How many bytes of all open streams wait for the rest of their lines."""
        return self._intake.held_bytes

    @property
    def is_full(self) -> bool:
        """Whether so much is joined, or waits to be, since the last commit that there should be one."""
        return self._joins is not None and self._joins.pending > MOST_PENDING

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

    def feed(self, stream: Stream, data: bytes, now: float) -> bool:
        """Take bytes of an open stream that arrived at epoch time `now`; return whether it cannot be read on."""
        self._now = now
        self._sources[stream.source].bytes += self._intake.feed(stream, data)
        if self._intake.pending_bytes >= max(BLOCK_BYTES, FEATURE_BYTES * len(self._plan.features)):
            self.fold()
        return self._intake.is_broken(stream)

    def ingest(self, source: str, sent: Sent, now: float) -> Receipt:
        """Fold what came together, unless a batch of its id came before."""
        self._now = now
        if sent.batch is not None and not self._batches.admit(source, sent.batch):
            return Receipt(is_repeated=True)
        self._sources[source].bytes += len(sent.lines)
        form = self._plan.arrow[source]() if sent.is_arrow else Form(Lines, self._plan.decoders[source])
        stream = Stream(source, "request")
        return self._fold(source, gather(stream, self._plan.limits.line_bytes, sent.lines, form.framer), form.decoder)

    def lose(self, source: str, count: int) -> None:
        """Count records of which a part has come, and the rest will not."""
        self._fold(source, Gathered(refused=[cut_off(Stream(source, "lost"), 0, count)]))

    def fold(self) -> None:
        """Add all that was fed to the tallies."""
        for source, gathered in self._intake.take().items():
            self._fold(source, gathered)

    def _fold(self, source: str, gathered: Gathered, decoder: Decoder | None = None) -> Receipt:
        counts = self._sources[source]
        counts.lines += sum(bad.count for bad in gathered.refused)
        refused = list(gathered.refused)
        records = 0
        for reading in (decoder or self._plan.decoders[source]).read(gathered, self._now) if gathered.pieces else ():
            counts.lines += reading.lines
            refused += reading.refused
            if reading.batch is not None:
                records += len(reading.batch)
                counts.records += len(reading.batch)
                counts.last_timestamp = max(counts.last_timestamp, float(reading.batch.time.max()))
                if source in self._plan.truths:
                    self._answer(reading.batch)
                else:
                    self._take(reading.batch, reading.sample)
        for bad in refused:
            counts.rejected[bad.reason] = counts.rejected.get(bad.reason, 0) + bad.count
            self._report(bad)
        return Receipt(records, tuple(refused))

    def snapshot(self, now: float) -> Snapshot:
        """Fold what is pending and return all there is; later folds do not change it."""
        self._now = now
        self.fold()
        self._ledger.panes.settle(self._now)
        return Snapshot(
            time=self._now,
            totals=self._ledger.totals,
            windows=self._ledger.panes.held,
            history=self._ledger.panes.rolled_out,
            series=self._admission.series,
            names=self._admission.names,
            sources={name: counts.copy() for name, counts in self._sources.items()},
            capped=dict(self._admission.capped),
            positions=self._intake.positions,
            batches=self._batches.digests,
            request_ids=self._request_ids.digests,
            unknown=self._unknown.at(self._now),
            segment_values=self._admission.segment_values,
            joins=self._joins.changes(self._now) if self._joins else None,
            join_counts=self._joins.counts if self._joins else NOTHING_JOINED,
            waited=self._joins.waited if self._joins else NOTHING_WAITED,
        )

    def committed(self) -> None:
        """Let go of what the last snapshot, and the store, has."""
        if self._joins:
            self._joins.applied()

    def _take(self, read: Batch, sample: Sample) -> None:
        batch = self._admission.admit(self._request_ids.mark(read))
        self._ledger.add(batch, self._now)
        self._unknown.see(batch.series, sample, self._now)
        if self._joins:
            self._add_outcomes(self._joins.predictions(batch, self._now))

    def _answer(self, truths: Batch) -> None:
        if self._joins:
            self._add_outcomes(self._joins.truths(truths, self._now))

    def _add_outcomes(self, pairs: Sequence[Pair]) -> None:
        if pairs:
            batch = self._admission.admit(outcomes(pairs, self._now, len(self._plan.segments)))
            self._ledger.add(batch, self._now, ("outcomes",))
            predicted = np.array([pair.prediction.time for pair in pairs])
            self._ledger.add(replace(batch, time=predicted), self._now, ("answered",))
