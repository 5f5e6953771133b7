"""The population stability index: how far a window's shares have moved from the reference's.

    PSI = sum over the B bins of (p - q) * ln(p / q)

p is the window's and q the reference's share of a bin, smoothed. Bins empty in both are left out.

PSI is not 0 where nothing has moved: with n records in the window and m in the reference, PSI / (1/n + 1/m) is then
about chi-squared with B - 1 degrees of freedom. So a small window makes it large, and a fixed limit fires by chance.
Reference: Yurdakul & Naranjo (2020), Statistical properties of the population stability index.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc, chdtri

from exporter.batch import Floats
from exporter.derived.counts import shares, unless_empty, used


def terms(window: Floats, reference: Floats, epsilon: float | None = None) -> Floats:
    """Return what each bin along the last axis adds to the PSI; 0 for a bin that is empty on both sides."""
    bins = used(window, reference)
    p, q = shares(window, bins, epsilon), shares(reference, bins, epsilon)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bins, (p - q) * np.log(p / q), 0.0)


def psi(window: Floats, reference: Floats, epsilon: float | None = None) -> Floats:
    """Return the PSI of counts along the last axis; NaN where either side is empty.

    Shares are (count + 0.5) / (n + 0.5 * B), Jeffreys' smoothing, which is always finite and keeps chance at
    its stated rate. With `epsilon` they are count / n + epsilon, the textbook form.

    >>> float(psi(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    0.1659
    """
    return unless_empty(terms(window, reference, epsilon).sum(axis=-1), window, reference)


def critical(window: Floats, reference: Floats, significance: float) -> Floats:
    """Return what PSI exceeds by chance with probability `significance` where nothing has moved.

    >>> float(critical(np.full(10, 20.0), np.full(10, 1000.0), 0.01).round(4))
    0.1105
    """
    freedom, scale = _null(window, reference)
    return np.where(freedom > 0, chdtri(np.maximum(freedom, 1), significance) * scale, 0.0)


def pvalue(window: Floats, reference: Floats) -> Floats:
    """Return the probability of a PSI as large as this one, or larger, where nothing has moved."""
    freedom, scale = _null(window, reference)
    value = psi(window, reference)
    return np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), value / scale), np.where(np.isnan(value), np.nan, 1.0))


def _null(window: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Return the degrees of freedom, B - 1, and 1/n + 1/m, which is what PSI is a multiple of by chance."""
    with np.errstate(divide="ignore"):
        scale: Floats = 1 / window.sum(axis=-1) + 1 / reference.sum(axis=-1)
    freedom: Floats = used(window, reference).sum(axis=-1) - 1.0
    return freedom, scale
