"""The engine: bytes in, tallies out, without asyncio and without a clock.

`feed` collects whole lines until there is a block of them. `fold` decodes the block, limits its labels, and passes the
records to the consumers, one of which adds them to the tallies. Positions move in the same call, so every snapshot is
consistent.
"""

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from exporter.batch import Batch, Series
from exporter.decoding.decode import DecodeResult
from exporter.decoding.pipeline import Pipeline
from exporter.decoding.unknown_features import FeatureSample, UnknownFeatures
from exporter.engine.label_limiter import LabelLimiter
from exporter.engine.plan import ModelPlan, Plan
from exporter.engine.seen_keys import SeenKeys, mark_repeated
from exporter.engine.tally_store import TallyStore
from exporter.formats.arrow.messages import has_more_messages
from exporter.joins.conversion import outcomes
from exporter.joins.join import NAME as JOINS
from exporter.joins.join import JoinCounts, Joins
from exporter.joins.request import JoinedPair
from exporter.joins.store import Store, StoreDelta, StoreStats
from exporter.lines.buffer import (
    BadLine,
    Chunk,
    IngestRequest,
    LineBuffer,
    PendingLines,
    Receipt,
    TooLargeError,
    framed,
    merged,
    pieces,
)
from exporter.lines.framing import Lines, Position
from exporter.lines.rejects import Reason
from exporter.lines.stream import Stream
from exporter.lines.waiting_line import WaitingLine
from exporter.model_key import ModelKey, ModelKeys
from exporter.state.outlet import Outlet
from exporter.state.snapshot import Snapshot, SourceCounts

# A fold of a few lines costs nearly as much as one of hundreds.
BLOCK_BYTES = 832 * 1024
# A fold has a fixed cost per feature, of about a hundred records.
FEATURE_BYTES = 100 * 20
# More models in a log than this do not make blocks larger.
MOST_MIXED = 4
# Keys of batches that clients may send again.
MAX_BATCHES = 10_000
# Of a request, including its rejected lines, and the lines of a container's runtime.
MAX_REQUEST_RECORDS = 200_000
# Each Arrow message takes about as long as a hundred records.
MAX_REQUEST_MESSAGES = 5000


