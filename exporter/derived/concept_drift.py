"""Concept drift: whether a model has become wrong more often, as its truth arrives.

Of the longest window's panes, in the order of time, each number of first ones is looked at as if the next were still to
come: is the error rate after some pane of these higher than before it, by more than chance? The answer depends on
nothing but the panes, so it is the same after a restart; and once given it stays, as long as they are in view.
References: Worsley (1983), The power of likelihood ratio and cumulative sum tests for a change in a binomial
probability; Bifet and Gavalda (2007), Learning from time-changing data with adaptive windowing (the panes are its
buckets).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import xlogy

from exporter.batch import Floats, Series
from exporter.decoding.columns import VALUE_CLASS
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.outcomes import Outcomes, matrix
from exporter.stats.residuals import ResidualBins
from exporter.tallies.tally import Tally

FEWEST_OUTCOMES = 100
# Where nothing changes it is passed once in a hundred windows at most, whatever the error rate and the traffic, by
# simulation (tests/derived/test_concept_drift.py).
CRITICAL = 23.0


class Errors(Protocol):
    """What is an error."""

    @property
    def name(self) -> str:
        """That of the statistic that counts it."""
        ...

    def count(self, panes: Sequence[Tally], classes: Sequence[str]) -> tuple[Floats, Floats]:
        """Return how many outcomes of each pane are errors, and how many there are."""
        ...


@dataclass(frozen=True)
class WrongClasses:
    """A class is an error where it is not the true one; see Classification for `is_declared`."""

    outcomes: Outcomes
    is_declared: bool

    @property
    def name(self) -> str:
        return self.outcomes.name

    def count(self, panes: Sequence[Tally], classes: Sequence[str]) -> tuple[Floats, Floats]:
        kept = [place for place, name in enumerate(classes) if self.is_declared or name != VALUE_CLASS]
        counts = np.array([matrix(pane, len(classes))[np.ix_(kept, kept)] for pane in panes])
        total = counts.sum(axis=(1, 2))
        return total - np.trace(counts, axis1=1, axis2=2), total


@dataclass(frozen=True)
class LargeResiduals:
    """A value is an error where it is further from the truth than about half of all in view."""

    bins: ResidualBins

    @property
    def name(self) -> str:
        return self.bins.name

    def count(self, panes: Sequence[Tally], classes: Sequence[str]) -> tuple[Floats, Floats]:
        counts = np.array(panes, np.float64)
        middle = counts.shape[1] // 2
        # Bins lie on both sides of the middle one alike.
        absolute = counts[:, middle:].copy()
        absolute[:, 1:] += counts[:, :middle][:, ::-1]
        below = absolute.sum(axis=0).cumsum()
        cut = int(np.abs(below - below[-1] / 2).argmin()) + 1
        return absolute[:, cut:].sum(axis=1), absolute.sum(axis=1)


def rise(errors: Floats, total: Floats) -> float:
    """Return twice the log-likelihood ratio of the clearest rise of the error rate; 0 where there is none.

    `errors` and `total` are counts by pane. Of errors k1 of n1 before and k2 of n2 after, where k2/n2 > k1/n1:

        2 (l(k1, n1) + l(k2, n2) - l(k1 + k2, n1 + n2)),    l(k, n) = k ln(k/n) + (n - k) ln(1 - k/n)

    >>> round(rise(np.array([10.0, 10.0, 40.0]), np.array([100.0, 100.0, 100.0])), 2)
    35.61
    """
    there = total > 0
    k, n = errors[there].cumsum(), total[there].cumsum()
    change, end = np.triu_indices(len(n), 1)
    before, of_before, until, of_until = k[change], n[change], k[end], n[end]
    after, of_after = until - before, of_until - of_before
    ratios = _likelihood(before, of_before) + _likelihood(after, of_after) - _likelihood(until, of_until)
    rising = after * of_before > before * of_after
    return 2 * float(ratios[rising].max(initial=0.0))


def _likelihood(errors: Floats, total: Floats) -> Floats:
    likelihood: Floats = xlogy(errors, errors / total) + xlogy(total - errors, 1 - errors / total)
    return likelihood


@dataclass(frozen=True)
class ConceptDrift:
    """`model_concept_drift`, no value under FEWEST_OUTCOMES; `overdispersion` of them are worth one."""

    errors: Errors
    overdispersion: float = 1.0

    @property
    def reads(self) -> str:
        return self.errors.name

    def collect(self, panes: Mapping[Series, Sequence[Tally]], classes: Sequence[str]) -> Iterator[Family]:
        family = GaugeFamily(
            "model_concept_drift",
            "Whether the error rate has risen within the longest window, by more than chance.",
            BASE_LABELS,
        )
        for series, held in panes.items():
            if held:
                errors, total = self.errors.count(held, classes)
                if total.sum() >= FEWEST_OUTCOMES:
                    family.add(series, rise(errors, total) / self.overdispersion > CRITICAL)
        yield family
