"""Concept drift: whether a model's error rate has risen, judged as ground truth arrives.

The test replays the panes of the longest window in the order of time. After each pane it asks whether the error rate
since some earlier pane is higher than before it, by more than chance. The answer depends only on the panes, so it is
the same after a restart, and a detected rise stays detected while its panes are in view.
References: Worsley (1983), The power of likelihood ratio and cumulative sum tests for a change in a binomial
probability; Bifet and Gavalda (2007), Learning from time-changing data with adaptive windowing (the panes are its
buckets).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import xlogy

from exporter.batch import Floats, Series
from exporter.derived.view import View
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS, Statistic
from exporter.tallies.tally import Tally

FEWEST_OUTCOMES = 100
# Without change it is exceeded at most once in a hundred windows, at any error rate and traffic, according to the
# simulation in tests/derived/test_concept_drift.py.
CRITICAL = 23.0


class Errors(Protocol):
    """What counts as an error."""

    @property
    def counted(self) -> Statistic:
        """The statistic that errors are counted from."""
        ...

    def errors(self, panes: Sequence[Tally], classes: Sequence[str]) -> tuple[Floats, Floats]:
        """Return the number of errors, and of outcomes, in each pane."""
        ...


def rise(errors: Floats, total: Floats) -> float:
    """Return twice the log-likelihood ratio of the clearest rise of the error rate; 0 without a rise.

    `errors` and `total` are counts by pane. For k1 errors in n1 before and k2 in n2 after, where k2/n2 > k1/n1:

        2 (l(k1, n1) + l(k2, n2) - l(k1 + k2, n1 + n2)),    l(k, n) = k ln(k/n) + (n - k) ln(1 - k/n)

    >>> round(rise(np.array([10.0, 10.0, 40.0]), np.array([100.0, 100.0, 100.0])), 2)
    35.61
    """
    has_outcomes = total > 0
    k, n = errors[has_outcomes].cumsum(), total[has_outcomes].cumsum()
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
    """`model_concept_drift`; no value with fewer than FEWEST_OUTCOMES, of which `overdispersion` count as one."""

    performance: Errors
    overdispersion: float = 1.0

    def has_risen(self, view: View, series: Series) -> bool | None:
        """Return whether the error rate has risen within the longest window; None with too few outcomes."""
        name = self.performance.counted.name
        panes = [row[name] for row in view.panes(view.longest, series).values() if name in row]
        if not panes:
            return None
        errors, total = self.performance.errors(panes, view.classes)
        if total.sum() < FEWEST_OUTCOMES:
            return None
        return rise(errors, total) / self.overdispersion > CRITICAL

    def collect(self, view: View) -> Families:
        family = GaugeFamily(
            "model_concept_drift",
            "Whether the error rate has risen within the longest window, by more than chance.",
            BASE_LABELS,
        )
        for series in view.series:
            has_risen = self.has_risen(view, series)
            if has_risen is not None:
                family.add(series, has_risen)
        yield family
