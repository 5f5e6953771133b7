"""Degradation: whether performance has fallen, by more than chance, below the reference's or within a window."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import scipy

from exporter.batch import Floats, Series
from exporter.derived import Criteria
from exporter.derived.classification import Classification
from exporter.derived.gauges import per_label, per_series
from exporter.derived.regression import Regression
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families, GaugeFamily
from exporter.reference.performance import Baseline, Estimate
from exporter.stats import BASE_LABELS

# With fewer, the confidence interval of a drop is too narrow.
FEWEST_OUTCOMES = 50
FEWEST_FOR_CONCEPT_DRIFT = 100
# Without change it is exceeded at most once in a hundred windows, at any error rate and traffic, according to the
# simulation in tests/derived/test_concept_drift.py.
CRITICAL = 23.0


@runtime_checkable
class Performance(Protocol):
    """Performance of a kind of model that has a baseline."""

    def samples(self, window: SeriesWindow) -> float:
        """Return the number of outcomes in a window."""
        ...

    def estimates(self, window: SeriesWindow) -> dict[str, Estimate]:
        """Return the figures of the baseline for a window; empty without outcomes."""
        ...


@dataclass(frozen=True)
class Degradation:
    """The baseline, the drop below it, and whether that exceeds the threshold of `criteria` by more than chance.

    The last has no value with fewer than FEWEST_OUTCOMES in a window.
    """

    performance: Performance
    baseline: Baseline
    criteria: Criteria

    def drops(self, window: SeriesWindow) -> dict[str, float]:
        """Return by how much each figure of a window is below the baseline."""
        before = self.baseline.figures
        return {name: before[name].value - now.value for name, now in self.performance.estimates(window).items()}

    def degraded(self, window: SeriesWindow) -> dict[str, bool]:
        """Return whether each figure has dropped by more than is tolerated and more than chance."""
        samples = self.performance.samples(window)
        if samples < FEWEST_OUTCOMES:
            return {}
        before = self.baseline.figures
        return {
            name: least_drop(before[name], self.baseline.samples, now, samples, self.criteria) > self.criteria.threshold
            for name, now in self.performance.estimates(window).items()
        }

    def collect(self, view: View) -> Families:
        baseline = {metric: figure.value for metric, figure in self.baseline.figures.items()}
        text = "Performance on the reference data, 0 to 1."
        yield per_series("model_performance_baseline", text, view, "metric", baseline)
        text = "Baseline minus the performance in a window."
        yield per_label("model_performance_drop", text, view.windows, self.drops, "metric")
        text = "Whether the drop below the baseline exceeds the tolerance, beyond chance."
        yield per_label("model_performance_degraded", text, view.windows, self.degraded, "metric")


def least_drop(before: Estimate, samples_before: float, now: Estimate, samples: float, criteria: Criteria) -> float:
    """Return the lower end of the confidence interval of the drop from one figure to another, given their sample sizes.

        before - now - sqrt((before - its lower end)^2 + (upper end of now - now)^2)

    Newcombe (1998), Interval estimation for the difference between independent proportions, method 10.
    """
    z = float(scipy.special.ndtri(1 - criteria.significance))
    low, _ = before.interval(samples_before, z, criteria.overdispersion)
    _, high = now.interval(samples, z, criteria.overdispersion)
    return before.value - now.value - math.hypot(before.value - low, high - now.value)


@dataclass(frozen=True)
class ConceptDrift:
    """`model_concept_drift`: whether a model's error rate has risen, judged as ground truth arrives.

    The test replays the panes of the longest window in the order of time. After each pane it asks whether the error
    rate since some earlier pane is higher than before it, by more than chance. The answer depends only on the panes, so
    it is the same after a restart, and a detected rise stays detected while its panes are in view.

    No value with fewer than FEWEST_FOR_CONCEPT_DRIFT outcomes, of which `overdispersion` count as one.
    """

    performance: Classification | Regression
    overdispersion: float = 1.0

    def has_risen(self, view: View, series: Series) -> bool | None:
        """Return whether the error rate has risen within the longest window; None with too few outcomes."""
        name = self.performance.counted.name
        panes = [row[name] for row in view.panes(view.longest, series).values() if name in row]
        if not panes:
            return None
        errors, total = self.performance.errors(panes, view.classes)
        if total.sum() < FEWEST_FOR_CONCEPT_DRIFT:
            return None
        return rise(errors, total) / self.overdispersion > CRITICAL

    def collect(self, view: View) -> Families:
        text = "Whether the error rate has risen within the longest window, by more than chance."
        family = GaugeFamily("model_concept_drift", text, BASE_LABELS)
        for series in view.series:
            has_risen = self.has_risen(view, series)
            if has_risen is not None:
                family.add(series, has_risen)
        yield family


def rise(errors: Floats, total: Floats) -> float:
    """Return twice the log-likelihood ratio of the clearest rise of the error rate; 0 without a rise.

    `errors` and `total` are counts by pane. For k1 errors in n1 before and k2 in n2 after, where k2/n2 > k1/n1:

        2 (l(k1, n1) + l(k2, n2) - l(k1 + k2, n1 + n2)),    l(k, n) = k ln(k/n) + (n - k) ln(1 - k/n)

    References: Worsley (1983), The power of likelihood ratio and cumulative sum tests for a change in a binomial
    probability; Bifet and Gavalda (2007), Learning from time-changing data with adaptive windowing (the panes are its
    buckets).

    >>> round(rise(np.array([10.0, 10.0, 40.0]), np.array([100.0, 100.0, 100.0])), 2)
    35.61
    """
    has_outcomes = total > 0
    k, n = errors[has_outcomes].cumsum(), total[has_outcomes].cumsum()
    change, end = np.triu_indices(len(n), 1)
    after, of_after = k[end] - k[change], n[end] - n[change]
    until = _likelihood(k, n)
    ratios = until[change] + _likelihood(after, of_after) - until[end]
    rising = after * n[change] > k[change] * of_after
    return 2 * float(ratios[rising].max(initial=0.0))


def _likelihood(errors: Floats, total: Floats) -> Floats:
    xlogy = scipy.special.xlogy
    likelihood: Floats = xlogy(errors, errors / total) + xlogy(total - errors, 1 - errors / total)
    return likelihood
