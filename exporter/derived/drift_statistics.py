"""The drift statistics: how far the distributions of a window differ from those of a reference.

DRIFT_STATISTICS, at the end, lists them in the order of export. The values that the configuration's `drift.methods` may
have, the metrics, and their documentation follow from that list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Bools, Floats
from exporter.derived import Criteria
from exporter.derived.distributions import Distributions, smoothed_shares, unless_empty, used
from exporter.stats.feature_cuts import FeatureCuts
from exporter.tails import chi2_critical, chi2_tail, kolmogorov_tail


@dataclass(frozen=True)
class Comparison:
    """The distributions of a window, and those of the reference or of another window.

    `independent` are the same two with the counts of fewer records, as many as are independent; p-values and critical
    values use these. `cuts` are the cuts between the cells of numeric variables.
    """

    window: Distributions
    reference: Distributions
    independent: tuple[Distributions, Distributions]
    cuts: FeatureCuts
    criteria: Criteria

    @property
    def is_independent(self) -> bool:
        """Whether all records are independent."""
        window, reference = self.independent
        return window is self.window and reference is self.reference


@dataclass(frozen=True)
class DriftStatistic:
    """A statistic of how far two distributions differ. `name` is its name in the configuration's `drift.methods`.

    For each X in `results` it exports `model_feature_drift_X`, and the same of outputs, attributions and labels; the
    help text has `{}` in place of the variable. `compute` returns an array per result, with a value per variable, or
    per numeric variable if `is_numeric`.
    """

    name: str
    results: Mapping[str, str]
    compute: Callable[[Comparison], tuple[Floats, ...]]
    is_numeric: bool = False


def psi(window: Floats, reference: Floats, epsilon: float | None = None) -> Floats:
    """Return the population stability index of counts along the last axis, NaN if either side is empty.

        PSI = sum over the B bins of (p - q) * ln(p / q)

    p and q are the smoothed shares of a bin in the window and in the reference. Bins that are empty in both are left
    out. Jeffreys' smoothing, (count + 0.5) / (n + 0.5 * B), keeps PSI finite and the false-alarm rate as stated. With
    `epsilon`, shares are count / n + epsilon, as in textbooks.

    PSI is not 0 without drift: for n records in the window and m in the reference, PSI / (1/n + 1/m) is then
    approximately chi-squared with B - 1 degrees of freedom. PSI is therefore large in small windows, and a fixed limit
    causes false alarms. Reference: Yurdakul & Naranjo (2020), Statistical properties of the population stability index.

    >>> float(psi(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    0.1659
    """
    return unless_empty(psi_terms(window, reference, epsilon).sum(axis=-1), window, reference)


def psi_terms(window: Floats, reference: Floats, epsilon: float | None = None) -> Floats:
    """Return what each bin along the last axis adds to the PSI; 0 for a bin that is empty on both sides."""
    bins = used(window, reference)
    p, q = smoothed_shares(window, bins, epsilon), smoothed_shares(reference, bins, epsilon)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bins, (p - q) * np.log(p / q), 0.0)


def psi_critical(window: Floats, reference: Floats, significance: float) -> Floats:
    """Return the value that PSI exceeds with probability `significance` without drift.

    >>> float(psi_critical(np.full(10, 20.0), np.full(10, 1000.0), 0.01).round(4))
    0.1105
    """
    freedom = _degrees_of_freedom(window, reference)
    limit = chi2_critical(np.maximum(freedom, 1), significance) * _psi_scale(window, reference)
    return np.where(freedom > 0, limit, 0.0)


def psi_pvalue(value: Floats, window: Floats, reference: Floats) -> Floats:
    """Return the p-value of a PSI without `epsilon`, given the counts that it is of."""
    return _chi2_tail(value / _psi_scale(window, reference), _degrees_of_freedom(window, reference))


def _psi_scale(window: Floats, reference: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        scale: Floats = 1 / window.sum(axis=-1) + 1 / reference.sum(axis=-1)
    return scale


def _degrees_of_freedom(window: Floats, reference: Floats) -> Floats:
    freedom: Floats = used(window, reference).sum(axis=-1) - 1.0
    return freedom


def _chi2_tail(value: Floats, freedom: Floats) -> Floats:
    """Return the probability that a chi-squared variable exceeds a value; 1 without degrees of freedom."""
    tail = chi2_tail(np.maximum(freedom, 1), value)
    return np.where(freedom > 0, tail, np.where(np.isnan(value), np.nan, 1.0))


def _compute_psi(compared: Comparison) -> tuple[Floats, Floats, Floats]:
    epsilon = compared.criteria.epsilon
    value = psi(compared.window.bins, compared.reference.bins, epsilon)
    window, reference = (distributions.bins for distributions in compared.independent)
    # The null distribution is that of Jeffreys' smoothing.
    tested = value if compared.is_independent and epsilon is None else psi(window, reference)
    critical = psi_critical(window, reference, compared.criteria.significance)
    return value, critical, psi_pvalue(tested, window, reference)


PSI = DriftStatistic(
    "psi",
    {
        "psi": "Population stability index of {} in a window against the reference, unitless.",
        "psi_critical": "Critical value of the PSI of {}: chance explains lower values at these sample sizes.",
        "psi_pvalue": "p-value of the PSI of {} under no drift.",
    },
    _compute_psi,
)


def ks(window: Distributions, reference: Distributions) -> Floats:
    """Return the two-sample Kolmogorov-Smirnov statistic of each numeric variable; NaN if either side is empty.

        D = max over the cuts c of |F(c) - G(c)|

    F and G are the shares of the window's and the reference's values below a cut. The cuts are fine quantiles of the
    reference, so D is a close lower bound of the exact statistic: exact - D <= max over the cells of min(p, q), the
    shares of values between two neighbouring cuts. With 127 cuts, that is at most 0.8% for a continuous variable, and 0
    where each distinct value has a cut of its own.
    """
    largest: Floats = np.abs(window.cumulative - reference.cumulative).max(axis=-1, initial=0.0)
    return largest


def ks_pvalue(value: Floats, window: Floats, reference: Floats) -> Floats:
    """Return the p-value of a D, given the counts that it is of.

    It follows from the asymptotic distribution of sqrt(n * m / (n + m)) * D, and is an upper bound for values with many
    ties.
    """
    n, m = window.sum(axis=-1), reference.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return kolmogorov_tail(np.sqrt(n * m / (n + m)) * value)


def _compute_ks(compared: Comparison) -> tuple[Floats, Floats]:
    value = ks(compared.window, compared.reference)
    return value, ks_pvalue(value, *(distributions.cells for distributions in compared.independent))


KS = DriftStatistic(
    "ks",
    {
        "ks": "Kolmogorov-Smirnov statistic of {} in a window against the reference, 0 to 1.",
        "ks_pvalue": "p-value of the Kolmogorov-Smirnov statistic of {} under no drift.",
    },
    _compute_ks,
    is_numeric=True,
)


def chi2(window: Floats, reference: Floats) -> Floats:
    """Return the statistic of the chi-squared test of homogeneity of counts; NaN if either side is empty.

        X2 = sum over the B bins of (sqrt(m/n) * w - sqrt(n/m) * r)**2 / (w + r)

    w and r are the counts of a bin, n and m their sums: Pearson's statistic of the 2 x B contingency table, without
    Yates' correction. Bins that are empty in both are left out. Without drift, X2 is approximately chi-squared with
    B - 1 degrees of freedom. The reference counts as a sample too; a test that takes it as exact would reject too
    often.

    >>> float(chi2(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    8.3333
    """
    n, m = window.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    both = window + reference
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (np.sqrt(m / n) * window - np.sqrt(n / m) * reference) ** 2 / both
    return unless_empty(np.where(both > 0, terms, 0.0).sum(axis=-1), window, reference)


def _compute_chi2(compared: Comparison) -> tuple[Floats, Floats]:
    value = chi2(compared.window.bins, compared.reference.bins)
    window, reference = (distributions.bins for distributions in compared.independent)
    tested = value if compared.is_independent else chi2(window, reference)
    return value, _chi2_tail(tested, _degrees_of_freedom(window, reference))


CHI2 = DriftStatistic(
    "chi2",
    {
        "chi2": "Chi-squared statistic of {} in a window against the reference; it grows with the sample.",
        "chi2_pvalue": "p-value of the chi-squared statistic of {} under no drift.",
    },
    _compute_chi2,
)


def jensen_shannon(window: Floats, reference: Floats) -> Floats:
    """Return the Jensen-Shannon distance of counts: 0 if equal, 1 with nothing in common, NaN if a side is empty.

        JS = sqrt((KL(p || m) + KL(q || m)) / 2),  m = (p + q) / 2,  KL(p || m) = sum of p * log2(p / m)

    This is the distance in base 2, not the divergence, which is its square. p and q are the smoothed shares of window
    and reference. Reference: Endres & Schindelin (2003), A new metric for probability distributions.

    >>> float(jensen_shannon(np.array([30.0, 70.0]), np.array([50.0, 50.0])).round(4))
    0.1723
    """
    bins = used(window, reference)
    p, q = smoothed_shares(window, bins), smoothed_shares(reference, bins)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(bins, p * np.log2(p / middle) + q * np.log2(q / middle), 0.0)
    return unless_empty(np.sqrt(np.maximum(terms.sum(axis=-1) / 2, 0.0)), window, reference)


JENSEN_SHANNON = DriftStatistic(
    "js",
    {"js": "Jensen-Shannon distance of {} in a window from the reference, base 2, 0 to 1."},
    lambda compared: (jensen_shannon(compared.window.bins, compared.reference.bins),),
)


def wasserstein(window: Distributions, reference: Distributions, widths: Floats, steps: Bools) -> Floats:
    """Return the first Wasserstein distance of each numeric variable in its own unit, NaN if either side is empty.

        W = integral of |F(x) - G(x)| dx

    This is how far values must be moved, on average, to turn one distribution into the other. F and G are the
    cumulative distributions of window and reference, which are known at the cuts. Between two cuts they are taken to be
    linear, or step functions where each distinct value of the reference has a cut of its own, as `steps` marks. Beyond
    the outermost cuts, the integral is the difference of the sums of distances there, which is exact unless F and G
    cross. The error is at most the sum over the cells of their width times (p + q), the shares of values in them; for
    continuous variables it is about a hundredth of a standard deviation. `widths`, shape (variables, cells - 2), are
    the distances between neighbouring cuts. Reference: Vallender (1974).

    >>> none = np.zeros(1)
    >>> a, b = (Distributions(none, np.array([[0.0, *counts, 0.0]]), none, none) for counts in ((10, 0), (0, 10)))
    >>> wasserstein(a, b, np.array([[2.0, 1e-9]]), np.array([True])).round(4).tolist()
    [2.0]
    """
    n, m = window.cells.sum(axis=-1), reference.cells.sum(axis=-1)
    difference = (window.cumulative - reference.cumulative)[:, :-1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = difference[:, :-1], difference[:, 1:]
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


def _compute_wasserstein(compared: Comparison) -> tuple[Floats]:
    cuts = compared.cuts
    # A constant has no standard deviation, and so no distance in units of it.
    scale = np.array([feature.stddev or np.nan for feature in cuts.features.values()])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        distance = wasserstein(compared.window, compared.reference, cuts.widths, cuts.steps) / scale
    # It is too large for a float if values of 1e300 meet a reference of 1e-300.
    return (np.minimum(distance, np.finfo(np.float64).max),)


WASSERSTEIN = DriftStatistic(
    "wasserstein",
    {
        "wasserstein": "Wasserstein distance of {} in a window from the reference, in the reference's standard "
        "deviations."
    },
    _compute_wasserstein,
    is_numeric=True,
)

DRIFT_STATISTICS: tuple[DriftStatistic, ...] = (PSI, KS, CHI2, JENSEN_SHANNON, WASSERSTEIN)
