"""Segments: totals, drift and performance of the records that share a value of a segment."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from exporter.batch import SegmentSeries
from exporter.derived.drift import DriftCalculator, Judged
from exporter.derived.drift_level import Evidence
from exporter.derived.gauges import per_label, per_window
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.regression import Regression
from exporter.derived.view import View, WindowTallies
from exporter.families import Families
from exporter.stats import SEGMENTS, Statistic
from exporter.stats.outcomes import Outcomes, matrix
from exporter.stats.residuals import ResidualSums
from exporter.tallies.tally import base

# So many segments share a rate of false alarms.
SEGMENTS_JUDGED = 20


@dataclass(frozen=True)
class SegmentTotals:
    """The metrics `model_segment_*` that `statistics` export."""

    statistics: Sequence[Statistic]

    def collect(self, view: View) -> Families:
        for statistic in self.statistics:
            yield from statistic.collect(view.totals(SegmentSeries, statistic), view.names)


@dataclass(frozen=True)
class SegmentDrift(Judged[SegmentSeries]):
    """The PSI and the level of each feature in each segment against the whole reference.

    Segments have bins only. The features that define a segment, `own` by its name, have no values in it.
    """

    calculator: DriftCalculator
    own: Mapping[str, Collection[str]]

    def windows(self, view: View) -> Iterable[WindowTallies[SegmentSeries]]:
        return view.segments

    def evidence(self, window: WindowTallies[SegmentSeries]) -> Evidence:
        counts = replace(self.calculator.reference, bins=window[self.calculator.bins])
        found = self.calculator.compare(counts).evidence(SEGMENTS_JUDGED)
        own = self.own.get(window.series.segment, ())
        is_own = np.array([name in own for name in self.calculator.variables])
        return Evidence(np.where(is_own, np.nan, found.effect), np.where(is_own, np.nan, found.statistic))

    def psi(self, window: WindowTallies[SegmentSeries]) -> dict[str, float]:
        """Return the PSI of the features of a window that have one, without those that define the segment."""
        own = self.own.get(window.series.segment, ())
        values = self.calculator.psi(window[self.calculator.bins]).tolist()
        return {
            name: value
            for name, value in zip(self.calculator.variables, values, strict=True)
            if name not in own and not math.isnan(value)
        }

    def collect(self, view: View) -> Families:
        text = "Population stability index of a feature of a segment in a window against the reference, unitless."
        yield per_label("model_segment_feature_drift_psi", text, view.segments, self.psi, scope=SEGMENTS)
        text = "Level of the drift of a feature of a segment beyond chance: 0 none, 1 moderate, 2 major."
        yield per_label("model_segment_feature_drift_level", text, view.segments, self._levels, scope=SEGMENTS)

    def _levels(self, window: WindowTallies[SegmentSeries]) -> dict[str, float]:
        return dict(zip(self.calculator.variables, self.levels(window).tolist(), strict=True))


@dataclass(frozen=True)
class SegmentAccuracy:
    """`model_segment_accuracy`, in windows that are judged for the whole series; no value without outcomes."""

    outcomes: Outcomes
    judge: OutcomeJudge

    def accuracy(self, window: WindowTallies[SegmentSeries]) -> float:
        """Return the accuracy in a window; NaN without outcomes."""
        counts = matrix(window[self.outcomes], len(window.classes))
        if window.weights is not None:
            counts = counts * window.weights[:, None]
        total = counts.sum()
        return float(counts.trace() / total) if total else math.nan

    def collect(self, view: View) -> Families:
        text = "Accuracy of a segment's predictions with ground truth in a window, 0 to 1."
        yield per_window("model_segment_accuracy", text, _judged(view, self.judge), self.accuracy, SEGMENTS)


@dataclass(frozen=True)
class SegmentErrors:
    """`model_segment_mae` and `model_segment_rmse`, in windows that are judged for the whole series."""

    regression: Regression

    def errors(self, window: WindowTallies[SegmentSeries]) -> Mapping[str, float]:
        """Return the figures of a window, as Regression.figures; empty without outcomes."""
        return self.regression.figures(window)

    def outcomes(self, window: WindowTallies[SegmentSeries]) -> float:
        """Return the number of outcomes in a window."""
        return ResidualSums(*window[self.regression.residuals].tolist()).number

    def collect(self, view: View) -> Families:
        text = "Outcomes in a rolling window."
        yield per_window("model_segment_window_outcomes", text, view.segments, self.outcomes, SEGMENTS)
        windows = [*_judged(view, self.regression.judge)]
        for name, text in (
            ("mae", "Mean absolute error of a segment in a window."),
            ("rmse", "Root mean squared error of a segment in a window."),
        ):
            figure = partial(self._figure, name)
            yield per_window(f"model_segment_{name}", text, windows, figure, SEGMENTS)

    def _figure(self, name: str, window: WindowTallies[SegmentSeries]) -> float:
        return self.errors(window).get(name, math.nan)


def _judged(view: View, judge: OutcomeJudge) -> Iterator[WindowTallies[SegmentSeries]]:
    """Yield the windows of segments that are judged for the whole series, with its weights."""
    judged = {window.labels: window.weights for window in judge.rolling(view)}
    for window in view.segments:
        labels = (*base(window.series), window.label)
        if labels in judged:
            yield window.weighted(judged[labels])