class Engine:
    """Folds the bytes of any number of streams into tallies, by a plan, starting from a restored snapshot.

    `report` is called with rejected lines. `store` keeps the requests of a plan with ground truth. `outlets` are
    further consumers, by name. Methods that read bytes raise StoreError if the store cannot be used.
    """

    def __init__(
        self,
        plan: Plan,
        restored: Snapshot | None = None,
        report: Callable[[BadLine], None] = lambda _: None,
        store: Store | None = None,
        outlets: Mapping[str, Outlet] | None = None,
    ) -> None:
        state = restored or Snapshot(time=0.0)
        state = msgspec.structs.replace(
            state, waiting={name: tuple(map(_anew, lines)) for name, lines in state.waiting.items()}
        )
        self._report = report
        self._store = store
        self._outlets = dict(outlets or {})
        self._saved_at = state.time
        self._lines = LineBuffer(plan.limits.line_bytes, state.positions, plan.framers)
        self._start(plan, state)

    def adopt(self, plan: Plan) -> None:
        """Continue with another plan, as a restart would, but with open streams."""
        state = self.snapshot(self._now)
        for source, pipeline in plan.pipelines.items():
            if source in self._plan.pipelines:
                pipeline.resume(self._plan.pipelines[source])
        self._lines.adopt(plan.limits.line_bytes, plan.framers)
        self._start(plan, state)

    def _start(self, plan: Plan, state: Snapshot) -> None:
        """Start from a state, without the tallies that have another meaning in the plan."""
        state = state.kept(plan.identities)
        self._plan = plan
        self._keys = ModelKeys(plan.models, state.first_model)
        self._fold_bytes = max(BLOCK_BYTES, *(FEATURE_BYTES * len(model.features) for model in plan.models.values()))
        self._identities = state.identities
        self._now = state.time
        self._labels = LabelLimiter(plan, state, self._plan_of)
        known_series, known_segments = self._labels.known_series, self._labels.known_segments
        self._tallies = TallyStore(plan, state, self._plan_of, known_series, known_segments)
        self._sources = {name: state.sources.get(name, SourceCounts()).copy() for name in plan.pipelines}
        self._seen_batches = SeenKeys(MAX_BATCHES, state.seen_batches)
        self._seen_requests = SeenKeys(plan.limits.request_ids, state.seen_requests)
        self._unknown = UnknownFeatures(state.unknown)
        self._unknown.forget(lambda series: self._plan_of(series).features)
        self._joins: Joins | None = None
        if self._store:
            self._joins = self._outlets[JOINS] = Joins(
                self._store,
                plan.wait_seconds,
                plan.limits.waiting,
                self._add_outcomes,
                state.join_counts or JoinCounts(),
                state.deltas.get(JOINS, StoreDelta()),
                revise=self._revise_outcomes,
                settled_seconds=plan.settled_seconds,
                view_seconds=plan.view_seconds,
            )
        for source, pipeline in plan.pipelines.items():
            self._give_up(source, pipeline.restore(state.waiting.get(source, ())))

    def release(self, source: str) -> None:
        """Forget a source: keep what the state has of it, and reject its other waiting lines."""
        self.fold()
        self._give_up(source, self._plan.pipelines[source].release())
        self._lines.release(source)

    @property
    def held_bytes(self) -> int:
        """The size of all unfinished lines, in bytes."""
        return self._lines.held_bytes

    @property
    def is_full(self) -> bool:
        """Whether a commit is due before more is read."""
        return any(outlet.is_full for outlet in self._outlets.values())

    @property
    def saved_at(self) -> float:
        """When the restored state was saved, in epoch seconds; 0 if there was none."""
        return self._saved_at

    def remembered(self, source: str) -> dict[Stream, Position]:
        """Return the streams of a source that were open when the restored state was saved."""
        return self._lines.remembered(source)

    def orphans(self) -> dict[Stream, Position]:
        """Return the streams of sources that are not configured any more."""
        return self._lines.orphans(self._plan.pipelines)

    def forget(self, stream: Stream) -> None:
        """Forget a stream that is not open."""
        self._lines.forget(stream)

    @property
    def positions(self) -> dict[Stream, Position]:
        """The position from which each lasting stream would resume, open or not."""
        return self._lines.positions

    def move(self, stream: Stream, new: Stream) -> None:
        """Continue a stream under another identity."""
        self._lines.move(stream, new)

    def position(self, stream: Stream) -> Position:
        """Return the position from which an open stream would be resumed."""
        return self._lines.position(stream)

    def open(self, stream: Stream, position: Position | None = None, context: bytes = b"") -> None:
        """Start a stream, or resume a remembered one; `context` are the bytes before its offset."""
        self._lines.open(stream, position, context)

    def close(self, stream: Stream) -> None:
        """Forget a stream that has ended; a last line without its newline counts as a line."""
        self._sources[stream.source].bytes += self._lines.close(stream)
        self.fold()

    def lose(self, stream: Stream) -> None:
        """Forget a stream whose rest is lost, and count that."""
        self._sources[stream.source].gaps += 1
        self.close(stream)

    def feed(self, stream: Stream, data: bytes, now: float) -> bool:
        """Take bytes of an open stream that arrived at epoch time `now`; return whether it cannot be read on."""
        self._now = now
        for piece in pieces(data):
            self._sources[stream.source].bytes += self._lines.feed(stream, piece)
            if self._lines.pending_bytes >= self._block_bytes:
                self.fold()
        return self._lines.is_broken(stream)

    def ingest(self, source: str, request: IngestRequest, now: float) -> Generator[None, None, Receipt]:
        """Fold lines that arrived together in short steps, unless a request with their key was counted before.

        No snapshot may be taken between the steps: it would contain a part of the request. Raises TooLargeError, and
        then nothing is counted.
        """
        pipeline = self._plan.arrow[source]() if request.is_arrow else self._plan.pipelines[source]
        # Rows may be far smaller than their line, and the size of a request is limited already.
        limit = len(request.lines) if pipeline.rows else self._plan.limits.line_bytes
        stream = Stream(source, "request")
        if request.is_arrow and has_more_messages(request.lines, MAX_REQUEST_MESSAGES):
            raise TooLargeError(f"expected at most {MAX_REQUEST_MESSAGES} messages; send more rows in each")
        is_of_lines = isinstance(pipeline.framer, type) and issubclass(pipeline.framer, Lines)
        if is_of_lines and Chunk(stream, 0, request.lines).lines > MAX_REQUEST_RECORDS:
            raise TooLargeError(f"expected at most {MAX_REQUEST_RECORDS} lines")
        records = 0
        for pending in framed(stream, limit, request.lines, pipeline.framer, 0):
            records += pending.count
            if records > MAX_REQUEST_RECORDS:
                raise TooLargeError(f"expected at most {MAX_REQUEST_RECORDS} records")
            yield
        if request.key is not None and not self._is_new(source, request.key):
            return Receipt(repeated=1)
        self._now = now
        self._sources[source].bytes += len(request.lines)
        receipt = Receipt()
        for pending in framed(stream, limit, request.lines, pipeline.framer, self._block_bytes):
            for part in self._fold(source, pending, pipeline):
                receipt = receipt.plus(part)
                yield
        return receipt

    def fold(self) -> None:
        """Decode everything that was fed, and pass it to the consumers."""
        for source, pending in self._lines.take().items():
            for _ in self._fold(source, pending, self._plan.pipelines[source]):
                pass

    @property
    def _block_bytes(self) -> int:
        """How many bytes are folded at a time."""
        # Each model of a mixed log has a fold of its own.
        models = max((pipeline.decoders.models for pipeline in self._plan.pipelines.values()), default=1)
        return self._fold_bytes * min(models, MOST_MIXED)

    def snapshot(self, now: float) -> Snapshot:
        """Fold what is pending and return the whole state, which later folds do not change."""
        self._now = now
        self.fold()
        for source in self._plan.pipelines:
            self._expire(source, now)
        self._tallies.panes.settle(now)
        self._forget_idle(now)
        return Snapshot(
            time=now,
            totals=self._tallies.totals,
            windows=self._tallies.panes.panes,
            history=self._tallies.panes.history,
            identities=self._identities,
            first_model=self._keys.first,
            series=self._labels.series,
            labels=self._labels.labels,
            capped=dict(self._labels.capped),
            sources={name: counts.copy() for name, counts in self._sources.items()},
            positions=self._lines.positions,
            waiting={name: lines for name, pipeline in self._plan.pipelines.items() if (lines := pipeline.waiting)},
            seen_batches=self._seen_batches.digests,
            seen_requests=self._seen_requests.digests,
            unknown=self._unknown.at(now),
            join_counts=self._joins.counts if self._joins else None,
            store_stats=self._joins.stats if self._joins else StoreStats(),
            deltas={name: outlet.delta(now) for name, outlet in self._outlets.items()},
        )

    def committed(self, snapshot: Snapshot) -> Snapshot:
        """Forget the deltas of a durable snapshot; return it with the present statistics of the store."""
        for name, outlet in self._outlets.items():
            outlet.committed(snapshot.deltas[name])
        return msgspec.structs.replace(snapshot, store_stats=self._joins.stats) if self._joins else snapshot

    def _is_new(self, source: str, key: str) -> bool:
        """Remember a key; return whether it is new."""
        # A header may contain bytes that are not text.
        return self._seen_batches.add(f"{source}\n{key}".encode(errors="surrogateescape"))

    def _expire(self, source: str, now: float) -> None:
        self._give_up(source, self._plan.pipelines[source].expire(now))

    def _give_up(self, source: str, count: int) -> None:
        """Reject lines that waited for others."""
        if count:
            alone = BadLine(
                Stream(source, "lost"), 0, Reason.INCOMPLETE, "the other line of its pair is missing", count
            )
            self._count(source, DecodeResult(None, (alone,), count))

    def _fold(self, source: str, pending: PendingLines, pipeline: Pipeline) -> Iterator[Receipt]:
        """Fold lines a part at a time, and yield the result of each part."""
        rejected = merged(pending.rejected)
        yield self._count(source, DecodeResult(None, rejected, sum(bad.count for bad in rejected)))
        if pending.chunks:
            for result in pipeline.read(pending, self._now, partial(self._is_new, source), self._keys.of):
                yield self._count(source, result)

    def _count(self, source: str, result: DecodeResult) -> Receipt:
        """Count lines, and pass the records among them to the consumers."""
        counts, batch = self._sources[source], result.batch
        counts.lines += result.lines
        counts.skipped += result.skipped
        for name, count in result.unusable.items():
            counts.unusable[name] = counts.unusable.get(name, 0) + count
        if batch is not None:
            counts.records += len(batch)
            counts.last_timestamp = max(counts.last_timestamp, float(batch.time.max()))
            if source not in self._plan.truths:
                self._accept(batch, result.sample)
            elif self._joins:
                self._joins.accept_truths(batch, self._now)
        rejected = merged(result.rejected)
        for bad in rejected:
            counts.rejected[bad.reason] = counts.rejected.get(bad.reason, 0) + bad.count
            self._report(bad)
        return Receipt(0 if batch is None else len(batch), rejected, result.repeated, result.waiting)

    def _accept(self, read: Batch, sample: FeatureSample) -> None:
        limited = self._labels.limit_series(mark_repeated(read, self._seen_requests), self._now)
        self._unknown.see(limited.series, sample, self._now)
        for batch in self._labels.limit(limited):
            for consumer in (self._tallies, *self._outlets.values()):
                consumer.accept(batch, self._now)

    def _add_outcomes(self, pairs: Sequence[JoinedPair]) -> None:
        for batch in self._outcomes(pairs):
            self._tallies.accept(batch, self._now, ("outcomes",))

    def _revise_outcomes(self, before: Sequence[JoinedPair], after: Sequence[JoinedPair]) -> None:
        for was, now in zip(self._outcomes(before), self._outcomes(after), strict=True):
            self._tallies.revise(was, now, self._now)

    def _outcomes(self, pairs: Sequence[JoinedPair]) -> Iterator[Batch]:
        """Yield pairs as batches, each of one plan, with admitted labels only."""
        by_key: dict[ModelKey, list[JoinedPair]] = {}
        for pair in pairs:
            by_key.setdefault(self._keys.of(pair.prediction.series), []).append(pair)
        for key, of_key in by_key.items():
            joined = outcomes(of_key, len(self._plan.models[key].segments))
            yield from self._labels.limit(self._labels.limit_series(joined, self._now))

    def _plan_of(self, series: Series) -> ModelPlan:
        return self._plan.models[self._keys.of(series)]

    def _forget_idle(self, now: float) -> None:
        """Forget the series that have had no record for long, so that others get their places."""
        oldest = now - self._plan.limits.idle_seconds
        gone = {series for series, seen in self._labels.series.items() if seen < oldest} - {*self._labels.known_series}
        if gone:
            self._labels.forget(gone)
            self._tallies.forget(gone)
            self._unknown.forget_series(gone)


def _anew(line: WaitingLine) -> WaitingLine:
    return msgspec.structs.replace(line, since=math.inf)
