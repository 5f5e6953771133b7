"""Every method against scipy on the raw values, within its documented bound, for distributions of every shape."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from exporter.batch import Floats
from exporter.derived import Criteria
from exporter.derived.drift import DriftCalculator
from exporter.derived.drift_statistics import CHI2, JENSEN_SHANNON, KS, WASSERSTEIN
from tests.derived.samples import PAIRS, Pair, calculator, compared, profiled, row
from tests.derived.views import window_of
from tests.records import reference

EVERY = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)


def binned(both: DriftCalculator, values: Floats) -> Floats:
    """Count the values between the profile's edges, in a plain loop over them."""
    (edges,) = (np.array(feature.edges) for feature in both.cuts.features.values())
    counts = np.zeros(len(edges) + 1)
    for value in values:
        counts[np.count_nonzero(edges <= value)] += 1
    return counts


def cells(both: DriftCalculator, values: Floats) -> tuple[Floats, Floats]:
    """Return the share of the values between the cuts, and the cuts."""
    cuts = both.cuts.cuts[0][np.isfinite(both.cuts.cuts[0])]
    return np.histogram(values, [-np.inf, *cuts, np.inf])[0] / len(values), cuts


def test_there_are_enough_shapes() -> None:
    assert len(PAIRS) >= 30
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)


@EVERY
def test_psi_is_the_textbook_s_to_twelve_digits(pair: Pair) -> None:
    """With uniform bins, missing values left out and data in range, as design.md says."""
    against, window = pair.draw()
    window = np.clip(window, against.min(), against.max())
    edges = np.histogram_bin_edges(against, 10)
    q = np.histogram(against, edges)[0] / len(against) + 0.0001
    p = np.histogram(window, edges)[0] / len(window) + 0.0001
    expected = float(np.sum((p - q) * np.log(p / q)))
    both = calculator(reference({"x": profiled(against, binning="uniform")}), Criteria(epsilon=0.0001))
    value = both.drift(window_of(row(both, window))).psi[0]
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-15)


@EVERY
def test_chi_squared_is_scipy_s(pair: Pair) -> None:
    both, result, against, window = compared(pair)
    table = np.array([binned(both, window), binned(both, against)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] == 1:
        assert (result.of(CHI2)["chi2"][0], result.of(CHI2)["chi2_pvalue"][0]) == (0, 1)
        return
    expected = chi2_contingency(table, correction=False)
    assert result.of(CHI2)["chi2"][0] == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert result.of(CHI2)["chi2_pvalue"][0] == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-300)


@EVERY
def test_jensen_shannon_is_scipy_s(pair: Pair) -> None:
    both, result, against, window = compared(pair)
    table = np.array([binned(both, window), binned(both, against)])
    p, q = table[:, table.sum(axis=0) > 0] + 0.5
    assert result.of(JENSEN_SHANNON)["js"][0] == pytest.approx(jensenshannon(p, q, base=2), rel=1e-7, abs=1e-7)


@EVERY
def test_kolmogorov_smirnov_is_scipy_s_within_the_stated_bound(pair: Pair) -> None:
    both, result, against, window = compared(pair)
    exact = ks_2samp(window, against, method="asymp")
    p, _ = cells(both, window)
    q, _ = cells(both, against)
    bound = np.minimum(p, q).max()
    if both.cuts.steps[0] and set(window) <= set(against):
        bound = 0.0
    ks, pvalue = (values[0] for values in result.of(KS).values())
    assert exact.statistic - bound - 1e-12 <= ks <= exact.statistic + 1e-12
    m, n = len(against), len(window)
    plain = 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * n * m / (n + m) * ks**2) for k in range(1, 400))
    expected = 1.0 if ks * math.sqrt(n * m / (n + m)) < 0.2 else plain
    assert pvalue == pytest.approx(expected, rel=1e-6, abs=1e-12)


@EVERY
def test_wasserstein_is_scipy_s_within_the_stated_bound(pair: Pair) -> None:
    both, result, against, window = compared(pair)
    if not against.std() or both.cuts.features["x"].stddev == 0:
        assert np.isnan(result.of(WASSERSTEIN)["wasserstein"][0])
        return
    exact = wasserstein_distance(window, against) / against.std()
    p, cuts = cells(both, window)
    q, _ = cells(both, against)
    bound = float((np.diff(cuts) * (p + q)[1:-1]).sum() / against.std())
    crossing = _crossing(window, against, cuts)
    assert abs(result.of(WASSERSTEIN)["wasserstein"][0] - exact) <= bound + crossing + 1e-9
    if set(window) <= set(against) and both.cuts.steps[0]:
        assert result.of(WASSERSTEIN)["wasserstein"][0] == pytest.approx(exact, rel=1e-9, abs=1e-9)


def _crossing(window: Floats, against: Floats, cuts: Floats) -> float:
    """What is lost in the tails because the distributions cross there, in standard deviations."""
    lost = 0.0
    for side in (lambda x: np.minimum(x, cuts[0]), lambda x: np.maximum(x, cuts[-1])):
        a, b = side(window), side(against)
        lost += wasserstein_distance(a, b) - abs(a.mean() - b.mean())
    return lost / float(against.std())


def test_wasserstein_of_a_moved_normal_is_the_move() -> None:
    pair = next(pair for pair in PAIRS if pair.name == "normal, mean moved")
    _, result, against, window = compared(pair)
    exact = wasserstein_distance(window, against) / against.std()
    assert result.of(WASSERSTEIN)["wasserstein"][0] == pytest.approx(exact, abs=0.01)
    assert result.of(WASSERSTEIN)["wasserstein"][0] == pytest.approx(0.5, abs=0.05)
