"""Error-rate drift: the test against scipy's, how often it is wrong, and what it reads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exporter.batch import Floats
from exporter.derived.error_rate_drift import FEWEST_DAYS, SIGNIFICANCE, p_value

MANY = 1e12


@given(st.lists(st.integers(1, 999).map(lambda n: n / 1000), min_size=4, max_size=20))
def test_it_is_student_s_t_of_the_clearest_split(rates: list[float]) -> None:
    """Of days with so many outcomes that only the differences between days matter."""
    expected = 1.0
    for split in range(1, len(rates)):
        sides = [
            (np.mean(side), np.std(side, ddof=len(side) > 1), len(side)) for side in (rates[split:], rates[:split])
        ]
        if any(deviation > 0.0001 for _, deviation, _ in sides):
            p = stats.ttest_ind_from_stats(*sides[0], *sides[1], alternative="greater").pvalue
            expected = min(expected, float(p) * (len(rates) - 1))
        elif sides[0][0] > sides[1][0] + 1e-9:
            expected = 0.0
    assert p_value(np.array(rates), np.full(len(rates), MANY)) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def errors(rng: np.random.Generator, days: int, kind: str) -> tuple[Floats, Floats]:
    """Return the error rates and outcomes of days without a change."""
    outcomes = rng.poisson(300, days) + 20.0
    if kind == "weekends":
        return rng.binomial(outcomes.astype(int), np.where(np.arange(days) % 7 >= 5, 0.13, 0.07)) / outcomes, outcomes
    spread = {"independent": 0.0, "correlated": 0.04}[kind]
    share = np.clip(rng.normal(0.1, spread, days), 0, 1)
    return rng.binomial(outcomes.astype(int), share) / outcomes, outcomes


@pytest.mark.parametrize("kind", ["independent", "correlated", "weekends"])
def test_without_change_it_is_wrong_on_one_day_of_a_thousand_at_most(kind: str) -> None:
    """Also if outcomes of a day are alike, or the days of a week differ."""
    rng = np.random.default_rng(3)
    alarms = judged = 0
    for _ in range(30):
        of_days, outcomes = errors(rng, 90, kind)
        for end in range(FEWEST_DAYS, 91):
            window = slice(max(0, end - 31), end)
            alarms += p_value(of_days[window], outcomes[window]) < SIGNIFICANCE
            judged += 1
    # Consecutive days share an alarm.
    assert alarms <= judged / 1000 * 3


def test_a_rise_stays_until_its_days_are_most_of_the_window() -> None:
    rng = np.random.default_rng(5)
    outcomes = np.full(62, 5000.0)
    of_days = rng.binomial(5000, np.repeat([0.08, 0.14], 31)) / 5000
    risen = [p_value(of_days[end - 31 : end], outcomes[:31]) < SIGNIFICANCE for end in range(32, 62)]
    assert all(risen[:28])
