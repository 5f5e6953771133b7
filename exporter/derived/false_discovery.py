"""Benjamini-Hochberg: which of many features have moved, where one alone may be told to have moved by chance.

Of the p-values in ascending order, those up to the last one with p(k) <= k / features * significance are rejected. Then
of the features that are told to have moved, at most the share `significance` has not; and where none has moved, the
probability that any is told to have is at most `significance`.
Reference: Benjamini & Hochberg (1995), Controlling the false discovery rate.
"""

from __future__ import annotations

import numpy as np

from exporter.batch import Bools, Floats


def rejected(pvalues: Floats, significance: float) -> Bools:
    """Return which features have moved, shape (features,); a NaN is no test and takes no part.

    >>> rejected(np.array([0.001, 0.2, 0.012, np.nan]), 0.02).tolist()
    [True, False, True, False]
    """
    tested = np.sort(pvalues[~np.isnan(pvalues)])
    if not len(tested):
        return np.zeros(pvalues.shape, np.bool_)
    passed = tested <= np.arange(1, len(tested) + 1) / len(tested) * significance
    limit = tested[np.flatnonzero(passed)[-1]] if passed.any() else -1.0
    below: Bools = pvalues <= limit
    return below
