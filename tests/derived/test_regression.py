"""Errors of values against scikit-learn, and quantiles of residuals against numpy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    r2_score,
    root_mean_squared_error,
)

from tests.outcomes import of_values, outcomes, told

METRICS = ("model_mae", "model_rmse", "model_mape", "model_r2", "model_bias")
numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=40))
def test_is_scikit_learn_s(pairs: list[tuple[float, float]]) -> None:
    said, was = zip(*pairs, strict=True)
    found = told(outcomes(value=said, actual_value=was), of_values())
    assert found["model_mae"][()] == pytest.approx(mean_absolute_error(was, said), rel=1e-9)
    assert found["model_rmse"][()] == pytest.approx(root_mean_squared_error(was, said), rel=1e-9)
    assert found["model_mape"][()] == pytest.approx(mean_absolute_percentage_error(was, said), rel=1e-9)
    assert found["model_bias"][()] == pytest.approx(np.mean(np.subtract(said, was)), rel=1e-9, abs=1e-9)
    if len(set(was)) > 1:
        assert found["model_r2"][()] == pytest.approx(r2_score(was, said), rel=1e-7, abs=1e-7)
    else:
        assert found["model_r2"] == {}
    assert found["model_window_outcomes"] == {(): len(pairs)}


def test_without_outcomes_there_is_no_value() -> None:
    found = told(outcomes(), of_values())
    assert not any(found[metric] for metric in (*METRICS, "model_residual_quantile"))
    assert found["model_window_outcomes"] == {(): 0}


def test_of_one_outcome_there_is_no_r2() -> None:
    found = told(outcomes(value=[3.5], actual_value=[4.0]), of_values())
    assert found["model_mae"] == {(): 0.5}
    assert found["model_bias"] == {(): -0.5}
    assert found["model_r2"] == {}


def test_what_is_no_number_on_one_side_is_not_counted() -> None:
    batch = outcomes(value=[1.0, math.nan, 3.0, math.inf], actual_value=[2.0, 5.0, math.nan, 1.0])
    found = told(batch, of_values())
    assert (found["model_window_outcomes"], found["model_mae"]) == ({(): 1}, {(): 1})


def test_values_far_from_zero_lose_nothing() -> None:
    rng = np.random.default_rng(1)
    was = 1e9 + rng.normal(size=500)
    said = was + 0.5 * rng.normal(size=500)
    found = told(outcomes(value=said.tolist(), actual_value=was.tolist()), of_values(1.0, 1e9))
    assert found["model_r2"][()] == pytest.approx(r2_score(was, said), abs=1e-6)
    assert found["model_rmse"][()] == pytest.approx(root_mean_squared_error(was, said), rel=1e-9)


def test_huge_errors_stay_finite() -> None:
    found = told(outcomes(value=[1e300, -1e300], actual_value=[-1e300, 1e300]), of_values())
    assert all(math.isfinite(found[metric][()]) for metric in METRICS)


@pytest.mark.parametrize(
    ("name", "residuals"),
    [
        ("normal", lambda rng: rng.normal(size=5000)),
        ("offset", lambda rng: 3 + rng.normal(size=5000)),
        ("heavy tails", lambda rng: rng.standard_t(3, 5000)),
        ("skewed", lambda rng: rng.exponential(2.0, 5000)),
        ("small", lambda rng: 0.02 * rng.normal(size=5000)),
    ],
)
def test_quantiles_of_residuals_are_numpy_s_to_the_bin(name: str, residuals: object) -> None:
    rng = np.random.default_rng(len(name))
    error = residuals(rng)  # type: ignore[operator]  # a lambda above
    was = rng.normal(50, 2.0, len(error))
    found = told(outcomes(value=(was + error).tolist(), actual_value=was.tolist()), of_values(2.0))
    for q in (0.05, 0.5, 0.95):
        expected = np.quantile(error, q)
        assert found["model_residual_quantile"][(str(q),)] == pytest.approx(expected, rel=0.03, abs=0.006)


def test_values_are_no_classes_and_classes_no_values() -> None:
    found = told(outcomes(value=[1.5, 2.0], actual_value=[1.5, 3.0]), of_values())
    assert (found["model_accuracy"], found["model_outcomes_total"]) == ({}, {})
