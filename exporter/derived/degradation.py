"""Degradation: how far performance in a window is below the reference's, and whether that is more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from scipy.special import ndtri

from exporter.derived.gauges import per_label
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families, GaugeFamily
from exporter.reference.performance import Baseline, Estimate
from exporter.stats import BASE_LABELS

# With fewer, the confidence interval is too narrow.
FEWEST_OUTCOMES = 50


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The drop that is tolerated, and the accepted rate of false alarms.

    Outcomes that depend on each other count less: `overdispersion` of them as one.
    """

    drop: float
    significance: float = 0.01
    overdispersion: float = 1.0


@runtime_checkable
class Performance(Protocol):
    """Performance whose figures can be compared with those of a baseline."""

    def samples(self, window: SeriesWindow) -> float:
        """Return the number of outcomes in a window."""
        ...

    def estimates(self, window: SeriesWindow) -> dict[str, Estimate]:
        """Return figures of the baseline, with their standard errors."""
        ...


@dataclass(frozen=True)
class Degradation:
    """The baseline, the drop below it, and whether that exceeds the tolerance by more than chance.

    The last has no value with fewer than FEWEST_OUTCOMES in a window.
    """

    performance: Performance
    baseline: Baseline
    tolerance: Tolerance

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
            name: least_drop(before[name], self.baseline.samples, now, samples, self.tolerance) > self.tolerance.drop
            for name, now in self.performance.estimates(window).items()
        }

    def collect(self, view: View) -> Families:
        baseline = GaugeFamily(
            "model_performance_baseline", "Performance on the reference, 0 to 1.", (*BASE_LABELS, "metric")
        )
        for series in view.series:
            for metric, figure in self.baseline.figures.items():
                baseline.add((*series, metric), figure.value)
        yield baseline
        text = "Baseline less the performance in a window."
        yield per_label("metric", "model_performance_drop", text, view.windows, self.drops)
        text = "Whether the drop exceeds the tolerance by more than chance."
        yield per_label("metric", "model_performance_degraded", text, view.windows, self.degraded)


def least_drop(before: Estimate, samples_before: float, now: Estimate, samples: float, tolerance: Tolerance) -> float:
    """Return the lower end of the confidence interval of the drop from one figure to another, each of so many samples.

        before - now - sqrt((before - its lower end)^2 + (upper end of now - now)^2)

    with the ends of Wilson's intervals: Newcombe (1998), Interval estimation for the difference between independent
    proportions, method 10. It also holds for figures that are not proportions, if each counts as the number of samples
    that gives its standard error: Zou and Donner (2008), Construction of confidence limits about effect measures.
    """
    z = float(ndtri(1 - tolerance.significance))
    low, _ = wilson(before.value, _effective_samples(before, samples_before), z)
    _, high = wilson(now.value, _effective_samples(now, samples) / tolerance.overdispersion, z)
    return before.value - now.value - math.hypot(before.value - low, high - now.value)


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Return the interval of a share of `n` samples, `z` standard errors to each side; Wilson (1927)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def _effective_samples(figure: Estimate, samples: float) -> float:
    """Return the number of samples with which a proportion has the figure's standard error; at most `samples`."""
    spread = figure.value * (1 - figure.value)
    return min(samples, spread / figure.stderr**2) if spread > 0 and figure.stderr > 0 else samples
