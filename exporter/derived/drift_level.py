"""Drift levels: whether a variable has moved by an amount that matters, and by more than chance explains over time.

A window is judged again and again, always against the same reference. Overlapping windows share records, and what is
special about the reference stays. The significance of a judgement is therefore far below that of a single test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from exporter.batch import Bools, Floats
from exporter.derived.distributions import Distributions, used
from exporter.tails import chi2_critical, xlogy

MODERATE, MAJOR = LEVELS = (1, 2)

# The probability that chance alone raises the level of any variable, in one judgement of a window.
SIGNIFICANCE = 3e-6
# The parts of it that the tests of a variable have: of all bins, of a single bin, and of the location.
PARTS_OF_NUMERIC, PARTS_OF_CATEGORICAL = (0.15, 0.15, 0.7), (0.5, 0.5)
# Effective records of the window and of the reference.
FEWEST_RECORDS = 50
FEWEST_OF_REFERENCE = 100
# A bin that is empty on one side counts as this share, so that the size of a change does not depend on the number of
# records.
LEAST_SHARE = 2e-4
# A level is held until the change is below this part of the limit, or its statistics are below that part of theirs.
HELD_EFFECT = 0.8
HELD_STATISTIC = 0.64
# A window is judged again at once when it has so many times the records, as it has while an old log is read.
GROWTH = 1.2
# The normal approximation is good enough for a location up to so many standard errors from the reference's.
NORMAL = 3.0
MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """The changes that matter: a PSI, or a Wasserstein distance in standard deviations of the reference.

    A change is major from the first two limits on. It is moderate from the other two on, or from the limits of a major
    change if those are lower.
    """

    psi: float = 0.25
    wasserstein: float = 0.4
    psi_moderate: float = 0.1
    wasserstein_moderate: float = 0.1


class LimitArrays(NamedTuple):
    """The limits of variables by level, each of shape (levels, variables)."""

    psi: Floats
    wasserstein: Floats

    @classmethod
    def of(cls, limits: Sequence[DriftLimits]) -> LimitArrays:
        psi = [(min(each.psi_moderate, each.psi), each.psi) for each in limits]
        wasserstein = [(min(each.wasserstein_moderate, each.wasserstein), each.wasserstein) for each in limits]
        # A limit of 0 has every change beyond it.
        least = np.finfo(np.float64).tiny
        return cls(*(np.maximum(np.array(each).reshape(-1, len(LEVELS)).T, least) for each in (psi, wasserstein)))


class Evidence(NamedTuple):
    """How large a change is, and how far beyond chance.

    `effect` is the change divided by the limit of each level, shape (levels, variables), and `statistic` the test
    statistic divided by its critical value, shape (variables,). Both are NaN for a variable with too few records.
    """

    effect: Floats
    statistic: Floats

    @property
    def is_judged(self) -> Bools:
        return ~np.isnan(self.statistic)


class Judgement(NamedTuple):
    """The level of each variable of a window, NaN before it is judged, shape (variables,).

    `number` is the stretch of time in which the window was judged, and `records` are those that it then contained.
    """

    number: float
    records: float
    levels: Floats

    @classmethod
    def of(cls, stored: Floats | None, variables: int) -> Judgement | None:
        """Return the judgement in a state; None if there is none of so many variables."""
        if stored is None or stored.shape != (2 + variables,):
            return None
        number, records = stored[:2].tolist()
        return cls(number, records, stored[2:])

    @property
    def stored(self) -> Floats:
        """The judgement as an array."""
        return np.array([self.number, self.records, *self.levels])

    def is_due(self, number: float, records: float) -> bool:
        """Return whether a window is judged again: in a later stretch of time, or with many more records."""
        return number != self.number or records >= GROWTH * self.records


def next_levels(evidence: Evidence, before: Floats) -> Floats:
    """Return the level of each variable, given the level before; NaN stands for a variable that is not judged.

    A level is reached by a change of at least its limit which chance does not explain. It is held until the change is
    clearly below the limit, or chance explains it, and as long as there are too few records.
    """
    reached = (evidence.effect >= 1) & (evidence.statistic >= 1)
    held = (evidence.effect >= HELD_EFFECT) & (evidence.statistic >= HELD_STATISTIC)
    numbers = np.array(LEVELS)[:, None]
    levels = np.where(reached | (held & (before >= numbers)), numbers, 0).max(axis=0)
    return np.where(evidence.is_judged, levels, np.where(before > 0, before, np.nan))


def evidence(
    distance: Floats,
    bins: tuple[Floats, Floats],
    independent: tuple[Distributions, Distributions],
    limits: LimitArrays,
    parts: int = 1,
) -> Evidence:
    """Return the evidence for a change of each variable of a window.

    `distance` is the Wasserstein distance of each numeric variable, `bins` are the counts of window and reference, and
    `independent` the same two with the counts of fewer records, as many as are independent. `parts` is the number of
    windows that share one rate of false alarms.
    """
    window, reference = independent
    significance = SIGNIFICANCE / parts / max(len(window.bins), 1)
    of_bins, of_a_bin = _parts(independent) * significance
    statistic = np.fmax(
        g(window.bins, reference.bins) / g_critical(window.bins, reference.bins, of_bins),
        largest_bin(window.bins, reference.bins) / largest_bin_critical(window.bins, reference.bins, of_a_bin),
    )
    effect = floored_psi(*bins) / limits.psi
    numeric = slice(len(distance))
    farther = distance / limits.wasserstein[:, numeric]
    effect[:, numeric] = np.fmax(effect[:, numeric], farther)
    by_location = location(window.cells, reference.cells) / location_critical(PARTS_OF_NUMERIC[-1] * significance)
    statistic[numeric] = np.fmax(statistic[numeric], by_location)
    is_enough = _is_enough(window.bins.sum(axis=-1), reference.bins.sum(axis=-1))
    return Evidence(np.where(is_enough, effect, np.nan), np.where(is_enough, statistic, np.nan))


def floored_psi(window: Floats, reference: Floats) -> Floats:
    """Return the PSI of counts along the last axis with no share below LEAST_SHARE.

    Unlike a PSI with a prior count per bin, it does not grow with the number of records on either side.

    >>> float(floored_psi(np.array([50.0, 50.0]), np.array([500.0, 500.0])))
    0.0
    """
    bins = used(window, reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = (np.maximum(side / side.sum(axis=-1, keepdims=True), LEAST_SHARE) for side in (window, reference))
        terms = np.where(bins, (p - q) * np.log(p / q), 0.0)
    total: Floats = terms.sum(axis=-1)
    return total


def g(window: Floats, reference: Floats) -> Floats:
    """Return the statistic of the G test of homogeneity of counts along the last axis.

        G = 2 * sum over both sides and all bins of count * ln(count / expected)

    The expected count is the share of the bin on both sides together, times the number of records on a side. Without
    drift, G is approximately chi-squared with one degree of freedom fewer than there are bins. Far out in the tail, it
    stays closer to that than Pearson's statistic does.

    >>> float(g(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    8.4024
    """
    n, m = window.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    both = window + reference
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = xlogy(window, window / (both * n)) + xlogy(reference, reference / (both * m))
        terms = np.where(both > 0, terms + both * np.log(n + m), 0.0)
    total: Floats = 2 * terms.sum(axis=-1)
    return np.maximum(total, 0.0)


def detectable_psi(independent: tuple[Distributions, Distributions]) -> Floats:
    """Return the PSI from which on chance does not explain a change of each variable; NaN with too few records.

    G is about PSI / (1/n + 1/m).
    """
    window, reference = (side.bins for side in independent)
    n, m = window.sum(axis=-1), reference.sum(axis=-1)
    of_bins, _ = _parts(independent) * SIGNIFICANCE / max(len(n), 1)
    with np.errstate(divide="ignore"):
        limit = g_critical(window, reference, of_bins) * (1 / n + 1 / m)
    return np.where(_is_enough(n, m), limit, np.nan)


def _parts(independent: tuple[Distributions, Distributions]) -> Floats:
    """Return the part of the significance that each test of bins has, for each variable, shape (tests, variables)."""
    window, _ = independent
    is_numeric = np.arange(len(window.bins)) < len(window.cells)
    return np.where(is_numeric, *(np.array(parts[:2])[:, None] for parts in (PARTS_OF_NUMERIC, PARTS_OF_CATEGORICAL)))


def _is_enough(n: Floats, m: Floats) -> Bools:
    enough: Bools = (n >= FEWEST_RECORDS) & (m >= FEWEST_OF_REFERENCE)
    return enough


def g_critical(window: Floats, reference: Floats, significance: Floats) -> Floats:
    """Return the value that G exceeds with probability `significance` without drift; infinite with a single bin.

    It is that of chi-squared times Williams' correction, because with few records per bin the mean of G is larger:
    by 1 / (6 e) for each bin and side with e expected records. That holds for e >= 1, and the rest is less than e / 6.
    Reference: Williams (1976), Improved likelihood ratio tests for complete contingency tables.
    """
    n, m = window.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    freedom = used(window, reference).sum(axis=-1) - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (window + reference) / (n + m) * np.stack((n, m))
        excess = np.minimum(expected, 1 / expected).sum(axis=(0, -1)) / 6
        critical = chi2_critical(np.maximum(freedom, 1), significance) * (1 + excess / freedom)
    return np.where(freedom > 0, critical, np.inf)


def largest_bin(window: Floats, reference: Floats) -> Floats:
    """Return the G of the bin along the last axis that differs most, each against all other bins together.

    It finds the change of a few values, such as a new category, however many bins there are. Counts are moved towards
    the expected ones by half a record (Yates' correction), because far in the tail of a binomial distribution G would
    be too large.

    >>> float(largest_bin(np.array([60.0, 1940.0]), np.array([0.0, 1000.0])).round(1))
    44.1
    """
    n, m = window.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    both = window + reference
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = both * n / (n + m)
        rest = both - expected
        inside = window - np.clip(window - expected, -0.5, 0.5)
        outside = both - inside
        terms = (
            xlogy(inside, inside / expected)
            + xlogy(outside, outside / rest)
            + xlogy(n - inside, (n - inside) / (n - expected))
            + xlogy(m - outside, (m - outside) / (m - rest))
        )
    largest: Floats = 2 * np.where((both > 0) & (both < n + m), terms, 0.0).max(axis=-1)
    return largest


def largest_bin_critical(window: Floats, reference: Floats, significance: Floats) -> Floats:
    """Return the value that the statistic of the largest bin exceeds with probability `significance` at most."""
    return chi2_critical(1.0, significance / np.maximum(used(window, reference).sum(axis=-1), 1))


def location(window: Floats, reference: Floats) -> Floats:
    """Return a statistic of the difference of location of counts by cell, along the last axis, in order of value.

    Without drift it is approximately chi-squared with one degree of freedom, in the far tail too. The score of a cell
    is its mean rank among the values of both sides, and x the difference of the mean scores. The statistic is the
    square of Wilcoxon's z, and beyond NORMAL standard errors twice the exponent of a saddlepoint approximation:

        2 * max over t of (t * x - K(t)),    K(t) = n * k(t / n) + m * k(-t / m)

    k is the cumulant generating function of the scores of both sides together. Wilcoxon's z of skewed scores, such as
    those of a feature that is nearly always 0, is beyond 5 many times as often as a normal variable.
    Reference: Barndorff-Nielsen & Cox (1979), Edgeworth and saddle-point approximations with statistical applications.
    """
    n, m = window.sum(axis=-1), reference.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (window + reference) / (n + m)[:, None]
        scores = shares.cumsum(axis=-1) - shares / 2 - 0.5
        x = (scores * window).sum(axis=-1) / n - (scores * reference).sum(axis=-1) / m
        variance = (shares * scores**2).sum(axis=-1) * (1 / n + 1 / m)
        statistic: Floats = x**2 / variance
    far = np.flatnonzero(statistic > NORMAL**2)
    if len(far):
        statistic[far] = _deviance(scores[far], shares[far], x[far], n[far], m[far], x[far] / variance[far])
    return statistic


def _deviance(scores: Floats, shares: Floats, x: Floats, n: Floats, m: Floats, start: Floats) -> Floats:
    """Return twice the maximum over t of t * x - K(t), found by Newton's method with steps that never overshoot."""

    def cumulants(t: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the cumulant generating function of the scores at t, and its first two derivatives."""
        exponent = t[:, None] * scores
        most = exponent.max(axis=-1, keepdims=True)
        weights = shares * np.exp(exponent - most)
        total = weights.sum(axis=-1)
        mean = (weights * scores).sum(axis=-1) / total
        spread = (weights * scores**2).sum(axis=-1) / total - mean**2
        return most[:, 0] + np.log(total), mean, spread

    t = start.copy()
    low, high = np.zeros_like(t), np.full_like(t, np.inf)
    sign = np.sign(x)
    for _ in range(MOST_STEPS):
        first, mean, spread = cumulants(t / n)
        second, mean_of_reference, spread_of_reference = cumulants(-t / m)
        slope = (x - (mean - mean_of_reference)) * sign
        low, high = np.where(slope > 0, abs(t), low), np.where(slope > 0, high, abs(t))
        if np.all(abs(slope) <= 1e-9 * abs(x)):
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = abs(t) + slope / (spread / n + spread_of_reference / m)
        inside = (newton > low) & (newton < high)
        t = sign * np.where(inside, newton, np.where(np.isinf(high), 2 * low, (low + high) / 2))
    return 2 * (t * x - n * first - m * second)


def location_critical(significance: float) -> float:
    """Return the value that the statistic of location exceeds with probability `significance` without drift."""
    return float(chi2_critical(1.0, significance))
