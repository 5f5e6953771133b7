"""The Jensen-Shannon distance: 0 for equal distributions, 1 for distributions with nothing in common.

    JS = sqrt((KL(p || m) + KL(q || m)) / 2),  m = (p + q) / 2,  KL(p || m) = sum of p * log2(p / m)

This is the distance in base 2, not the divergence, which is its square. p and q are the smoothed shares of window and
reference. Reference: Endres & Schindelin (2003), A new metric for probability distributions.
"""

from __future__ import annotations

import numpy as np

from exporter.batch import Floats
from exporter.derived.counts import shares, unless_empty, used
from exporter.derived.distributions import DriftStatistic


def jensen_shannon(window: Floats, reference: Floats) -> Floats:
    """Return the distance of counts along the last axis, NaN if either side is empty.

    >>> float(jensen_shannon(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    0.1723
    """
    bins = used(window, reference)
    p, q = shares(window, bins), shares(reference, bins)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(bins, p * np.log2(p / middle) + q * np.log2(q / middle), 0.0)
    return unless_empty(np.sqrt(np.maximum(terms.sum(axis=-1) / 2, 0.0)), window, reference)


JENSEN_SHANNON = DriftStatistic(
    "js",
    {"js": "Jensen-Shannon distance of {} in a window from the reference, base 2, 0 to 1."},
    lambda compared: (jensen_shannon(compared.window.bins, compared.reference.bins),),
)
