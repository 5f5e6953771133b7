"""Judged outcomes: the stretches of time in which enough ground truth has arrived to say how good predictions were.

Labels that arrive sooner for some predictions than for others look like a change of performance. So outcomes are
counted by the time of their prediction, a stretch is judged once each predicted class has nearly all the labels that it
will get, and the outcomes of a class are weighted to all predictions of that class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from exporter.batch import Bools, Floats, SegmentSeries, Series
from exporter.derived.gauges import per_window
from exporter.derived.view import SeriesWindow, View, WindowTallies, computed_once
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS, Statistic
from exporter.stats.label_counts import LabelCounts
from exporter.stats.outcomes import Outcomes, by_predicted
from exporter.stats.residuals import ResidualBins
from exporter.tallies.tally import StatisticArrays, Tally, base
from exporter.tallies.windows import HALF_DAY

LATEST = "latest"
ACCURACY, MAE = "accuracy", "mae"
# The figures that are not of classes.
OF_ALL = (ACCURACY, MAE)
# Of the latest window.
FEWEST_OUTCOMES = 100
SHORTEST_SECONDS = 3600.0
MOST_DAYS = 30
# Classes with fewer expected labels in a stretch are taken together, because chance decides about each of them.
RARE = 5
STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Arrivals:
    """How many predictions were made of each class, and how many of them have ground truth; shape (..., classes)."""

    made: Floats
    labelled: Floats

    @property
    def total(self) -> Arrivals:
        """The sum over panes."""
        return Arrivals(self.made.sum(axis=0), self.labelled.sum(axis=0))

    def __getitem__(self, panes: Bools | slice | int) -> Arrivals:
        return Arrivals(self.made[panes], self.labelled[panes])

    @property
    def shares(self) -> Floats:
        """The share of each class that has ground truth; 1 without predictions."""
        return np.where(self.made > 0, np.minimum(self.labelled / np.maximum(self.made, 1.0), 1.0), 1.0)

    def is_enough(self, reached: Floats, coverage: float) -> bool:
        """Return whether each class has this coverage of the share of labels that older predictions of it reached.

        If only some predictions get a label at all, their number varies by chance.
        """
        is_rare = self.made * reached < RARE
        groups = np.vstack((np.diag(~is_rare), is_rare)).astype(np.float64)
        made, labelled, expected = (groups @ each for each in (self.made, self.labelled, self.made * reached))
        spread = np.sqrt(expected * (1 - expected / np.maximum(made, 1.0)))
        return bool(labelled.any() and (labelled >= coverage * expected - STANDARD_ERRORS * spread).all())

    @property
    def weights(self) -> Floats:
        """How many predictions of its class an outcome stands for, relative to others.

        They are scaled so that the weighted number of outcomes is the effective one: so many independent outcomes of
        equal weight would have the same variance. Kish (1965), Survey sampling.
        """
        weights = np.where(self.labelled > 0, self.made / np.maximum(self.labelled, 1.0), 0.0)
        squares = (weights**2 * self.labelled).sum()
        return weights * ((weights * self.labelled).sum() / squares if squares else 0.0)


@dataclass(frozen=True)
class HalfDays:
    """The panes of a series, oldest first, each with its number, arrivals, and whether it is judged."""

    numbers: list[int]
    panes: list[StatisticArrays]
    arrivals: Arrivals
    is_judged: Bools
    reached: Floats

    def judged_until(self, now: float) -> float | None:
        """Return the epoch time at which the newest judged pane ends, at most `now`; None if there is none."""
        newest = self.newest_judged()
        return None if newest is None else min((newest + 1) * HALF_DAY, now)

    def newest_judged(self, before: float = np.inf) -> int | None:
        """Return the number of the newest judged pane that ended before an epoch time; None if there is none."""
        ended = (number for number, is_judged in zip(self.numbers, self.is_judged, strict=True) if is_judged)
        return max((number for number in ended if (number + 1) * HALF_DAY <= before), default=None)

    def stretch(self, last: int | None, days: int) -> Bools:
        """Return which panes are judged and among those of so many days until the pane `last`; None has none."""
        numbers = np.array(self.numbers, np.int64)
        if last is None:
            return np.zeros(len(numbers), np.bool_)
        is_within: Bools = self.is_judged & (numbers <= last) & (numbers > last - 2 * days)
        return is_within


@dataclass(frozen=True)
class OutcomeJudge:
    """Which windows of outcomes are judged, and the `latest` one, which ends with the newest judged pane.

    Predictions wait `wait_seconds` for their label. Figures by class are shown of windows whose predictions are older
    than `settled_seconds`, because labels of one class may come late. With a `coverage` of 0, all outcomes are shown,
    without weights.
    """

    predictions: LabelCounts
    counted: Outcomes | ResidualBins
    wait_seconds: float
    coverage: float
    settled_seconds: float = 0.0

    @computed_once
    def rolling(self, view: View) -> tuple[SeriesWindow, ...]:
        """Return the rolling windows that are judged."""
        return tuple(judged for window in view.windows if (judged := self.judged(view, window)))

    def judged(self, view: View, window: SeriesWindow) -> SeriesWindow | None:
        """Return any window of the view's series with its weights; None if it is not judged."""
        arrivals = self._arrivals([window.__getitem__], len(view.classes)).total
        if self._is_judged(arrivals, self.half_days(view)[window.series].reached):
            return window.weighted(self._weights(arrivals))
        return None

    @computed_once
    def windows(self, view: View) -> tuple[SeriesWindow, ...]:
        """Return the judged windows of which accuracy and errors are shown."""
        return (*self.rolling(view), *self._latest(view, self.rolling(view), np.inf))

    @computed_once
    def settled(self, view: View) -> tuple[SeriesWindow, ...]:
        """Return the judged windows of which figures by class are shown."""
        if not self.settled_seconds:
            return self.windows(view)
        return tuple(self._latest(view, (), view.snapshot.time - self.settled_seconds))

    def every(self, view: View) -> tuple[SeriesWindow, ...]:
        """Return the windows of which any figure is shown."""
        return tuple(dict.fromkeys((*self.windows(view), *self.settled(view))))

    def shows(self, view: View, window: SeriesWindow, figure: str) -> bool:
        """Return whether a figure of one of these windows is shown: of classes, if its predictions are settled."""
        return window in (self.windows(view) if figure in OF_ALL else self.settled(view))

    @computed_once
    def half_days(self, view: View) -> dict[Series, HalfDays]:
        """Return the panes of each series."""
        return {series: self._half_days(view, series) for series in view.series}

    def settled_segments(self, view: View) -> Iterator[WindowTallies[SegmentSeries]]:
        """Yield the settled half-days of the last MOST_DAYS of each segment that is counted by half-days.

        A segment is judged like its series, and has weights of its own.
        """
        if view.outcome_window is None:
            return
        before = view.snapshot.time - self.settled_seconds if self.settled_seconds else np.inf
        for segment in view.segment_series:
            half_days = self.half_days(view)[base(segment)]
            is_chosen = half_days.stretch(half_days.newest_judged(before), MOST_DAYS)
            chosen = {number for number, is_in in zip(half_days.numbers, is_chosen, strict=True) if is_in}
            panes = [pane for number, pane in view.panes(view.outcome_window, segment).items() if number in chosen]
            window = WindowTallies(LATEST, segment, panes, view.names)
            arrivals = self._arrivals([window.__getitem__], len(view.classes)).total
            if panes and self._is_judged(arrivals, half_days.reached):
                yield window.weighted(self._weights(arrivals))

    def collect(self, view: View) -> Families:
        text = "End of the newest stretch of predictions that is judged."
        family = GaugeFamily("model_ground_truth_judged_until_timestamp_seconds", text, BASE_LABELS)
        for series, half_days in self.half_days(view).items():
            until = half_days.judged_until(view.snapshot.time)
            if until is not None:
                family.add(series, until)
        yield family
        latest = tuple(window for window in self.windows(view) if window.label == LATEST)
        text = "Outcomes in a window, by the time of the prediction."
        yield per_window("model_window_outcomes", text, (*view.windows, *latest), self.samples)

    def samples(self, window: SeriesWindow) -> float:
        """Return the number of outcomes in a window."""
        return float(window[self.counted].sum())

    def _latest(self, view: View, rolling: Iterable[SeriesWindow], before: float) -> Iterable[SeriesWindow]:
        """Yield the latest window of each series: the shortest that has enough outcomes."""
        seconds = {window.label: window.seconds for window in view.rolling_windows}
        for series, half_days in self.half_days(view).items():
            candidates = [each for each in rolling if each.series == series and seconds[each.label] >= SHORTEST_SECONDS]
            for window in sorted(candidates, key=lambda each: seconds[each.label]):
                if self.samples(window) >= FEWEST_OUTCOMES:
                    yield window.named(LATEST)
                    break
            else:
                yield from self._stretch(view, series, half_days, half_days.newest_judged(before))

    def _stretch(self, view: View, series: Series, half_days: HalfDays, last: int | None) -> Iterable[SeriesWindow]:
        """Yield the judged panes of the fewest days until `last` that have enough outcomes."""
        for days in range(1, MOST_DAYS + 1) if last is not None else ():
            chosen = half_days.stretch(last, days)
            panes = [pane for pane, is_chosen in zip(half_days.panes, chosen, strict=True) if is_chosen]
            weights = self._weights(half_days.arrivals[chosen].total)
            window = SeriesWindow(LATEST, series, panes, view.names, weights=weights)
            if self.samples(window) >= FEWEST_OUTCOMES:
                yield window
                return

    def _half_days(self, view: View, series: Series) -> HalfDays:
        found = view.panes(view.outcome_window, series) if view.outcome_window else {}
        readers = [self._reader(pane) for pane in found.values()]
        arrivals = self._arrivals(readers, len(view.classes))
        is_old = np.array([(number + 1) * HALF_DAY <= view.snapshot.time - self.wait_seconds for number in found], bool)
        reached = arrivals[is_old].total.shares
        is_judged = [self._is_judged(arrivals[place], reached) for place in range(len(found))]
        return HalfDays([*found], [*found.values()], arrivals, np.array(is_judged, bool), reached)

    def _is_judged(self, arrivals: Arrivals, reached: Floats) -> bool:
        return arrivals.is_enough(reached, self.coverage) if self.coverage else bool(arrivals.labelled.any())

    def _reader(self, pane: StatisticArrays) -> Callable[[Statistic], Tally]:
        return lambda statistic: pane.get(statistic.name, statistic.zero())

    def _arrivals(self, readers: Iterable[Callable[[Statistic], Tally]], classes: int) -> Arrivals:
        """Return the arrivals of some panes or windows, shape (panes, classes); values are of one class."""
        made, labelled = [], []
        for read in readers:
            predicted = read(self.predictions)
            if isinstance(self.counted, Outcomes):
                made.append(np.pad(predicted, (0, max(0, classes - len(predicted)))))
                labelled.append(by_predicted(read(self.counted), classes))
            else:
                made.append(predicted.sum(keepdims=True))
                labelled.append(read(self.counted).sum(keepdims=True))
        width = classes if isinstance(self.counted, Outcomes) else 1
        arrived = np.array(labelled, np.float64).reshape(len(labelled), width)
        # Labels may be of predictions that an older state did not count.
        return Arrivals(np.maximum(np.array(made, np.float64).reshape(arrived.shape), arrived), arrived)

    def _weights(self, arrivals: Arrivals) -> Floats | None:
        return arrivals.weights if isinstance(self.counted, Outcomes) and self.coverage else None
