"""What was served in a window: how much, how fast, with which errors and classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import msgspec
import numpy as np

from exporter.batch import Floats
from exporter.histogram_quantile import histogram_quantile
from exporter.stats import Tallied
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.status.selection import Selection, ratio
from exporter.status.variables import VariableStatus
from exporter.tallies.windows import PANES

QUANTILES = (0.5, 0.95, 0.99)
MOST_CLASSES = 20


class ServingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What was served in the window. `seconds` is less than the window's if records started later.

    Requests are predictions and errors. Latency is by quantile, estimated from the histogram as PromQL does.
    """

    seconds: float
    predictions: int
    errors: int
    requests_per_second: float
    error_ratio: float
    errors_by_type: dict[str, int]
    latency_seconds: dict[str, float]
    requests_per_second_course: list[float]
    error_ratio_course: list[float]
    latency_p99_seconds_course: list[float]


class ClassShare(msgspec.Struct, frozen=True, kw_only=True):
    """A predicted class: its count and share in the window, and its share in the reference."""

    name: str
    count: int
    share: float
    reference_share: float


class Requests:
    """The requests of a model in a window."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._predictions = selection.measures.one(LabelCounts, column="prediction")
        self._errors = selection.measures.one(LabelCounts, column="error")
        self._latency = selection.measures.one(Histogram, column="latency_seconds")

    @property
    def has_any_since_the_start(self) -> bool:
        totals = self._selection.view.snapshot.totals[self._selection.series]
        return any(totals[statistic.name].sum() for statistic in (self._predictions, self._errors))

    @cached_property
    def by_class(self) -> dict[str, float]:
        """The number of predictions of each class."""
        tallies = self._selection.tallies
        return self._predictions.counts(tallies[self._predictions], tallies.names)

    @cached_property
    def by_error(self) -> dict[str, int]:
        """The number of errors of each type, the most frequent first."""
        tallies = self._selection.tallies
        counts = self._errors.counts(tallies[self._errors], tallies.names)
        return {name: int(count) for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count}

    @property
    def predictions(self) -> int:
        return int(sum(self.by_class.values()))

    @property
    def errors(self) -> int:
        return sum(self.by_error.values())

    @property
    def error_ratio(self) -> float:
        return ratio(self.errors, self.predictions + self.errors)

    @property
    def per_second(self) -> float:
        return ratio(self.predictions + self.errors, self.seconds)

    @cached_property
    def seconds(self) -> float:
        """The part of the window since the first record."""
        return min(self._selection.window.seconds, self._selection.view.snapshot.time - self.started)

    @cached_property
    def started(self) -> float:
        """The time of the first record in epoch seconds, to a pane; -inf if no window contains it any more."""

        def count(row: dict[str, Floats]) -> float:
            counted = (statistic.name for statistic in (self._predictions, self._errors))
            return float(sum(row[name].sum() for name in counted if name in row))

        view, series = self._selection.view, self._selection.series
        total = count(view.snapshot.totals[series])
        for window in sorted(view.rolling_windows, key=lambda window: window.seconds):
            panes = view.panes(window, series)
            if panes and sum(map(count, panes.values())) == total:
                return min(panes) * window.seconds / PANES
        return -math.inf

    def latency(self, quantile: float) -> float:
        """Return a quantile of latency, in seconds."""
        return histogram_quantile(quantile, self._latency.buckets(self._selection.tallies[self._latency]))

    def serving(self) -> ServingStatus:
        sparkline = self._selection.sparkline
        predictions, errors = (self._totals(statistic) for statistic in (self._predictions, self._errors))
        requests = predictions + errors
        # Before the first record the rate is unknown, and not 0.
        has_started = sparkline.times > self.started
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = np.where(has_started, requests / sparkline.seconds, np.nan)
            ratios = errors / requests
        return ServingStatus(
            seconds=self.seconds,
            predictions=self.predictions,
            errors=self.errors,
            requests_per_second=self.per_second,
            error_ratio=self.error_ratio,
            errors_by_type=self.by_error,
            latency_seconds={f"{quantile:g}": self.latency(quantile) for quantile in QUANTILES},
            requests_per_second_course=rates.tolist(),
            error_ratio_course=ratios.tolist(),
            latency_p99_seconds_course=self._latency_sparkline(),
        )

    def _totals(self, statistic: Tallied) -> Floats:
        """Return the number of records at each point of the sparklines."""
        sums = self._selection.sparkline.sums(self._selection.series, statistic)
        return np.zeros(len(self._selection.sparkline.times)) if sums is None else sums.sum(axis=-1)

    def _latency_sparkline(self) -> list[float]:
        sums = self._selection.sparkline.sums(self._selection.series, self._latency)
        if sums is None:
            return [math.nan] * len(self._selection.sparkline.times)
        return [histogram_quantile(0.99, self._latency.buckets(tally)) for tally in sums]

    def classes(self, prediction: VariableStatus | None) -> list[ClassShare]:
        """Return the classes, those of the window first by count; those after MOST_CLASSES are summed up as one.

        `prediction` describes the reference's predictions, if it has any; those of values have other bins than classes.
        """
        counts = self.by_class
        reference = {each.name: each.reference_share for each in prediction.bins} if prediction else {}
        has_reference = any(name in counts for name in reference)
        total = sum(counts.values())
        ordered = sorted(counts, key=lambda name: (-counts[name], -reference.get(name, 0.0), name))
        shares = [
            ClassShare(
                name=name,
                count=int(counts[name]),
                share=ratio(counts[name], total),
                reference_share=reference.get(name, 0.0) if has_reference else math.nan,
            )
            for name in ordered
        ]
        return [*shares[:MOST_CLASSES], *_summed_up(shares[MOST_CLASSES:])]


def _summed_up(rest: Sequence[ClassShare]) -> list[ClassShare]:
    if not rest:
        return []
    return [
        ClassShare(
            name=f"{len(rest)} others",
            count=sum(each.count for each in rest),
            share=sum(each.share for each in rest),
            reference_share=sum(each.reference_share for each in rest),
        )
    ]
