"""The join offline: all ground truth first, then the predictions of a time span, each joined once.

Outcomes are tallied by the plan of the sidecar, so that every figure is the same as in the sidecar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from exporter.batch import Batch, Series
from exporter.counting.admission import Admission
from exporter.counting.ledger import Ledger
from exporter.counting.plan import Plan
from exporter.joins import rows
from exporter.joins.join import JoinCounts
from exporter.joins.rows import Pair, Truth, outcomes
from exporter.tallies.snapshot import Snapshot

Revision = Literal["first", "last"]


class OfflineJoin:
    """Tallies by a plan, at epoch time `now`. `revision` says which of several truths of a request counts."""

    def __init__(self, plan: Plan, now: float, revision: Revision) -> None:
        state = Snapshot(time=now)
        self._plan = plan
        self._now = now
        self._revision = revision
        self._admission = Admission(plan, state)
        self._ledger = Ledger(plan, state, lambda: self._admission.known_segments)
        self._truths: dict[int, Truth] = {}
        self._answered: set[tuple[int, Series]] = set()
        self._joined = self._repeated = self._revised = 0

    def add_truths(self, batch: Batch) -> None:
        """Take ground truth, all of it before any prediction."""
        for truth in rows.truths(batch, self._now):
            first = self._truths.setdefault(truth.digest, truth)
            if first is truth:
                continue
            same = first.says(truth)
            self._repeated += same
            self._revised += not same
            if self._revision == "last":
                self._truths[truth.digest] = truth

    def add_predictions(self, batch: Batch, begin: float, end: float) -> None:
        """Take the predictions of a batch made from `begin` until before `end`, epoch seconds."""
        inside = (batch.time >= begin) & (batch.time < end)
        if not inside.any():
            return
        admitted = self._admission.admit(batch.where(inside))
        # They all get the time of the evaluation, so that the only window contains them.
        self._ledger.add(replace(admitted, time=np.full(len(admitted), self._now)), self._now)
        pairs = [*self._pairs(rows.predictions(admitted, self._now))]
        if pairs:
            self._joined += len(pairs)
            batch = self._admission.admit(outcomes(pairs, self._now, len(self._plan.segments)))
            self._ledger.add(batch, self._now, ("outcomes", "answered"))

    def snapshot(self) -> Snapshot:
        """Return the tallies."""
        return Snapshot(
            time=self._now,
            totals=self._ledger.totals,
            windows=self._ledger.panes.held,
            series=self._admission.series,
            names=self._admission.names,
            segment_values=self._admission.segment_values,
            join_counts=JoinCounts(self._joined, self._repeated, self._revised),
        )

    @property
    def unused(self) -> int:
        """How many truths were joined with no prediction."""
        return len(self._truths) - len({digest for digest, _ in self._answered})

    def _pairs(self, predictions: Iterable[rows.Waiting]) -> Iterator[Pair]:
        for row in predictions:
            truth = self._truths.get(row.digest)
            if truth is not None and (row.digest, row.series) not in self._answered:
                self._answered.add((row.digest, row.series))
                yield Pair(row, truth)
