"""A quantile of a histogram's buckets, as PromQL estimates it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

# Upper bounds, ascending, and cumulative counts.
CumulativeBuckets = Sequence[tuple[float, float]]


def histogram_quantile(quantile: float, buckets: CumulativeBuckets) -> float:
    """Estimate a quantile as PromQL's function of that name does: values are spread evenly within a bucket.

    A quantile in the last bucket, which has no upper bound, is estimated as that bucket's lower bound.

    >>> histogram_quantile(0.5, [(1.0, 10.0), (2.0, 30.0), (float("inf"), 40.0)])
    1.5
    """
    total = buckets[-1][1] if buckets else 0
    if not total:
        return math.nan
    rank = quantile * total
    for (low, below), (high, count) in pairwise([(0.0, 0.0), *buckets]):
        if count >= rank and count > below:
            return low if math.isinf(high) else low + (high - low) * (rank - below) / (count - below)
    return math.nan
