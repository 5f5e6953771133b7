"""The engine: bytes in, tallies out. The whole behaviour of the exporter, without a single await.

`feed` gathers whole lines until there is a block of them; `fold` decodes the block, admits its labels, tallies
it once and adds the tally to the totals and to each window's pane. Positions move in the same call, so every
snapshot is consistent by construction. There is no clock in here: the time comes with the bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from exporter.batch import Batch
from exporter.counting.admission import Admission
from exporter.counting.batches import Batches
from exporter.counting.ledger import Ledger
from exporter.counting.plan import Plan
from exporter.decoding.pipeline import Pipeline, RowPipeline
from exporter.decoding.request_ids import RequestIds
from exporter.decoding.unknown_features import FeatureSample, UnknownFeatures
from exporter.joins.join import Joins, Store
from exporter.joins.rows import Pair, outcomes
from exporter.lines.buffer import BadLine, IngestRequest, LineBuffer, PendingLines, Receipt, cut_off, frame_whole
from exporter.lines.framing import Position
from exporter.lines.stream import Stream
from exporter.tallies.snapshot import NOTHING_JOINED, NOTHING_WAITED, Snapshot, SourceCounts

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
        self._lines = LineBuffer(plan.limits.line_bytes, state.positions, plan.framers)
        self._now = state.time
        self._begin(plan)

    def adopt(self, plan: Plan) -> None:
        """Go on by another plan. What it does not change goes on; a statistic or window that it does begins at zero."""
        self.fold()
        for source, pipeline in plan.pipelines.items():
            if source in self._plan.pipelines:
                pipeline.resume(self._plan.pipelines[source])
        before, after = self._plan.identities, plan.identities
        kept = {name for name, identity in after.items() if before.get(name) == identity}
        self._admission.adopt(plan, kept)
        self._ledger.adopt(plan, kept)
        self._request_ids = RequestIds(plan.limits.request_ids, self._request_ids.digests)
        self._lines.adopt(plan.limits.line_bytes, plan.framers)
        if self._joins:
            self._joins.adopt(plan.wait_seconds, plan.limits.waiting)
        self._begin(plan)

    def release(self, source: str) -> None:
        """Keep the positions of a source's streams, which are not read any further, and give up lines that wait."""
        self.fold()
        self._expire(source, math.inf)
        self._lines.release(source)

    def _begin(self, plan: Plan) -> None:
        self._plan = plan
        self._sources = {name: self._sources.get(name) or SourceCounts() for name in plan.pipelines}
        self._unknown.forget(plan.features)
        self._ledger.begin(map(self._admission.admit_series, plan.known_series))

    @property
    def held_bytes(self) -> int:
        """How many bytes of all open streams wait for the rest of their lines."""
        return self._lines.held_bytes

    @property
    def is_full(self) -> bool:
        """Whether so much is joined, or waits to be, since the last commit that there should be one."""
        return self._joins is not None and self._joins.pending > MOST_PENDING

    def remembered(self, source: str) -> dict[Stream, Position]:
        """Return the streams of a source that were being read when the restored state was saved."""
        return self._lines.remembered(source)

    def position(self, stream: Stream) -> Position:
        """Return where an open stream would be gone on with."""
        return self._lines.position(stream)

    def open(self, stream: Stream, position: Position | None = None, context: bytes = b"") -> None:
        """Begin a stream, or go on with a remembered one; `context` are the bytes before its offset."""
        self._lines.open(stream, position, context)

    def close(self, stream: Stream) -> None:
        """Forget a stream that has ended; a last line without its newline counts as a line."""
        self._sources[stream.source].bytes += self._lines.close(stream)
        self.fold()

    def feed(self, stream: Stream, data: bytes, now: float) -> bool:
        """Take bytes of an open stream that arrived at epoch time `now`; return whether it cannot be read on."""
        self._now = now
        self._sources[stream.source].bytes += self._lines.feed(stream, data)
        if self._lines.pending_bytes >= max(BLOCK_BYTES, FEATURE_BYTES * len(self._plan.features)):
            self.fold()
        return self._lines.is_broken(stream)

    def ingest(self, source: str, request: IngestRequest, now: float) -> Receipt:
        """Fold lines that arrived together, unless a request with their key was counted before."""
        self._now = now
        if request.key is not None and not self._batches.admit(source, request.key):
            return Receipt(is_repeated=True)
        self._sources[source].bytes += len(request.lines)
        pipeline = self._plan.arrow[source]() if request.is_arrow else self._plan.pipelines[source]
        # Rows may be far smaller than their line, and the size of a request is limited already.
        limit = len(request.lines) if isinstance(pipeline, RowPipeline) else self._plan.limits.line_bytes
        pending = frame_whole(Stream(source, "request"), limit, request.lines, pipeline.framer)
        return self._fold(source, pending, pipeline)

    def _expire(self, source: str, now: float) -> None:
        pipeline = self._plan.pipelines[source]
        if count := pipeline.expire(now):
            self._fold(source, PendingLines(rejected=[cut_off(Stream(source, "lost"), 0, count)]), pipeline)

    def fold(self) -> None:
        """Add all that was fed to the tallies."""
        for source, pending in self._lines.take().items():
            self._fold(source, pending, self._plan.pipelines[source])

    def _fold(self, source: str, pending: PendingLines, pipeline: Pipeline) -> Receipt:
        counts = self._sources[source]
        counts.lines += sum(bad.count for bad in pending.rejected)
        rejected = list(pending.rejected)
        records = waiting = repeated = 0
        is_new = partial(self._batches.admit, source)
        for result in pipeline.read(pending, self._now, is_new) if pending.chunks else ():
            counts.lines += result.lines
            rejected += result.rejected
            waiting += result.waiting
            repeated += result.repeated
            if result.batch is not None:
                records += len(result.batch)
                counts.records += len(result.batch)
                counts.last_timestamp = max(counts.last_timestamp, float(result.batch.time.max()))
                if source in self._plan.truths:
                    self._answer(result.batch)
                else:
                    self._take(result.batch, result.sample)
        for bad in rejected:
            counts.rejected[bad.reason] = counts.rejected.get(bad.reason, 0) + bad.count
            self._report(bad)
        is_empty = not records and not rejected
        return Receipt(
            records, tuple(rejected), is_repeated=is_empty and repeated > 0, is_waiting=is_empty and waiting > 0
        )

    def snapshot(self, now: float) -> Snapshot:
        """Fold what is pending and return all there is; later folds do not change it."""
        self._now = now
        self.fold()
        for source in self._plan.pipelines:
            self._expire(source, now)
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
            positions=self._lines.positions,
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

    def _take(self, read: Batch, sample: FeatureSample) -> None:
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
