"""The population stability index: how far a window's shares have moved from the reference's.

    PSI = sum over the B bins of (p - q) * ln(p / q)

p and q are the smoothed shares of a bin in the window and in the reference. Bins that are empty in both are left out.

PSI is not 0 without drift: for n records in the window and m in the reference, PSI / (1/n + 1/m) is then approximately
chi-squared with B - 1 degrees of freedom. PSI is therefore large in small windows, and a fixed limit causes false
alarms. Reference: Yurdakul & Naranjo (2020), Statistical properties of the population stability index.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc, chdtri

from exporter.batch import Floats
from exporter.derived.counts import shares, unless_empty, used
from exporter.derived.distributions import Comparison, DriftStatistic


def terms(window: Floats, reference: Floats, epsilon: float | None = None) -> Floats:
    """Return what each bin along the last axis adds to the PSI; 0 for a bin that is empty on both sides."""
    bins = used(window, reference)
    p, q = shares(window, bins, epsilon), shares(reference, bins, epsilon)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bins, (p - q) * np.log(p / q), 0.0)


def psi(window: Floats, reference: Floats, epsilon: float | None = None) -> Floats:
    """Return the PSI of counts along the last axis, NaN if either side is empty.

    Shares have Jeffreys' smoothing, (count + 0.5) / (n + 0.5 * B), which keeps PSI finite and the false-alarm rate as
    stated. With `epsilon` they are count / n + epsilon, as in textbooks.

    >>> float(psi(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    0.1659
    """
    return unless_empty(terms(window, reference, epsilon).sum(axis=-1), window, reference)


def critical(window: Floats, reference: Floats, significance: float) -> Floats:
    """Return the value that PSI exceeds with probability `significance` without drift.

    >>> float(critical(np.full(10, 20.0), np.full(10, 1000.0), 0.01).round(4))
    0.1105
    """
    freedom, scale = _null(window, reference)
    return np.where(freedom > 0, chdtri(np.maximum(freedom, 1), significance) * scale, 0.0)


def pvalue(window: Floats, reference: Floats, value: Floats | None = None) -> Floats:
    """Return the p-value of the PSI of two sets of counts; `value` is that PSI, if it is known already."""
    freedom, scale = _null(window, reference)
    value = psi(window, reference) if value is None else value
    return np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), value / scale), np.where(np.isnan(value), np.nan, 1.0))


def _null(window: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Return the degrees of freedom, B - 1, and 1/n + 1/m, the scale of PSI without drift."""
    with np.errstate(divide="ignore"):
        scale: Floats = 1 / window.sum(axis=-1) + 1 / reference.sum(axis=-1)
    freedom: Floats = used(window, reference).sum(axis=-1) - 1.0
    return freedom, scale


def _compute(compared: Comparison) -> tuple[Floats, Floats, Floats]:
    epsilon = compared.criteria.epsilon
    value = psi(compared.window.bins, compared.reference.bins, epsilon)
    window, reference = (distributions.bins for distributions in compared.independent)
    # The null distribution holds for Jeffreys' smoothing.
    is_tested = compared.is_independent and epsilon is None
    return (
        value,
        critical(window, reference, compared.criteria.significance),
        pvalue(window, reference, value if is_tested else None),
    )


PSI = DriftStatistic(
    "psi",
    {
        "psi": "Population stability index of {} in a window against the reference, unitless.",
        "psi_critical": "What the PSI of {} may reach by chance at these sample sizes.",
        "psi_pvalue": "Probability of such a PSI of {}, or a larger one, where nothing has moved.",
    },
    _compute,
)
