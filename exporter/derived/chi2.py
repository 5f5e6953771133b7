"""The chi-squared test of homogeneity: whether window and reference can be samples of one distribution.

    X2 = sum over the B bins of (sqrt(m/n) * w - sqrt(n/m) * r)**2 / (w + r)

w and r are the counts of a bin, n and m their sums: Pearson's statistic of the 2 x B contingency table, without Yates'
correction. Bins that are empty in both are left out. Without drift, X2 is approximately chi-squared with B - 1 degrees
of freedom. The reference counts as a sample too; a test that takes it as exact would reject too often.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from exporter.batch import Floats
from exporter.derived.counts import unless_empty, used
from exporter.derived.distributions import Comparison, DriftStatistic


def chi2(window: Floats, reference: Floats) -> Floats:
    """Return X2 of counts along the last axis, NaN if either side is empty.

    >>> float(chi2(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    8.3333
    """
    n, m = window.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    both = window + reference
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (np.sqrt(m / n) * window - np.sqrt(n / m) * reference) ** 2 / both
    return unless_empty(np.where(both > 0, terms, 0.0).sum(axis=-1), window, reference)


def pvalue(window: Floats, reference: Floats, value: Floats | None = None) -> Floats:
    """Return the p-value of X2 of two sets of counts; `value` is that X2, if it is known already."""
    freedom = used(window, reference).sum(axis=-1) - 1.0
    value = chi2(window, reference) if value is None else value
    return np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), value), np.where(np.isnan(value), np.nan, 1.0))


def _compute(compared: Comparison) -> tuple[Floats, Floats]:
    value = chi2(compared.window.bins, compared.reference.bins)
    window, reference = (distributions.bins for distributions in compared.independent)
    return value, pvalue(window, reference, value if compared.is_independent else None)


CHI2 = DriftStatistic(
    "chi2",
    {
        "chi2": "Chi-squared statistic of {} in a window against the reference; it grows with the sample.",
        "chi2_pvalue": "Probability of such a chi-squared statistic of {}, or a larger one, where nothing has moved.",
    },
    _compute,
)
