"""Chance is not drift: 200 features of which none moves, a thousand windows; and real shifts, which are seen."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from exporter.batch import Floats
from exporter.derived import Criteria
from exporter.derived.distributions import Distributions
from exporter.derived.drift import DriftCalculator
from tests.derived.samples import calculator
from tests.records import numeric, reference

FEATURES, WINDOWS, BINS = 200, 1000, 10
REFERENCE = 10_000


def of(counts: Floats) -> Distributions:
    """Return the distributions of features of which only the bins are of interest."""
    none = np.zeros(len(counts))
    bins = np.hstack((counts, np.zeros((len(counts), 2))))
    return Distributions(bins, counts, none, none)


def calculator_of(criteria: Criteria, against: Floats | None = None) -> DriftCalculator:
    """Return a calculator of FEATURES features, with the reference's counts where given."""
    edges = [float(edge) for edge in range(1, BINS)]
    counts = np.full((FEATURES, BINS), 100) if against is None else against.astype(np.int64)
    return calculator(reference({f"x{i}": numeric(edges, counts[i].tolist()) for i in range(FEATURES)}), criteria)


@pytest.mark.parametrize("size", [120, 200, 1000])
def test_no_more_false_alarms_than_stated_where_a_fixed_limit_fires_often(size: int) -> None:
    rng = np.random.default_rng(size)
    shares = np.full(BINS, 1 / BINS)
    criteria = Criteria(significance=0.01, threshold=0.0)
    both, windows_with_alarm, practical, over_tenth = calculator_of(criteria), 0, 0, 0
    floor = calculator_of(Criteria(significance=0.01, threshold=0.25))
    for _ in range(WINDOWS):
        # A reference of its own for each, or its own chance would be in all of them.
        against = of(rng.multinomial(REFERENCE, shares, size=FEATURES).astype(np.float64))
        window = of(rng.multinomial(size, shares, size=FEATURES).astype(np.float64))
        result = both.compare(window, against)
        assert result.is_enough.all()
        windows_with_alarm += bool(result.drifted.any())
        practical += bool(floor.compare(window, against).drifted.any())
        over_tenth += bool((result.psi > 0.1).any())
    # 10 are expected; 20 is more than three standard deviations beyond.
    assert windows_with_alarm <= 20
    assert practical <= windows_with_alarm
    if size <= 200:
        assert over_tenth > 500


@pytest.mark.parametrize(
    ("size", "shift", "seen"), [(500, 0.6, 0.9), (1000, 0.6, 0.99), (10_000, 0.6, 1.0), (10_000, 0.05, 0.0)]
)
def test_real_shifts_are_seen_and_small_ones_of_large_samples_are_not_told(
    size: int, shift: float, seen: float
) -> None:
    """Ten of 200 features move by a share of a standard deviation; the practical limit is 0.25."""
    rng = np.random.default_rng(size)
    edges = norm.ppf(np.linspace(0, 1, BINS + 1))
    both = calculator_of(replace(Criteria(), threshold=0.25))

    def counted(mean: float, n: int, features: int) -> Floats:
        return rng.multinomial(n, np.diff(norm.cdf(edges, mean)), size=features).astype(np.float64)

    found, false = 0, 0
    for _ in range(20):
        against = counted(0.0, REFERENCE, FEATURES)
        window = np.vstack((counted(shift, size, 10), counted(0.0, size, FEATURES - 10)))
        drifted = both.compare(of(window), of(against)).drifted
        found += int(drifted[:10].sum())
        false += int(drifted[10:].sum())
    assert found / 200 >= seen
    assert false <= 1
    if seen == 0.0:
        assert found == 0


def test_dependent_rows_count_as_fewer() -> None:
    """Each record comes four times, as retries do: the rate holds with an overdispersion of 4 alone."""
    rng = np.random.default_rng(4)
    shares = np.full(BINS, 1 / BINS)
    against = rng.multinomial(REFERENCE, shares, size=FEATURES).astype(np.float64)
    alarms = {}
    for overdispersion in (1.0, 4.0):
        both = calculator_of(Criteria(significance=0.01, threshold=0.0, overdispersion=overdispersion), against)
        drawn = np.random.default_rng(5)
        alarms[overdispersion] = sum(
            both.compare(of(4.0 * drawn.multinomial(200, shares, size=FEATURES))).drifted.any() for _ in range(200)
        )
    assert alarms[1.0] > 190
    assert alarms[4.0] <= 8
