"""The first Wasserstein distance: how far values must be moved, on average, to turn one distribution into the other.

    W = integral of |F(x) - G(x)| dx,  divided by the reference's standard deviation

F and G are the cumulative distributions of window and reference, which are known at the cuts. Between two cuts they are
taken to be linear, or step functions where each distinct value of the reference has a cut of its own. Beyond the
outermost cuts, the integral is the difference of the sums of distances there, which is exact unless F and G cross. The
error is at most the sum over the cells of their width times (p + q), the shares of values in them; for continuous
variables it is about a hundredth of a standard deviation. Reference: Vallender (1974).
"""

from __future__ import annotations

import numpy as np

from exporter.batch import Bools, Floats
from exporter.derived.distributions import Comparison, DriftStatistic, Values


def wasserstein(window: Values, reference: Values, widths: Floats, steps: Bools) -> Floats:
    """Return W of each variable in its own unit, NaN if either side is empty.

    `widths`, shape (variables, cells - 2), are the distances between neighbouring cuts; `steps` marks the variables for
    which each distinct value has a cut.

    >>> one = np.zeros(1)
    >>> a, b = (Values(np.array([[0.0, *counts, 0.0]]), one, one) for counts in ((10.0, 0.0), (0.0, 10.0)))
    >>> wasserstein(a, b, np.array([[2.0, 1e-9]]), np.array([True])).round(4).tolist()
    [2.0]
    """
    n, m = window.cells.sum(axis=-1), reference.cells.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        f = window.cells.cumsum(axis=-1)[:, :-1] / n[:, None]
        g = reference.cells.cumsum(axis=-1)[:, :-1] / m[:, None]
        low, high = (f - g)[:, :-1], (f - g)[:, 1:]
        inner = np.where(steps[:, None], np.abs(high), _mean_of_line(low, high))
        tails = np.abs(window.below / n - reference.below / m) + np.abs(window.above / n - reference.above / m)
        distance: Floats = (inner * widths).sum(axis=-1) + tails
    return distance


def _mean_of_line(low: Floats, high: Floats) -> Floats:
    """Return the mean absolute value of a straight line from `low` to `high`."""
    ends = np.abs(low) + np.abs(high)
    with np.errstate(invalid="ignore"):
        crossing = (low**2 + high**2) / (2 * ends)
    return np.where(low * high < 0, crossing, ends / 2)


def _compute(compared: Comparison) -> tuple[Floats]:
    cuts = compared.cuts
    # A constant has no standard deviation, and so no distance in units of it.
    scale = np.array([feature.stddev or np.nan for feature in cuts.features.values()])
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = wasserstein(compared.window.values, compared.reference.values, cuts.widths, cuts.steps) / scale
    return (distance,)


WASSERSTEIN = DriftStatistic(
    "wasserstein",
    {
        "wasserstein": "Wasserstein distance of {} in a window from the reference, in the reference's standard "
        "deviations."
    },
    _compute,
    is_numeric=True,
)
