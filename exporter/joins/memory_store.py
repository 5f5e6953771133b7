"""What waits to be joined, in memory: the fastest, and nothing for millions of predictions or for a restart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.joins.join import Changes, Waited
from exporter.joins.rows import Truth, Waiting


class MemoryStore:
    """Dictionaries by digest, in the order of arrival."""

    def __init__(self) -> None:
        self.number = 0
        self.waited = Waited()
        self.failure = None
        self._predictions: dict[int, list[Waiting]] = {}
        self._truths: dict[int, Truth] = {}

    def predictions(self, digests: Sequence[int]) -> Iterator[Waiting]:
        return (row for digest in digests for row in self._predictions.get(digest, ()))

    def truths(self, digests: Sequence[int]) -> Iterator[Truth]:
        return (self._truths[digest] for digest in digests if digest in self._truths)

    def apply(self, changes: Changes) -> None:
        """Make the changes."""
        before = self.waited
        taken = sum(len(self._predictions.pop(digest, ())) for digest in changes.taken)
        for row in changes.predictions:
            self._predictions.setdefault(row.digest, []).append(row)
        truths = before.truths
        for truth in changes.truths:
            known = self._truths.get(truth.digest)
            truths += (not truth.answered) - (known is not None and not known.answered)
            self._truths[truth.digest] = truth
        expired = self._forget_predictions(changes.cutoff)
        orphaned = self._forget_truths(changes.cutoff)
        predictions = before.predictions + len(changes.predictions) - taken - expired
        evicted = self._evict(predictions - changes.most)
        self.number = changes.number
        self.waited = Waited(
            predictions - evicted,
            truths - orphaned,
            before.expired + expired,
            before.orphaned + orphaned,
            before.evicted + evicted,
        )

    def close(self) -> None:
        """Forget all."""
        self._predictions.clear()
        self._truths.clear()

    def _forget_predictions(self, cutoff: float) -> int:
        count, old = 0, []
        for digest, rows in self._predictions.items():
            if rows[0].at >= cutoff:
                break
            old.append(digest)
        for digest in old:
            rows = self._predictions.pop(digest)
            young = [row for row in rows if row.at >= cutoff]
            count += len(rows) - len(young)
            if young:
                self._predictions[digest] = young
        return count

    def _forget_truths(self, cutoff: float) -> int:
        old = []
        for digest, truth in self._truths.items():
            if truth.at >= cutoff:
                break
            old.append(digest)
        return sum(not self._truths.pop(digest).answered for digest in old)

    def _evict(self, number: int) -> int:
        """Put out at least so many of the oldest, and return how many."""
        evicted = 0
        while evicted < number:
            evicted += len(self._predictions.pop(next(iter(self._predictions))))
        return evicted
