"""The population stability index against scipy, the textbook's snippet and a plain loop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2 as scipy_chi2
from scipy.stats import entropy

from exporter.batch import Floats
from exporter.derived.drift_statistics import psi, psi_critical, psi_pvalue, psi_terms
from exporter.stats.feature_bins import FeatureBins
from tests.records import columns, numeric, reference

counts = st.integers(0, 1000)
pairs = st.lists(st.tuples(counts, counts), min_size=1, max_size=12).filter(
    lambda bins: any(w for w, _ in bins) and any(r for _, r in bins)
)
positive_pairs = st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 1000)), min_size=2, max_size=12)


def plain(window: list[float], against: list[float], epsilon: float | None = None) -> float:
    """Compute PSI as design.md defines it, in a loop."""
    bins = [(w, r) for w, r in zip(window, against, strict=True) if w or r]
    n, m = sum(window), sum(against)
    total = 0.0
    for w, r in bins:
        if epsilon is None:
            p, q = (w + 0.5) / (n + 0.5 * len(bins)), (r + 0.5) / (m + 0.5 * len(bins))
        else:
            p, q = w / n + epsilon, r / m + epsilon
        total += (p - q) * math.log(p / q)
    return total


def both(bins: list[tuple[int, int]]) -> tuple[Floats, Floats]:
    window, against = zip(*bins, strict=True)
    return np.array(window, np.float64), np.array(against, np.float64)


@given(pairs)
def test_is_a_plain_loop_s(bins: list[tuple[int, int]]) -> None:
    window, against = both(bins)
    assert math.isclose(plain(window.tolist(), against.tolist()), psi(window, against), rel_tol=1e-9, abs_tol=1e-12)


@given(pairs, st.sampled_from([1e-6, 1e-4, 0.01]))
def test_with_epsilon_is_a_plain_loop_s(bins: list[tuple[int, int]], epsilon: float) -> None:
    window, against = both(bins)
    expected = plain(window.tolist(), against.tolist(), epsilon)
    assert math.isclose(expected, psi(window, against, epsilon), rel_tol=1e-9, abs_tol=1e-12)


@given(positive_pairs)
def test_without_smoothing_is_the_sum_of_both_relative_entropies(bins: list[tuple[int, int]]) -> None:
    window, against = both(bins)
    expected = entropy(window, against) + entropy(against, window)
    assert math.isclose(expected, psi(window, against, epsilon=0.0), rel_tol=1e-9, abs_tol=1e-12)


@given(positive_pairs)
def test_with_smoothing_is_that_of_half_a_record_more_in_each_bin(bins: list[tuple[int, int]]) -> None:
    window, against = both(bins)
    expected = entropy(window + 0.5, against + 0.5) + entropy(against + 0.5, window + 0.5)
    assert math.isclose(expected, psi(window, against), rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_with_epsilon_is_the_textbook_s(shift: float) -> None:
    """The snippet that everybody copies: ten equal bins of the reference, each share + 0.0001."""
    rng = np.random.default_rng(7)
    trained, served = rng.normal(size=5000), np.clip(rng.normal(shift, size=2000), -3.0, 3.0)
    edges = np.histogram_bin_edges(np.clip(trained, -3.0, 3.0), 10)
    q = np.histogram(np.clip(trained, -3.0, 3.0), edges)[0] / 5000 + 0.0001
    p = np.histogram(served, edges)[0] / 2000 + 0.0001
    expected = float(np.sum((p - q) * np.log(p / q)))

    inner = edges[1:-1].tolist()
    reference_counts = np.bincount(np.digitize(np.clip(trained, -3.0, 3.0), inner), minlength=10)
    bins = FeatureBins(reference({"x": numeric(inner, reference_counts.tolist())}))
    (tally,) = bins.tally(columns(2000, numbers=[served.tolist()]))
    (value,) = psi(tally.astype(np.float64), bins.reference, epsilon=0.0001)
    assert math.isclose(expected, value, rel_tol=1e-12)


@given(pairs, st.sampled_from([None, 1e-4]))
def test_is_the_sum_of_what_its_bins_add(bins: list[tuple[int, int]], epsilon: float | None) -> None:
    window, against = both(bins)
    added = psi_terms(window, against, epsilon)
    assert (added >= 0).all()
    assert added.shape == window.shape
    assert math.isclose(psi(window, against, epsilon), added.sum(), rel_tol=1e-12, abs_tol=1e-15)


@given(pairs, st.sampled_from([None, 1e-4]))
def test_is_symmetric_and_never_negative(bins: list[tuple[int, int]], epsilon: float | None) -> None:
    window, against = both(bins)
    value = float(psi(window, against, epsilon))
    assert value >= 0
    assert math.isclose(value, psi(against, window, epsilon), rel_tol=1e-9, abs_tol=1e-15)


@given(pairs)
def test_is_zero_for_a_window_like_its_reference(bins: list[tuple[int, int]]) -> None:
    _, against = both(bins)
    assert psi(against, against) == 0
    assert psi(against * 4, against, 1e-4) == 0


@given(pairs, st.integers(0, 12))
def test_a_bin_that_is_empty_on_both_sides_is_as_if_it_were_not_there(bins: list[tuple[int, int]], at: int) -> None:
    window, against = both(bins)
    with_empty = both([*bins[:at], (0, 0), *bins[at:]])
    for epsilon in (None, 1e-4):
        assert math.isclose(psi(window, against, epsilon), psi(*with_empty, epsilon), rel_tol=1e-9, abs_tol=1e-12)


def test_grows_with_the_shift() -> None:
    against = np.array([100.0, 100.0, 100.0])
    values = [float(psi(np.array([100.0 - s, 100.0, 100.0 + s]), against)) for s in (0, 10, 30, 60, 100)]
    assert values == sorted({*values})
    assert math.isfinite(values[-1])


def test_is_not_a_number_where_either_side_is_empty() -> None:
    empty, some = np.zeros(3), np.array([1.0, 2.0, 3.0])
    for epsilon in (None, 1e-4):
        assert np.isnan(psi(empty, some, epsilon))
        assert np.isnan(psi(some, empty, epsilon))
        assert np.isnan(psi(empty, empty, epsilon))


def test_of_many_features_is_each_one_s() -> None:
    rng = np.random.default_rng(1)
    window, against = rng.integers(0, 50, (5, 8)).astype(float), rng.integers(0, 50, (5, 8)).astype(float)
    expected = [plain(w, r) for w, r in zip(window.tolist(), against.tolist(), strict=True)]
    np.testing.assert_allclose(psi(window, against), expected, rtol=1e-9)


def test_its_chance_is_chi_squared_of_one_bin_less() -> None:
    window, against = np.array([[20.0, 30, 0, 50]]), np.array([[500.0, 200, 0, 300]])
    scale = 1 / 100 + 1 / 1000
    assert psi_critical(window, against, 0.05)[0] == pytest.approx(scipy_chi2.isf(0.05, df=2) * scale, rel=1e-12)
    expected = scipy_chi2.sf(psi(window, against)[0] / scale, df=2)
    assert psi_pvalue(psi(window, against), window, against)[0] == pytest.approx(expected, rel=1e-9)


@given(pairs, st.floats(0.001, 0.2))
def test_what_lies_beyond_the_critical_value_has_a_lower_p_value(
    bins: list[tuple[int, int]], significance: float
) -> None:
    window, against = both(bins)
    beyond = psi(window, against) - psi_critical(window, against, significance)
    if abs(beyond) > 1e-9:
        assert (beyond > 0) == (psi_pvalue(psi(window, against), window, against) < significance)


def test_a_single_bin_cannot_drift() -> None:
    window, against = np.array([[0.0, 40]]), np.array([[0.0, 1000]])
    assert psi(window, against)[0] == 0
    assert psi_critical(window, against, 0.01)[0] == 0
    assert psi_pvalue(psi(window, against), window, against)[0] == 1


@pytest.mark.parametrize("reference_size", [1_000, 100_000])
@pytest.mark.parametrize("window_size", [100, 1_000, 10_000])
def test_chance_exceeds_the_critical_value_as_often_as_stated(window_size: int, reference_size: int) -> None:
    """Also where the reference is smaller than the window: a test that takes it for exact fires ten times as often."""
    rng = np.random.default_rng(window_size + reference_size)
    shares = np.full(10, 0.1)
    windows = rng.multinomial(window_size, shares, size=20_000).astype(np.float64)
    against = rng.multinomial(reference_size, shares, size=20_000).astype(np.float64)
    rate = float((psi(windows, against) > psi_critical(windows, against, 0.01)).mean())
    assert 0.005 < rate < 0.013
