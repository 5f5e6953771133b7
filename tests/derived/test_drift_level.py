"""Levels of drift: the statistics against oracles that share no code, and the laws of how a level follows another."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from exporter.batch import Floats, Series
from exporter.configuration.settings import Config, DriftConfig
from exporter.configuration.source_config import SourceConfig
from exporter.derived.distributions import Distributions
from exporter.derived.drift import Drift, DriftCalculator
from exporter.derived.drift_level import (
    GROWTH,
    HELD_EFFECT,
    HELD_STATISTIC,
    LEAST_SHARE,
    NORMAL,
    PARTS_OF_CATEGORICAL,
    PARTS_OF_NUMERIC,
    SIGNIFICANCE,
    DriftLimits,
    Evidence,
    Judgement,
    LimitArrays,
    evidence,
    floored_psi,
    g,
    g_critical,
    largest_bin,
    largest_bin_critical,
    location,
    location_critical,
    next_levels,
)
from exporter.derived.view import WindowTallies
from exporter.engine.engine import Engine
from exporter.exposition.collector import Collector
from exporter.reference.profile import Profile
from exporter.state import checkpoint
from exporter.state.snapshot import Snapshot
from tests.derived.views import window_of
from tests.records import STREAM, block, good, numeric, plan, reference

counts = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=12).filter(
    lambda bins: all(sum(side) > 0 for side in zip(*bins, strict=True))
)
ratios = st.one_of(st.sampled_from([0.0, 0.64, 0.8, 1.0, np.nan]), st.floats(0, 3))


def sides(bins: list[tuple[int, int]]) -> tuple[Floats, Floats]:
    window, against = np.array(bins, np.float64).T
    return window[None], against[None]


@given(counts)
def test_g_is_that_of_scipy(bins: list[tuple[int, int]]) -> None:
    window, against = sides(bins)
    table = np.vstack((window, against))
    table = table[:, table.any(axis=0)]
    expected = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    assert g(window, against)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_critical_value_of_g_approaches_that_of_chi_squared_with_many_records() -> None:
    bins = np.full((1, 10), 1e6)
    assert g_critical(bins, bins, np.array([1e-7]))[0] == pytest.approx(stats.chi2.isf(1e-7, 9), rel=1e-6)
    assert g_critical(bins[:, :1], bins[:, :1], np.array([1e-7]))[0] == np.inf


@pytest.mark.parametrize(("categories", "n"), [(10, 50), (50, 100), (50, 200)])
def test_chance_exceeds_the_critical_value_of_g_no_more_often_than_stated(categories: int, n: int) -> None:
    rng = np.random.default_rng(categories + n)
    shares = np.full(categories, 1 / categories)
    window, against = (rng.multinomial(size, shares, 20_000) * 1.0 for size in (n, 1000))
    beyond = (g(window, against) > g_critical(window, against, np.full(20_000, 1e-3))).mean()
    assert beyond < 2e-3
    # Chi-squared alone is exceeded up to ten times as often as stated.
    assert (g(window, against) > stats.chi2.isf(1e-3, categories - 1)).mean() > beyond


@given(counts)
def test_location_is_the_square_of_z_of_mann_and_whitney(bins: list[tuple[int, int]]) -> None:
    window, against = sides(bins)
    x, y = (np.repeat(np.arange(len(bins)), side[0].astype(int)) for side in (window, against))
    if len(np.unique(np.append(x, y))) == 1:
        return
    n, m = len(x), len(y)
    u = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=False)
    ties = np.unique(np.append(x, y), return_counts=True)[1]
    # Of a sample with replacement, which is that of scipy times (n + m - 1) / (n + m).
    variance = n * m * (n + m) / 12 * (1 - ((ties / (n + m)) ** 3).sum())
    z_squared = (u.statistic - n * m / 2) ** 2 / variance
    z = stats.norm.isf(u.pvalue / 2)
    assert z_squared * (n + m - 1) / (n + m) == pytest.approx(z**2, rel=1e-6, abs=1e-9)
    if z_squared < NORMAL**2:
        assert location(window, against)[0] == pytest.approx(z_squared, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.08, 0.02])
@pytest.mark.parametrize("n", [50, 200])
def test_the_far_tail_of_location_is_that_of_two_binomials(share: float, n: int) -> None:
    """The probability of each outcome of a feature with two values is exact."""
    m = 1000
    ones = np.arange(n + 1.0)
    window = np.column_stack((n - ones, ones))
    of_window = stats.binom.pmf(ones, n, share)
    least, most = stats.binom.ppf(1e-13, m, share), stats.binom.isf(1e-13, m, share)
    beyond, beyond_z = dict.fromkeys((1e-4, 1e-6, 1e-8), 0.0), 0.0
    for other in np.arange(least, most + 1):
        against = np.tile([m - other, other], (n + 1, 1))
        chances = of_window * stats.binom.pmf(other, m, share)
        statistic = location(window, against)
        for significance in beyond:
            beyond[significance] += chances[statistic > location_critical(significance)].sum()
        pooled = (ones + other) / (n + m)
        with np.errstate(invalid="ignore"):
            z = (ones / n - other / m) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        beyond_z += chances[z**2 > location_critical(1e-8)].sum()
    assert all(found < 1.6 * significance for significance, found in beyond.items())
    if share < 0.5:
        # The normal approximation alone is exceeded many times as often as stated.
        assert beyond_z > 10 * 1e-8


@given(counts, st.integers(1, 1000), st.integers(1, 1000))
def test_the_size_of_a_change_does_not_depend_on_the_number_of_records(
    bins: list[tuple[int, int]], times: int, other_times: int
) -> None:
    window, against = sides(bins)
    assert floored_psi(window * times, against * other_times)[0] == pytest.approx(
        floored_psi(window, against)[0], rel=1e-9, abs=1e-12
    )


def test_a_new_bin_counts_as_the_least_share() -> None:
    value = floored_psi(np.array([[95.0, 5.0]]), np.array([[1000.0, 0.0]]))[0]
    expected = (0.95 - 1) * np.log(0.95) + (0.05 - LEAST_SHARE) * np.log(0.05 / LEAST_SHARE)
    assert value == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.tuples(ratios, ratios, ratios, st.sampled_from([np.nan, 0.0, 1.0, 2.0])), min_size=1, max_size=6))
def test_a_level_follows_from_the_evidence_and_the_level_before(rows: list[tuple[float, float, float, float]]) -> None:
    moderate, major, statistic, before = np.array(rows).T
    unjudged = np.isnan(moderate) | np.isnan(major) | np.isnan(statistic)
    moderate, major, statistic = (np.where(unjudged, np.nan, each) for each in (moderate, major, statistic))
    found = next_levels(Evidence(np.stack((moderate, major)), statistic), before)
    for row, level in enumerate(found.tolist()):
        expected = 0.0
        for number, effect in ((1, moderate[row]), (2, major[row])):
            limit = (HELD_EFFECT, HELD_STATISTIC) if before[row] >= number else (1, 1)
            if effect >= limit[0] and statistic[row] >= limit[1]:
                expected = number
        if unjudged[row]:
            # A level is held while there are too few records, and none is not a result.
            expected = before[row] if before[row] > 0 else np.nan
        np.testing.assert_equal(level, expected)


@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 5), st.floats(0, 5))
def test_a_moderate_limit_is_at_most_the_major_one(psi: float, moderate: float, w: float, w_moderate: float) -> None:
    limits = LimitArrays.of([DriftLimits(psi, w, moderate, w_moderate)])
    for each in limits:
        assert (each[0] <= each[1]).all()
        assert (each > 0).all()


def distributions(bins: Floats, cells: Floats) -> Distributions:
    none = np.zeros(len(cells))
    return Distributions(bins, cells, none, none)


def test_a_variable_that_is_not_numeric_has_the_whole_significance() -> None:
    window, against = np.array([[60.0, 40.0]] * 2), np.array([[5000.0, 5000.0]] * 2)
    independent = distributions(window, window[:1]), distributions(against, against[:1])
    limits = LimitArrays.of([DriftLimits()] * 2)
    numeric_one, category = evidence(np.zeros(1), (window, against), independent, limits).statistic

    def by_bins(parts: tuple[float, ...]) -> float:
        of_bins, of_a_bin = (np.full(2, part * SIGNIFICANCE / 2) for part in parts[:2])
        all_bins = g(window, against) / g_critical(window, against, of_bins)
        a_bin = largest_bin(window, against) / largest_bin_critical(window, against, of_a_bin)
        return max(float(all_bins[0]), float(a_bin[0]))

    assert category == pytest.approx(by_bins(PARTS_OF_CATEGORICAL))
    by_location = location(window, against)[0] / location_critical(PARTS_OF_NUMERIC[-1] * SIGNIFICANCE / 2)
    assert numeric_one == pytest.approx(max(by_location, by_bins(PARTS_OF_NUMERIC)))


TABLES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=8)


@given(TABLES)
def test_the_largest_bin_is_that_of_tables_of_two_bins(counts: list[tuple[int, int]]) -> None:
    window, against = np.array(counts, np.float64).T
    n, m = window.sum(), against.sum()
    assume(n > 0 and m > 0)
    largest = 0.0
    for w, r in zip(window, against, strict=True):
        expected = (w + r) * n / (n + m)
        moved = w - np.clip(w - expected, -0.5, 0.5)
        table = np.array([[moved, n - moved], [w + r - moved, m - w - r + moved]])
        if (table.sum(axis=0) > 0).all():
            largest = max(largest, stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic)
    assert largest_bin(window, against) == pytest.approx(largest, abs=1e-9)


@pytest.mark.parametrize("m", [1000, 10_000])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_chance_exceeds_the_critical_value_of_a_bin_as_seldom_as_it_should(m: int, share: float) -> None:
    n, level = 200, 1e-8
    window, against = np.arange(n + 1.0), np.arange(m + 1.0)
    # All tables of two bins that are not impossibly rare.
    likely = stats.binom.pmf(against, m, share) > 1e-16
    w, r = (side.ravel() for side in np.meshgrid(window, against[likely]))
    tables = np.stack((w, n - w), axis=-1), np.stack((r, m - r), axis=-1)
    beyond = largest_bin(*tables) >= largest_bin_critical(*tables, np.full(len(w), 2 * level))
    probability = (stats.binom.pmf(w, n, share) * stats.binom.pmf(r, m, share))[beyond].sum()
    assert probability <= 3 * level


AGES = reference({"age": numeric([30.0, 40.0, 50.0], [250, 250, 250, 250])})


def drift_of(profile: Profile = AGES) -> Drift:
    return Drift(DriftCalculator(profile), ())


def window_with(drift: Drift, *bins: float) -> WindowTallies[Series]:
    calculator = drift.calculator
    tallied = np.array([[*bins, 0.0, 0.0]])
    row = {calculator.bins.name: tallied, calculator.cuts.name: tallied[:, :4]}
    row[calculator.moments.name] = np.zeros(calculator.moments.shape)
    return window_of(row)


def test_a_window_is_judged_once_per_stretch_of_time_or_when_it_has_grown() -> None:
    drift = drift_of()
    shifted, alike = window_with(drift, 10, 40, 60, 90), window_with(drift, 50, 50, 50, 50)
    first = drift.judge(shifted, None, 7, at_once=False)
    assert first.levels.tolist() == [2]
    assert drift.judge(alike, first, 7, at_once=False) is first
    assert drift.judge(alike, first, 7, at_once=True).levels.tolist() == [0]
    assert drift.judge(alike, first, 8, at_once=False).levels.tolist() == [0]
    grown = window_with(drift, *[50 * GROWTH] * 4)
    assert drift.judge(grown, first, 7, at_once=False).levels.tolist() == [0]
    again = Judgement.of(first.stored, len(first.levels))
    assert again is not None
    assert again.stored.tolist() == first.stored.tolist()
    assert Judgement.of(first.stored, len(first.levels) + 1) is None


@given(st.lists(st.integers(0, 40), min_size=1, max_size=80), st.integers(2, 9))
def test_rarer_scrapes_judge_no_more_often(times: list[int], every: int) -> None:
    drift = drift_of()
    window = window_with(drift, 50, 50, 50, 50)

    def judgements(scrapes: list[int]) -> int:
        last, number = None, 0
        for time in sorted(scrapes):
            following = drift.judge(window, last, time // 3, at_once=False)
            number += following is not last
            last = following
        return number

    assert judgements(times[::every]) <= judgements(times) <= len({time // 3 for time in times})


def running(config: Config, profile: Profile = AGES, restored: Snapshot | None = None) -> tuple[Engine, Collector]:
    planned, collector = plan(config, profile)
    engine = Engine(planned, restored)
    engine.open(STREAM)
    return engine, collector


def levels(snapshot: Snapshot) -> set[float]:
    return {
        stored["feature_bins"][2]
        for of_window in snapshot.judgements.values()
        for stored in of_window.values()
        if "feature_bins" in stored
    }


SOURCES = [SourceConfig.parse(STREAM.source)]
NOW = 1_700_000_000.0
SHIFTED = [good(timestamp=NOW, features={"age": age}) for age in (20, 35, 45, 60, 60, 60, 60, 60, 60, 60) * 20]


def test_levels_are_saved_and_a_restart_with_other_limits_judges_at_once() -> None:
    config = Config(sources=SOURCES)
    engine, collector = running(config)
    engine.feed(STREAM, block(SHIFTED), NOW)
    judged = collector.judged(engine.snapshot(NOW), None)
    assert levels(judged) == {2}
    restored = checkpoint.decode(checkpoint.encode(judged))
    for label, of_window in judged.judgements.items():
        for series, stored in of_window.items():
            for name, array in stored.items():
                np.testing.assert_array_equal(restored.judgements[label][series][name], array)
    limits = {"feature_drift_psi": 90.0, "feature_drift_wasserstein": 90.0}
    for thresholds, level in (({}, 2), (limits, 1)):
        engine, collector = running(Config(sources=SOURCES, thresholds=thresholds), restored=restored)
        assert levels(collector.judged(engine.snapshot(NOW), restored)) == {level}


def test_levels_of_another_reference_are_dropped() -> None:
    engine, collector = running(Config(sources=SOURCES))
    engine.feed(STREAM, block(SHIFTED), NOW)
    judged = collector.judged(engine.snapshot(NOW), None)
    other = reference({"age": numeric([30.0, 40.0, 55.0], [100, 100, 100, 700])})
    engine, collector = running(Config(sources=SOURCES), other, judged)
    # The tallies of other bins are dropped too.
    assert np.isnan([*levels(collector.judged(engine.snapshot(NOW), judged))]).all()


def test_dependent_records_reach_levels_later() -> None:
    profile = reference({"age": numeric([30.0, 40.0, 50.0], [1000] * 4)})
    found = []
    for overdispersion in (1.0, 4.0):
        config = Config(sources=SOURCES, drift=DriftConfig(overdispersion=overdispersion))
        engine, collector = running(config, profile)
        engine.feed(STREAM, block(SHIFTED[:100]), NOW)
        found.append(levels(collector.judged(engine.snapshot(NOW), None)))
    assert found[0] == {2}
    assert np.isnan([*found[1]]).all()
