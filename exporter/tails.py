"""Tail probabilities of the distributions that tests refer to, and their inverses, for whole degrees of freedom.

scipy.special has the same functions, but takes 20 MiB of memory, more than all other computation of the exporter.
"""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from exporter.batch import Floats

NORMAL = NormalDist()
# The Kolmogorov distribution has no values below the first. On each side of the second, one of two series is accurate.
SMALLEST, BETWEEN_SERIES = 0.01, 0.8
TERMS = 6
PRECISION = 1e-15
MOST_STEPS = 500
TINY = 1e-300
MOST_CACHED = 10_000


def xlogy(x: Floats, y: Floats) -> Floats:
    """Return x * ln(y), which is 0 where x is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        product: Floats = np.where(x == 0, 0.0, x * np.log(y))
    return product


def normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    return NORMAL.inv_cdf(probability)


def chi2_tail(freedom: Floats | float, value: Floats | float) -> Floats:
    """Return the probability that a chi-squared variable with 1 or more degrees of freedom exceeds a value.

        Q(x | k) = exp(-x/2) * sum of (x/2)^i / gamma(i + 1) over i = 0, 1, ... < k/2                 for an even k,
        Q(x | k) = the same over i = 1/2, 3/2, ... < k/2, plus erfc(sqrt(x/2))                        for an odd k

    The arguments are broadcast. Reference: Abramowitz & Stegun (1964), 26.4.4 and 26.4.5.
    """
    k, x = np.broadcast_arrays(np.asarray(freedom, np.float64), np.asarray(value, np.float64))
    half = np.maximum(x, 0.0) / 2
    tail = np.asarray(np.exp(_log_terms(k, half)).sum(axis=-1))
    is_odd = k % 2 == 1
    tail[is_odd] += [math.erfc(math.sqrt(each)) for each in half[is_odd].tolist()]
    return np.where(np.isposinf(half), 0.0, np.minimum(tail, 1.0))


def _log_terms(freedom: Floats, half: Floats) -> Floats:
    """Return the logarithms of the terms of the sum, along a new last axis."""
    is_odd = freedom % 2 == 1
    exponents = np.arange(max(int(freedom.max(initial=1.0)) // 2, 1)) + 0.5 * is_odd[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(half)
        steps = log[..., None] - np.log(exponents)
        steps[..., 0] = np.where(is_odd, log / 2 - math.lgamma(1.5), 0.0) - half
        return np.where(exponents < freedom[..., None] / 2, steps.cumsum(axis=-1), -np.inf)


def chi2_critical(freedom: Floats | float, probability: Floats | float) -> Floats:
    """Return the value that a chi-squared variable exceeds with a probability; the arguments are broadcast."""
    critical: Floats = np.asarray(np.frompyfunc(_chi2_critical, 2, 1)(freedom, probability), np.float64)
    return critical


@lru_cache(MOST_CACHED)
def _chi2_critical(freedom: float, probability: float) -> float:
    if probability >= 1:
        return 0.0
    if freedom == 1:
        return normal_quantile(probability / 2) ** 2
    # Newton's method on the logarithm of the tail, which is concave, so that it converges from any start.
    value = freedom
    for _ in range(MOST_STEPS):
        log_terms = _log_terms(np.array(freedom), np.array(value / 2))
        end = math.erfc(math.sqrt(value / 2)) if freedom % 2 else 0.0
        most = float(log_terms.max())
        rest = math.exp(math.log(end) - most) if end else 0.0
        log_tail = most + math.log(float(np.exp(log_terms - most).sum()) + rest)
        log_density = (freedom / 2 - 1) * math.log(value / 2) - value / 2 - math.lgamma(freedom / 2) - math.log(2)
        step = (log_tail - math.log(probability)) * math.exp(log_tail - log_density)
        value = max(value + step, value / 2)
        if abs(step) <= PRECISION * 10 * value:
            break
    return value


def t_tail(freedom: int, value: float) -> float:
    """Return the probability that a variable of Student's t distribution exceeds a value of at least 0."""
    square = value * value
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + square), square / (freedom + square)) / 2


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """Return the regularised incomplete beta function at x = 1 - rest.

    Reference: Press et al. (2007), Numerical recipes, 6.4: a continued fraction, by Lentz's method.
    """
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, rest, x)
    if x == 0:
        return 0.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest))
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, MOST_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for numerator in (even, odd):
            d = 1 / _away_from_zero(1 + numerator * d)
            c = _away_from_zero(1 + numerator / c)
            fraction *= c * d
        if abs(c * d - 1) < PRECISION:
            break
    return front * fraction / a


def _away_from_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY


def kolmogorov_tail(value: Floats) -> Floats:
    """Return the probability that the Kolmogorov distribution exceeds each value.

        2 * sum of (-1)^(i - 1) * exp(-2 * i^2 * x^2),    or for small x
        1 - sqrt(2 * pi) / x * sum of exp(-(2 * i - 1)^2 * pi^2 / (8 * x^2)),    over i = 1, 2, ...

    Reference: Marsaglia, Tsang & Wang (2003), Evaluating Kolmogorov's distribution.
    """
    x = np.asarray(value, np.float64)[..., None]
    i = np.arange(1, TERMS + 1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        far = 2 * ((-1.0) ** (i - 1) * np.exp(-2 * (i * x) ** 2)).sum(axis=-1)
        near = 1 - math.sqrt(2 * math.pi) / x[..., 0] * np.exp(-(((2 * i - 1) * math.pi / x) ** 2) / 8).sum(axis=-1)
    tail: Floats = np.where(x[..., 0] < SMALLEST, 1.0, np.where(x[..., 0] < BETWEEN_SERIES, near, far))
    return tail
