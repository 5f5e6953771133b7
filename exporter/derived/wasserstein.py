"""The first Wasserstein distance: how far values have to be moved, on average, to make the reference's of the window's.

    W = integral of |F(x) - G(x)| dx,  divided by the reference's standard deviation

F and G are the cumulative distributions of window and reference, known at the cuts. Between two cuts they are taken
to be straight; where each distinct value of the reference has a cut of its own, to step there. Beyond the outermost
cuts the integral is the difference of the sums of what lies there, which is exact unless F and G cross there. The error
is at most the sum over the cells of their width times (p + q), the shares of values in them, and far smaller where
values are spread: a hundredth of a standard deviation. Reference: Vallender (1974).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exporter.batch import Bools, Floats


class Values(NamedTuple):
    """Where the values of features lie: `cells` are the counts between the cuts, shape (features, cells).

    `below` and `above` sum how far values lie beyond the first and the last cut, shape (features,).
    """

    cells: Floats
    below: Floats
    above: Floats


def wasserstein(window: Values, reference: Values, widths: Floats, steps: Bools) -> Floats:
    """Return W of each feature, not divided yet; NaN where either side is empty.

    `widths`, shape (features, cells - 2), are those between neighbouring cuts; `steps` says of which features each
    distinct value has a cut.

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
    """Return the mean of the absolute value of a line from `low` to `high`."""
    ends = np.abs(low) + np.abs(high)
    with np.errstate(invalid="ignore"):
        crossing = (low**2 + high**2) / (2 * ends)
    return np.where(low * high < 0, crossing, ends / 2)
