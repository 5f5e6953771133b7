"""Benjamini-Hochberg against scipy, and what it promises, by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from exporter.derived.drift import rejected

probabilities = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=40)


@given(probabilities, st.floats(0.001, 0.3))
def test_is_scipy_s(values: list[float], significance: float) -> None:
    adjusted = false_discovery_control(values)
    near = np.abs(adjusted - significance) < 1e-12
    ours = rejected(np.array(values), significance)
    np.testing.assert_array_equal((adjusted <= significance)[~near], ours[~near])


@given(probabilities)
def test_what_was_not_tested_takes_no_part(values: list[float]) -> None:
    gaps = np.array([number for value in values for number in (value, np.nan)])
    np.testing.assert_array_equal(rejected(np.array(values), 0.05), rejected(gaps, 0.05)[::2])
    assert not rejected(gaps, 0.05)[1::2].any()
    assert not rejected(np.array([np.nan]), 0.05).any()


@pytest.mark.parametrize("features", [1, 10, 200])
def test_where_nothing_has_moved_any_is_rejected_as_rarely_as_stated(features: int) -> None:
    rng = np.random.default_rng(features)
    alarms = sum(rejected(rng.random(features), 0.05).any() for _ in range(4000)) / 4000
    assert 0.035 < alarms < 0.062
