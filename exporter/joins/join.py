"""The join of predictions with their ground truth by request id, whichever arrives first.

A `Store` keeps the requests. Those that have changed since the last commit are kept here, so that tallies, positions
and requests become durable together: the changes are part of the snapshot, and are applied to the store once it is
saved. After a crash in between they are applied again.

The first ground truth of a request counts, because a counter cannot be taken back. Later ones are counted as repeated
or revised; in windows, a revised one takes the place of the one before, unless the prediction is settled. Of several
predictions by one model and version, the first counts.
"""

import math
from collections.abc import Callable, Sequence

import msgspec

from exporter.batch import Batch, Series
from exporter.joins import conversion
from exporter.joins.request import JoinedPair, PendingPrediction, Request
from exporter.joins.store import Store, StoreDelta, StoreStats

# Among the outlets of an engine.
NAME = "joins"
# Requests, some 10 MiB.
MAX_UNCOMMITTED = 10_000


class JoinCounts(msgspec.Struct, frozen=True):
    """How often predictions and ground truth met since the state began.

    The predictions of `late` pairs are older than the outcomes that windows contain.
    """

    joined: int = 0
    repeated: int = 0
    revised: int = 0
    late: int = 0


class Joins:
    """Joins predictions with ground truth that arrives within `wait_seconds`, and hands the pairs to `emit`.

    Until a prediction is `settled_seconds` old, pairs with the ground truth before and after a revision are handed to
    `revise`. Pairs are late from `view_seconds` on. About `capacity` predictions wait at most. `delta` has the changes
    of a snapshot that the join continues from.
    """

    def __init__(
        self,
        store: Store,
        wait_seconds: float,
        capacity: int,
        emit: Callable[[Sequence[JoinedPair]], None],
        counts: JoinCounts = JoinCounts(),  # noqa: B008  # it is frozen
        delta: StoreDelta = StoreDelta(),  # noqa: B008
        *,
        revise: Callable[[Sequence[JoinedPair], Sequence[JoinedPair]], None] | None = None,
        settled_seconds: float = 0.0,
        view_seconds: float = math.inf,
    ) -> None:
        self._store = store
        self._wait_seconds = wait_seconds
        self._capacity = capacity
        self._emit = emit
        self._revise = revise
        self._settled_seconds = settled_seconds
        self._view_seconds = view_seconds
        self.counts = counts
        self._number = max(store.number, delta.number)
        is_applied = delta.number <= store.number
        self._uncommitted = {} if is_applied else {request.digest: request for request in delta.requests}

    @property
    def stats(self) -> StoreStats:
        """The store's, as of the last commit."""
        return self._store.stats

    @property
    def is_full(self) -> bool:
        """Whether so many requests have changed since the last commit that there should be one."""
        return len(self._uncommitted) > MAX_UNCOMMITTED

    def accept(self, batch: Batch, now: float) -> None:
        """Take the predictions of a batch that have a request id; those whose ground truth has arrived are joined."""
        arrived = conversion.predictions(batch, now)
        cutoff = now - self._wait_seconds
        requests = self._find([digest for digest, _ in arrived], cutoff)
        pairs = []
        for digest, prediction in arrived:
            request = requests.get(digest)
            if request is None:
                request = Request(digest, now, (prediction,))
            elif request.truth is None:
                if any(other.series == prediction.series and other.at >= cutoff for other in request.predictions):
                    continue
                request = Request(digest, now, (*request.predictions, prediction))
            else:
                if any(other.series == prediction.series for other in request.predictions):
                    continue
                pairs.append(JoinedPair(prediction, request.truth))
                request = Request(digest, request.at, (*request.predictions, prediction), request.truth)
            requests[digest] = self._uncommitted[digest] = request
        self._count(pairs, now)

    def accept_truths(self, batch: Batch, now: float) -> None:
        """Take the ground truth of a batch; the predictions that wait for it are joined."""
        arrived = conversion.truths(batch)
        cutoff = now - self._wait_seconds
        requests = self._find([digest for digest, _ in arrived], cutoff)
        pairs = []
        before: list[JoinedPair] = []
        after: list[JoinedPair] = []
        repeated = revised = 0
        for digest, truth in arrived:
            request = requests.get(digest)
            if request and request.truth:
                is_same = request.truth.same_value(truth)
                repeated += is_same
                revised += not is_same
                unsettled = [each for each in request.predictions if each.time > now - self._settled_seconds]
                if unsettled and not is_same:
                    before += [JoinedPair(prediction, request.truth) for prediction in unsettled]
                    after += [JoinedPair(prediction, truth) for prediction in unsettled]
                    requests[digest] = self._uncommitted[digest] = msgspec.structs.replace(request, truth=truth)
                continue
            joined: dict[Series, PendingPrediction] = {}
            for prediction in request.predictions if request else ():
                if prediction.at >= cutoff:
                    joined.setdefault(prediction.series, prediction)
            pairs += [JoinedPair(prediction, truth) for prediction in joined.values()]
            requests[digest] = self._uncommitted[digest] = Request(digest, now, tuple(joined.values()), truth)
        self._count(pairs, now, repeated, revised)
        if before and self._revise:
            self._revise(before, after)

    def delta(self, now: float) -> StoreDelta:
        """Return what the store has to apply once the snapshot of this moment is saved."""
        self._number += 1
        return StoreDelta(self._number, now - self._wait_seconds, self._capacity, tuple(self._uncommitted.values()))

    def committed(self, delta: StoreDelta) -> None:
        """Forget the changes that the store has applied."""
        for request in delta.requests:
            if self._uncommitted.get(request.digest) is request:
                del self._uncommitted[request.digest]

    def _find(self, digests: Sequence[int], cutoff: float) -> dict[int, Request]:
        """Return the requests that are known and have not expired, by digest."""
        found, elsewhere = {}, []
        for digest in digests:
            request = self._uncommitted.get(digest)
            if request is None:
                elsewhere.append(digest)
            else:
                found[digest] = request
        if elsewhere:
            found.update((request.digest, request) for request in self._store.find(elsewhere))
        return {digest: request for digest, request in found.items() if request.at >= cutoff}

    def _count(self, pairs: Sequence[JoinedPair], now: float, repeated: int = 0, revised: int = 0) -> None:
        before = self.counts
        late = sum(pair.prediction.time < now - self._view_seconds for pair in pairs)
        self.counts = JoinCounts(
            before.joined + len(pairs), before.repeated + repeated, before.revised + revised, before.late + late
        )
        if pairs:
            self._emit(pairs)
