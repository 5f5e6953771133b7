"""Requests in memory: fast, but not for millions of predictions, and empty after a restart."""

from collections.abc import Iterator, Sequence

from exporter.joins.request import Request
from exporter.joins.store import StoreDelta, StoreStats


class MemoryStore:
    """Requests by digest, the oldest first: those that wait for ground truth, and those that have it."""

    def __init__(self) -> None:
        self.number = 0
        self.stats = StoreStats()
        self.failure = None
        self._pending: dict[int, Request] = {}
        self._with_truth: dict[int, Request] = {}

    def find(self, digests: Sequence[int]) -> Iterator[Request]:
        for digest in digests:
            if request := self._pending.get(digest) or self._with_truth.get(digest):
                yield request

    def apply(self, delta: StoreDelta) -> None:
        before = self.stats
        predictions, truths = before.predictions, before.truths
        for request in delta.requests:
            if earlier := self._pending.pop(request.digest, None) or self._with_truth.pop(request.digest, None):
                predictions -= earlier.pending
                truths -= earlier.is_unmatched
            (self._pending if request.truth is None else self._with_truth)[request.digest] = request
            predictions += request.pending
            truths += request.is_unmatched
        expired = sum(request.pending for request in _remove_old(self._pending, delta.cutoff))
        orphaned = sum(request.is_unmatched for request in _remove_old(self._with_truth, delta.cutoff))
        evicted = self._evict(predictions - expired - delta.capacity)
        self.number = delta.number
        self.stats = StoreStats(
            predictions - expired - evicted,
            truths - orphaned,
            before.expired + expired,
            before.orphaned + orphaned,
            before.evicted + evicted,
        )

    def close(self) -> None:
        self._pending.clear()
        self._with_truth.clear()

    def _evict(self, excess: int) -> int:
        """Remove the oldest requests with at least `excess` predictions that wait; return how many there were."""
        oldest, evicted = [], 0
        for request in self._pending.values():
            if evicted >= excess:
                break
            oldest.append(request.digest)
            evicted += request.pending
        for digest in oldest:
            del self._pending[digest]
        return evicted


def _remove_old(requests: dict[int, Request], cutoff: float) -> list[Request]:
    """Remove the requests that have waited since before the epoch time `cutoff`, and return them."""
    old = []
    for request in requests.values():
        if request.at >= cutoff:
            break
        old.append(request)
    for request in old:
        del requests[request.digest]
    return old
