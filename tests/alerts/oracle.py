"""The statistics in plain loops, from records or counts; shares no code with the rules or with the exporter."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from scipy.stats import chi2, chi2_contingency

Counts = Mapping[str, float]


class Drift(NamedTuple):
    """What two sides' counts by bin say."""

    n: float
    m: float
    used: int
    psi: float
    critical: float
    chi2: float
    ks: float
    effect: float
    g: float
    g_critical: float

    def level(self) -> int:
        """Return the level without one before."""
        if self.g < self.g_critical:
            return 0
        return 2 if self.effect >= 0.25 else 1 if self.effect >= 0.1 else 0


def drift(window: Counts, reference: Counts, overdispersion: float = 1.0) -> Drift:
    """Compare counts by bin; numeric bins are those with a colon, and sort by their label."""
    bins = [name for name in {**window, **reference} if window.get(name, 0) + reference.get(name, 0) > 0]
    p = [window.get(name, 0.0) for name in bins]
    q = [reference.get(name, 0.0) for name in bins]
    n, m = sum(p), sum(q)
    psi = 0.0
    for count, expected in zip(p, q, strict=True):
        share = (count + 0.5) / (n + 0.5 * len(bins))
        expected_share = (expected + 0.5) / (m + 0.5 * len(bins))
        psi += (share - expected_share) * math.log(share / expected_share)
    floored = [(max(count / n, 2e-4), max(expected / m, 2e-4)) for count, expected in zip(p, q, strict=True)]
    g = chi2_contingency([p, q], correction=False, lambda_="log-likelihood").statistic / overdispersion
    return Drift(
        n,
        m,
        len(bins),
        psi,
        chi2.isf(0.01, len(bins) - 1) * (1 / n + 1 / m) * overdispersion,
        chi2_contingency([p, q], correction=False).statistic,
        _ks(window, reference),
        sum((share - expected) * math.log(share / expected) for share, expected in floored),
        g,
        wilson_hilferty(5.8, len(bins) - 1),
    )


def wilson_hilferty(z: float, freedom: int) -> float:
    """Return the quantile of chi-squared that is as far out as `z` standard deviations of a normal variable."""
    return float(freedom * (1 - 2 / 9 / freedom + z * math.sqrt(2 / 9 / freedom)) ** 3)


def _ks(window: Counts, reference: Counts) -> float:
    edges = sorted(name for name in {**window, **reference} if ":" in name)
    if not edges:
        return math.nan
    both = []
    for side in (window, reference):
        total = sum(side.get(name, 0) for name in edges)
        shares = [side.get(name, 0) / total for name in edges]
        both.append([sum(shares[: index + 1]) for index in range(len(shares))])
    return max(abs(a - b) for a, b in zip(*both, strict=True))
