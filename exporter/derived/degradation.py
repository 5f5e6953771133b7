"""Degradation: whether performance has fallen below the reference's, by more than chance."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

from exporter.derived import Criteria
from exporter.derived.gauges import per_label, per_series
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families
from exporter.reference.errors import ErrorBaseline, ErrorEstimate
from exporter.reference.performance import Baseline, Estimate
from exporter.tails import normal_quantile

# With fewer, the confidence interval of a drop is too narrow.
FEWEST_OUTCOMES = 50


# Of classes, or an error of values.
Figure = Estimate | ErrorEstimate


@runtime_checkable
class Performance(Protocol):
    """Performance of a kind of model that has a baseline."""

    judge: OutcomeJudge

    def samples(self, window: SeriesWindow) -> float:
        """Return the number of outcomes in a window."""
        ...

    def estimates(self, window: SeriesWindow) -> Mapping[str, Figure]:
        """Return the figures of the baseline for a window; empty without outcomes."""
        ...


@dataclass(frozen=True)
class Degradation:
    """The baseline, the drop below it, and whether that exceeds the threshold of `criteria` by more than chance.

    The last has no value with fewer than FEWEST_OUTCOMES in a window.
    """

    performance: Performance
    baseline: Baseline | ErrorBaseline
    criteria: Criteria

    def drops(self, window: SeriesWindow) -> dict[str, float]:
        """Return by how much each figure of a window is below the baseline; an error, above it as a share of it."""
        before: Mapping[str, Figure] = self.baseline.figures
        return {name: drop(before[name], now) for name, now in self.performance.estimates(window).items()}

    def degraded(self, window: SeriesWindow) -> dict[str, bool]:
        """Return whether each figure has dropped by more than is tolerated and more than chance."""
        samples = self.performance.samples(window)
        if samples < FEWEST_OUTCOMES:
            return {}
        before: Mapping[str, Figure] = self.baseline.figures
        return {
            name: least_drop(before[name], self.baseline.samples, now, samples, self.criteria) > self.criteria.threshold
            for name, now in self.performance.estimates(window).items()
        }

    def collect(self, view: View) -> Families:
        baseline = {metric: figure.value for metric, figure in self.baseline.figures.items()}
        text = "Performance on the reference data, 0 to 1, or an error in units of the predictions."
        yield per_series("model_performance_baseline", text, view, "metric", baseline)
        windows = self.performance.judge.every(view)
        drops, degraded = partial(self._shown, view, self.drops), partial(self._shown, view, self.degraded)
        text = "Baseline minus the performance in a window; of an error, its rise as a share of the baseline."
        yield per_label("model_performance_drop", text, windows, drops, "metric")
        text = "Whether the drop below the baseline exceeds the tolerance, beyond chance."
        yield per_label("model_performance_degraded", text, windows, degraded, "metric")

    def _shown(
        self, view: View, values: Callable[[SeriesWindow], Mapping[str, float]], window: SeriesWindow
    ) -> dict[str, float]:
        judge = self.performance.judge
        return {name: value for name, value in values(window).items() if judge.shows(view, window, name)}


def drop(before: Figure, now: Figure) -> float:
    """Return the drop from one figure to another, or the rise of an error as a share of it."""
    if isinstance(before, Estimate):
        return before.value - now.value
    return now.value / before.value - 1 if before.value else math.inf if now.value else 0.0


def least_drop(before: Figure, samples_before: float, now: Figure, samples: float, criteria: Criteria) -> float:
    """Return the lower end of the confidence interval of the drop from one figure to another, given their sample sizes.

        before - now - sqrt((before - its lower end)^2 + (upper end of now - now)^2)

    Newcombe (1998), Interval estimation for the difference between independent proportions, method 10. The interval of
    the ratio of two errors is that of its logarithm, by the delta method.
    """
    z = normal_quantile(1 - criteria.significance)
    if not isinstance(before, Estimate) or not isinstance(now, Estimate):
        rise = drop(before, now)
        if not 0 < rise < math.inf:
            return rise
        spread = math.hypot(before.stderr / before.value, now.stderr / now.value) * math.sqrt(criteria.overdispersion)
        return (1 + rise) * math.exp(-z * spread) - 1
    low, _ = before.interval(samples_before, z, criteria.overdispersion)
    _, high = now.interval(samples, z, criteria.overdispersion)
    return before.value - now.value - math.hypot(before.value - low, high - now.value)
