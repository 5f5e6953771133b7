"""The chi-squared test of homogeneity: whether window and reference can be samples of one distribution.

    X2 = sum over the B bins of (sqrt(m/n) * w - sqrt(n/m) * r)**2 / (w + r)

w and r are the counts of a bin, n and m their sums: Pearson's statistic of the 2 x B contingency table, without
Yates' correction; bins empty in both are left out. Where nothing has moved it is about chi-squared with B - 1 degrees
of freedom. Both samples count: a test that takes the reference for exact rejects too often.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from exporter.batch import Floats
from exporter.derived.counts import unless_empty, used


def chi2(window: Floats, reference: Floats) -> Floats:
    """Return X2 of counts along the last axis; NaN where either side is empty.

    >>> float(chi2(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    8.3333
    """
    n, m = window.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    both = window + reference
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (np.sqrt(m / n) * window - np.sqrt(n / m) * reference) ** 2 / both
    return unless_empty(np.where(both > 0, terms, 0.0).sum(axis=-1), window, reference)


def pvalue(window: Floats, reference: Floats) -> Floats:
    """Return the probability of an X2 as large as this one, or larger, where nothing has moved."""
    freedom = used(window, reference).sum(axis=-1) - 1.0
    value = chi2(window, reference)
    return np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), value), np.where(np.isnan(value), np.nan, 1.0))
