"""Benjamini-Hochberg: which of many features have drifted, with a bound on the share of false alarms.

Of the p-values in ascending order, those up to the last one with p(k) <= k / features * significance are rejected. Then
at most the share `significance` of the features reported as drifted has not drifted, and without any drift the
probability that any feature is reported is at most `significance`.
Reference: Benjamini & Hochberg (1995), Controlling the false discovery rate.
"""

from __future__ import annotations

import numpy as np

from exporter.batch import Bools, Floats


def rejected(pvalues: Floats, significance: float) -> Bools:
    """Return which features have drifted, shape (features,); NaN p-values are left out.

    >>> rejected(np.array([0.001, 0.2, 0.012, np.nan]), 0.02).tolist()
    [True, False, True, False]
    """
    tested = np.sort(pvalues[~np.isnan(pvalues)])
    if not len(tested):
        return np.zeros(pvalues.shape, np.bool_)
    is_small = tested <= np.arange(1, len(tested) + 1) / len(tested) * significance
    limit = tested[np.flatnonzero(is_small)[-1]] if is_small.any() else -1.0
    below: Bools = pvalues <= limit
    return below
