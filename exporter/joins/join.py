"""The join: a prediction and its ground truth find each other by request id, whichever comes first.

What waits for its other half is kept by a `Store`, of which there is one in a file and one in memory. What has changed
since the last commit is kept here, so that tallies, positions and what waits become durable together: the changes are
part of the snapshot, and are applied to the store once it is saved. After a crash in between they are applied again.

The first truth of a request counts, since a counter cannot take back. Later ones are told apart into repeated and
revised. A truth is remembered for as long as it could wait, and answers every model and version once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from exporter.batch import Batch, Series
from exporter.joins import rows
from exporter.joins.rows import Pair, Truth, Waiting


class Changes(msgspec.Struct, frozen=True):
    """What is to be applied to a store: `taken` are digests of predictions that wait no more.

    `number` counts up. `cutoff` is the epoch time of arrival before which nothing waits any more.
    """

    number: int = 0
    cutoff: float = 0.0
    most: int = 0
    predictions: tuple[Waiting, ...] = ()
    truths: tuple[Truth, ...] = ()
    taken: tuple[int, ...] = ()


class Waited(msgspec.Struct, frozen=True):
    """What a store holds, and how much of it has waited in vain, was put out for want of room, or answered nothing."""

    predictions: int = 0
    truths: int = 0
    expired: int = 0
    orphaned: int = 0
    evicted: int = 0


class JoinCounts(msgspec.Struct, frozen=True):
    """How often predictions and truths met since the state began."""

    joined: int = 0
    repeated: int = 0
    revised: int = 0


class Store(Protocol):
    """Keeps what waits. Lookups may find what has expired."""

    @property
    def number(self) -> int:
        """Of the last changes that were applied."""
        ...

    @property
    def waited(self) -> Waited: ...

    @property
    def failure(self) -> str | None:
        """Why there is no going on with it, if there is not."""
        ...

    def predictions(self, digests: Sequence[int]) -> Iterable[Waiting]:
        """Return all that wait under any of the digests."""
        ...

    def truths(self, digests: Sequence[int]) -> Iterable[Truth]: ...

    def apply(self, changes: Changes) -> None:
        """Make the changes, all or none; those that were made before change nothing."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass
class _Layer:
    predictions: dict[int, list[Waiting]] = field(default_factory=dict)
    truths: dict[int, Truth] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)

    def over(self, older: _Layer) -> _Layer:
        """Return both as one."""
        predictions = {digest: some for digest, some in older.predictions.items() if digest not in self.taken}
        for digest, some in self.predictions.items():
            predictions[digest] = [*predictions.get(digest, ()), *some]
        return _Layer(predictions, older.truths | self.truths, older.taken | self.taken)


class Joins:
    """Joins what arrives within `wait_seconds` of its other half; at most about `most` predictions wait."""

    def __init__(self, store: Store, wait_seconds: float, most: int, counts: JoinCounts) -> None:
        self._store = store
        self._new = _Layer()
        # Part of a snapshot that is being saved.
        self._saving = _Layer()
        self._number = store.number
        self.counts = counts
        self.adopt(wait_seconds, most)

    def adopt(self, wait_seconds: float, most: int) -> None:
        """Go on within other bounds."""
        self._wait_seconds = wait_seconds
        self._most = most

    @property
    def waited(self) -> Waited:
        """As of the last commit."""
        return self._store.waited

    def predictions(self, batch: Batch, now: float) -> list[Pair]:
        """Take the predictions of a batch that carry a request id; return those whose truth has come before."""
        arrived = rows.predictions(batch, now)
        truths = self._truths([row.digest for row in arrived], now)
        pairs = []
        for row in arrived:
            truth = truths.get(row.digest)
            if truth is None:
                # One that is there already is told apart when it is joined: it may have expired by then.
                self._new.predictions.setdefault(row.digest, []).append(row)
            elif row.series not in truth.answered:
                pairs.append(Pair(row, truth))
                answered = msgspec.structs.replace(truth, answered=(*truth.answered, row.series))
                truths[row.digest] = self._new.truths[row.digest] = answered
        self._count(joined=len(pairs))
        return pairs

    def truths(self, batch: Batch, now: float) -> list[Pair]:
        """Take the truths of a batch; return those whose prediction has come before, once for each series."""
        arrived = rows.truths(batch, now)
        known = self._truths([truth.digest for truth in arrived], now)
        waiting = self._waiting([truth.digest for truth in arrived if truth.digest not in known], now)
        pairs = []
        for truth in arrived:
            first = known.get(truth.digest)
            if first is not None:
                same = first.says(truth)
                self._count(repeated=same, revised=not same)
                continue
            its = waiting.get(truth.digest, {})
            pairs += [Pair(row, truth) for row in its.values()]
            self._new.predictions.pop(truth.digest, None)
            if its:
                self._new.taken.add(truth.digest)
            known[truth.digest] = self._new.truths[truth.digest] = msgspec.structs.replace(truth, answered=tuple(its))
        self._count(joined=len(pairs))
        return pairs

    @property
    def pending(self) -> int:
        """How many requests there are changes of that the store does not have."""
        return sum(len(layer.predictions) + len(layer.truths) for layer in (self._new, self._saving))

    def changes(self, now: float) -> Changes:
        """Return what is to be applied to the store when the snapshot of this moment is saved."""
        self._saving, self._new = self._new.over(self._saving), _Layer()
        self._number += 1
        return Changes(
            self._number,
            now - self._wait_seconds,
            self._most,
            tuple(row for some in self._saving.predictions.values() for row in some),
            tuple(self._saving.truths.values()),
            tuple(self._saving.taken),
        )

    def applied(self) -> None:
        """Let go of the changes of the last snapshot, which the store has."""
        self._saving = _Layer()

    def _count(self, joined: int = 0, repeated: int = 0, revised: int = 0) -> None:
        before = self.counts
        self.counts = JoinCounts(before.joined + joined, before.repeated + repeated, before.revised + revised)

    def _truths(self, digests: Sequence[int], now: float) -> dict[int, Truth]:
        found: dict[int, Truth] = {}
        elsewhere = []
        for digest in digests:
            truth = self._new.truths.get(digest) or self._saving.truths.get(digest)
            if truth is None:
                elsewhere.append(digest)
            else:
                found[digest] = truth
        if elsewhere:
            found.update((truth.digest, truth) for truth in self._store.truths(elsewhere))
        cutoff = now - self._wait_seconds
        return {digest: truth for digest, truth in found.items() if truth.at >= cutoff}

    def _waiting(self, digests: Sequence[int], now: float) -> dict[int, dict[Series, Waiting]]:
        """Return what waits under each digest, of each series the first."""
        found: dict[int, dict[Series, Waiting]] = {}
        cutoff = now - self._wait_seconds
        untaken = [digest for digest in digests if digest not in self._new.taken]
        older = [digest for digest in untaken if digest not in self._saving.taken]
        waiting = [*self._store.predictions(older)] if older else []
        for layer in (self._saving, self._new):
            for digest in untaken:
                waiting += layer.predictions.get(digest, ())
        for row in waiting:
            if row.at >= cutoff:
                found.setdefault(row.digest, {}).setdefault(row.series, row)
        return found
