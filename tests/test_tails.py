"""Tail probabilities and critical values against scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from exporter import tails

freedoms = st.one_of(st.integers(1, 60), st.integers(1, 2000)).map(float)
# From a probability of 1 down to the smallest that a float holds.
values = st.one_of(st.floats(0, 100), st.floats(0, 1300))
probabilities = st.one_of(st.floats(1e-9, 1.0), st.floats(-250, 0).map(lambda power: 10.0**power))


@given(st.lists(st.tuples(freedoms, values), min_size=1, max_size=20))
def test_the_tail_of_chi_squared(pairs: list[tuple[float, float]]) -> None:
    freedom, value = np.array(pairs).T
    found = tails.chi2_tail(freedom, value)
    assert found == pytest.approx(special.chdtrc(freedom, value), rel=1e-10, abs=1e-300)


def test_the_tail_of_chi_squared_at_its_ends() -> None:
    value = np.array([[-1.0, 0.0, math.inf, math.nan]] * 3)
    found = tails.chi2_tail(np.array([[1.0], [2.0], [7.0]]), value)
    assert found.tolist()[0][:3] == found.tolist()[1][:3] == found.tolist()[2][:3] == [1.0, 1.0, 0.0]
    assert np.isnan(found[:, 3]).all()
    assert tails.chi2_tail(np.zeros(0), np.zeros(0)).tolist() == []


@given(freedoms, probabilities)
def test_critical_values_of_chi_squared(freedom: float, probability: float) -> None:
    found = float(tails.chi2_critical(freedom, probability))
    assert found == pytest.approx(float(special.chdtri(freedom, probability)), rel=1e-8, abs=1e-12)
    assert float(tails.chi2_tail(freedom, found)) == pytest.approx(probability, rel=1e-9)


@given(st.integers(1, 400), st.one_of(st.floats(0, 10), st.floats(0, 1e6)))
def test_the_tail_of_student_s_t(freedom: int, value: float) -> None:
    assert tails.t_tail(freedom, value) == pytest.approx(float(special.stdtr(freedom, -value)), rel=1e-9, abs=1e-300)


@given(st.lists(st.one_of(st.floats(-1, 3), st.floats(0, 18)), min_size=1))
def test_the_tail_of_the_kolmogorov_distribution(drawn: list[float]) -> None:
    found = tails.kolmogorov_tail(np.array(drawn))
    assert found == pytest.approx(special.kolmogorov(np.array(drawn)), rel=1e-9, abs=1e-300)


@given(st.floats(1e-300, 1 - 1e-12))
def test_quantiles_of_the_normal_distribution(probability: float) -> None:
    assert tails.normal_quantile(probability) == pytest.approx(float(special.ndtri(probability)), rel=1e-9, abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), min_size=1))
def test_products_with_logarithms(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    assert tails.xlogy(x, y).tolist() == pytest.approx(special.xlogy(x, y).tolist(), rel=1e-12)


def test_nan_has_no_tail() -> None:
    assert np.isnan(tails.kolmogorov_tail(np.array([math.nan]))).all()
