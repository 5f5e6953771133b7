"""The tallies of a whole data set by time, for data of any age and length, in any order."""

import math
from dataclasses import replace

import numpy as np

from exporter.batch import LOGGED, Batch, Reads, Series
from exporter.engine.label_limiter import LabelLimiter
from exporter.engine.plan import ModelPlan, Plan
from exporter.engine.tally_store import TallyStore
from exporter.model_key import ModelKey, ModelKeys
from exporter.state.snapshot import Snapshot
from exporter.tallies.tally import AnyTallies, accumulate
from exporter.tallies.windows import PANES, Window

LABEL = "all"
# The width of a pane at first; as a power of two, it can be doubled any number of times without a rounding error.
LEAST_SECONDS = 2.0**-10
# Every pane is in view.
UNLIMITED = 2**30
# More than are shown, so that few of those are empty.
MOST_PANES = 4 * PANES


class Timeline:
    """Tallies by a plan, in at most MOST_PANES panes of time, whose width doubles until they are few enough.

    Memory does not depend on the number of records. `now` is the epoch time of records without a time.
    """

    def __init__(self, plan: Plan, now: float) -> None:
        self._plan = plan
        self._now = now
        self._keys = ModelKeys(plan.models)
        self._labels = LabelLimiter(plan, Snapshot(time=now), self._plan_of)
        self._seconds = LEAST_SECONDS
        self._tallies = self._store(Snapshot(time=now))
        self._first = self._last = math.nan
        self.capped = self._labels.capped

    def key_of(self, series: Series) -> ModelKey:
        """Return the key of the settings that are for a series."""
        return self._keys.of(series)

    @property
    def span(self) -> tuple[float, float]:
        """The epoch times of the first and the last record, NaN without records."""
        return self._first, self._last

    def add(self, batch: Batch) -> None:
        """Tally a batch; rows that have ground truth beside them are outcomes too."""
        self._first = float(np.fmin(self._first, batch.time.min()))
        self._last = float(np.fmax(self._last, batch.time.max()))
        while self._panes(1) > MOST_PANES:
            self._seconds *= 2
            totals = self._tallies.totals
            self._tallies = self._store(Snapshot(time=self._now, totals=totals, windows={LABEL: self._merged(2)}))
        self._accept(replace(batch, actual=None, actual_value=None), LOGGED)
        if batch.actual is None or batch.actual_value is None:
            return
        predictions = batch.predictions()
        actual, values = predictions.truth
        has_label = (actual.codes >= 0) | ~np.isnan(values)
        if has_label.any():
            outcomes = predictions.where(has_label).without_unused()
            self._accept(replace(outcomes, delay_seconds=np.full(len(outcomes), np.nan)), ("outcomes",))

    def result(self) -> tuple[Snapshot, Window]:
        """Return the tallies as if all had been read at the end of the last pane, and the window that contains them."""
        factor = next((n for n in range(1, MOST_PANES) if self._panes(n) <= PANES), 1)
        seconds = self._seconds * factor
        end = self._now if math.isnan(self._last) else (self._last // seconds + 1) * seconds
        snapshot = Snapshot(
            time=math.nextafter(end, 0),
            totals=self._tallies.totals,
            windows={LABEL: self._merged(factor)},
            first_model=self._keys.first,
            series=self._labels.series,
            labels=self._labels.labels,
            capped=dict(self._labels.capped),
        )
        return snapshot, Window(LABEL, seconds * PANES)

    def _accept(self, batch: Batch, reads: tuple[Reads, ...]) -> None:
        for admitted in self._labels.limit(self._labels.limit_series(batch, self._now)):
            self._tallies.accept(admitted, self._last, reads)

    def _panes(self, factor: int) -> float:
        """Return how many panes there are if each is as wide as `factor` of them."""
        seconds = self._seconds * factor
        return 0 if math.isnan(self._last) else self._last // seconds - self._first // seconds + 1

    def _merged(self, factor: int) -> dict[int, AnyTallies]:
        """Return the panes, `factor` of them as one."""
        merged: dict[int, AnyTallies] = {}
        for number, tallies in self._tallies.panes.panes[LABEL].items():
            pane = merged.setdefault(number // factor, AnyTallies())
            for series, arrays in tallies.items():
                target = pane.setdefault(series, {})
                for name, tally in arrays.items():
                    accumulate(target, name, tally)
        return merged

    def _store(self, state: Snapshot) -> TallyStore:
        window = Window(LABEL, self._seconds * UNLIMITED, number=UNLIMITED)
        plan = replace(self._plan, windows=[window])
        return TallyStore(plan, state, self._plan_of, (), self._labels.known_segments)

    def _plan_of(self, series: Series) -> ModelPlan:
        return self._plan.models[self._keys.of(series)]
