"""Degradation: how far a model's performance in a rolling window lies below the reference's, and whether by chance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scipy.special import ndtri

from exporter.families import Family, GaugeFamily
from exporter.reference.baseline import Baseline, Figure
from exporter.reference.confusion import figures
from exporter.stats import BASE_LABELS
from exporter.stats.outcomes import Outcomes, matrix
from exporter.tallies.tally import TalliesBySeries

# Of fewer the interval is too narrow.
FEWEST_OUTCOMES = 50


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much is borne: a drop of so much, beyond which chance alone brings it with probability `significance`.

    Outcomes that depend on each other are worth fewer: one for each `overdispersion` of them.
    """

    drop: float
    significance: float = 0.01
    overdispersion: float = 1.0


@dataclass(frozen=True)
class Degradation:
    """The baseline, the drop below it, and whether that exceeds the tolerance by more than chance.

    This last has no value where a window holds fewer than FEWEST_OUTCOMES.
    """

    outcomes: Outcomes
    baseline: Baseline
    tolerance: Tolerance

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        baseline = GaugeFamily(
            "model_performance_baseline", "Performance on the reference, 0 to 1.", (*BASE_LABELS, "metric")
        )
        labels = (*BASE_LABELS, "metric", "window")
        drop = GaugeFamily("model_performance_drop", "Baseline less the performance in a window.", labels)
        degraded = GaugeFamily(
            "model_performance_degraded", "Whether the drop exceeds the tolerance by more than chance.", labels
        )
        before = self.baseline.figures
        for series in next(iter(windows.values()), {}):
            for metric, figure in before.items():
                baseline.add((*series, metric), figure.value)
        for label, tallies in windows.items():
            for series, row in tallies.items():
                counts = matrix(row[self.outcomes.name])
                samples = counts.sum()
                for metric, now in figures(counts).items():
                    drop.add((*series, metric, label), before[metric].value - now.value)
                    if samples >= FEWEST_OUTCOMES:
                        least = least_drop(before[metric], self.baseline.samples, now, samples, self.tolerance)
                        degraded.add((*series, metric, label), least > self.tolerance.drop)
        yield from (baseline, drop, degraded)


def least_drop(before: Figure, samples_before: float, now: Figure, samples: float, tolerance: Tolerance) -> float:
    """Return the lower end of the confidence interval of the drop from one figure to another, of so many samples each.

        before - now - sqrt((before - its lower end)^2 + (upper end of now - now)^2)

    with ends of Wilson's interval: Newcombe (1998), Interval estimation for the difference between independent
    proportions, method 10. It holds for figures that are no proportions too, if each is worth so many samples as give
    its standard error: Zou and Donner (2008), Construction of confidence limits about effect measures.
    """
    z = float(ndtri(1 - tolerance.significance))
    low, _ = wilson(before.value, _worth(before, samples_before), z)
    _, high = wilson(now.value, _worth(now, samples) / tolerance.overdispersion, z)
    return before.value - now.value - math.hypot(before.value - low, high - now.value)


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Return the interval of a share of `n` samples, `z` standard errors wide to each side; Wilson (1927)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def _worth(figure: Figure, samples: float) -> float:
    """Return how many samples a share would take for the standard error of a figure; at most as many as it has."""
    spread = figure.value * (1 - figure.value)
    return min(samples, spread / figure.stderr**2) if spread > 0 and figure.stderr > 0 else samples
