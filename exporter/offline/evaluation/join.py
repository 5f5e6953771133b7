"""The offline join: all ground truth is read first, then the predictions of a time span, each joined once.

Outcomes are tallied by the sidecar's plan, so that every figure is the same as in the sidecar.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from exporter.batch import Batch, Series
from exporter.engine.label_limiter import LabelLimiter
from exporter.engine.plan import ModelPlan, Plan
from exporter.engine.tally_store import TallyStore
from exporter.joins import conversion
from exporter.joins.request import GroundTruthLabel, JoinedPair, PendingPrediction
from exporter.model_key import ModelKey, ModelKeys
from exporter.state.snapshot import Snapshot

Revision = Literal["first", "last"]


class OfflineJoin:
    """Tallies by a plan, at epoch time `now`; `revision` says which of several ground-truth labels of a request counts.

    `repeated` and `revised` count the further labels of a request, with the same value and with another.
    """

    def __init__(self, plan: Plan, now: float, revision: Revision) -> None:
        state = Snapshot(time=now)
        self._plan = plan
        self._now = now
        self._revision = revision
        self._keys = ModelKeys(plan.models)
        self._labels = LabelLimiter(plan, state, self._plan_of)
        self._tallies = TallyStore(plan, state, self._plan_of, (), self._labels.known_segments)
        self._truths: dict[int, GroundTruthLabel] = {}
        self._joined_series: set[tuple[int, Series]] = set()
        self.repeated = 0
        self.revised = 0

    def add_truths(self, batch: Batch) -> None:
        """Take ground truth; all of it before any prediction."""
        for digest, truth in conversion.truths(batch):
            first = self._truths.setdefault(digest, truth)
            if first is truth:
                continue
            is_same = first.same_value(truth)
            self.repeated += is_same
            self.revised += not is_same
            if self._revision == "last":
                self._truths[digest] = truth

    def add_predictions(self, batch: Batch, begin: float, end: float) -> None:
        """Take the predictions of a batch made from `begin` until before `end`, epoch seconds."""
        inside = (batch.time >= begin) & (batch.time < end)
        if not inside.any():
            return
        for admitted in self._labels.limit(self._labels.limit_series(batch.where(inside), self._now)):
            self._tallies.accept(self._now_only(admitted), self._now)
            pairs = [*self._pairs(conversion.predictions(admitted, self._now))]
            if pairs:
                plan = self._plan_of(pairs[0].prediction.series)
                joined = conversion.outcomes(pairs, len(plan.segments))
                for outcomes in self._labels.limit(self._labels.limit_series(joined, self._now)):
                    self._tallies.accept(self._now_only(outcomes), self._now, ("outcomes",))

    def _now_only(self, batch: Batch) -> Batch:
        """Return a batch whose records are all of the same time, so that the window contains them."""
        return replace(batch, time=np.full(len(batch), self._now))

    def snapshot(self) -> Snapshot:
        """Return the tallies."""
        return Snapshot(
            time=self._now,
            totals=self._tallies.totals,
            windows=self._tallies.panes.panes,
            first_model=self._keys.first,
            series=self._labels.series,
            labels=self._labels.labels,
        )

    def key_of(self, series: Series) -> ModelKey:
        """Return the key of the settings that are for a series."""
        return self._keys.of(series)

    def _plan_of(self, series: Series) -> ModelPlan:
        return self._plan.models[self._keys.of(series)]

    @property
    def unused(self) -> int:
        """The number of ground-truth labels that have not been joined with any prediction."""
        return len(self._truths) - len({digest for digest, _ in self._joined_series})

    def _pairs(self, predictions: Iterable[tuple[int, PendingPrediction]]) -> Iterator[JoinedPair]:
        for digest, prediction in predictions:
            truth = self._truths.get(digest)
            if truth is not None and (digest, prediction.series) not in self._joined_series:
                self._joined_series.add((digest, prediction.series))
                yield JoinedPair(prediction, truth)
