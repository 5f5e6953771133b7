"""Means, deviations, quantiles and categories of a window against numpy on the raw values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import Floats, Series
from exporter.derived.feature_health import FeatureHealth
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import FeatureMoments
from tests.derived.samples import PAIRS, Pair, calculator, profiled, row
from tests.derived.views import view_of
from tests.records import categorical, columns, numeric, reference

SERIES = Series("credit", "3")


def health(profile_values: Floats, window: Floats) -> dict[str, list[float]]:
    both = calculator(reference({"x": profiled(profile_values)}))
    derived = FeatureHealth(both.bins, both.cuts, both.moments)
    families = derived.collect(view_of({"5m": {SERIES: row(both, window)}}))
    return {family.name.removeprefix("model_feature_"): [s.value for s in family.samples] for family in families}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_moments_are_numpy_s_and_quantiles_within_their_cell(pair: Pair) -> None:
    against, window = pair.draw()
    told = health(against, window)
    scale = max(abs(window.mean()), window.std(), 1e-300)
    assert told["mean"] == [pytest.approx(window.mean(), rel=1e-9, abs=1e-9 * scale)]
    assert told["stddev"] == [pytest.approx(window.std(), rel=1e-6, abs=1e-9 * scale)]
    cuts = np.array(profiled(against).cuts)
    for q, value in zip((0.05, 0.5, 0.95), told["quantile"], strict=True):
        exact = float(np.quantile(window, q, method="inverted_cdf"))
        cell = int(np.searchsorted(cuts, exact, side="right"))
        low = cuts[cell - 1] if cell else window[window < cuts[0]].min()
        high = cuts[cell] if cell < len(cuts) else window[window >= cuts[-1]].max()
        assert low - 1e-9 * scale <= value <= high + 1e-9 * scale
        if profiled(against).is_discrete and set(window) <= set(against):
            assert value == exact


def test_quantiles_of_a_smooth_feature_are_close() -> None:
    rng = np.random.default_rng(3)
    told = health(rng.normal(size=20_000), rng.normal(0.4, 1.2, size=5000))
    assert told["quantile"] == pytest.approx([0.4 - 1.645 * 1.2, 0.4, 0.4 + 1.645 * 1.2], abs=0.08)


def test_the_share_that_is_missing_and_the_categories_that_are_there() -> None:
    profile = reference({"age": numeric([30.0]), "place": categorical({"DE": 1, "FR": 1, "JP": 1})})
    derived = FeatureHealth(FeatureBins(profile), FeatureCuts(profile), FeatureMoments(profile))
    batch = columns(4, numbers=[[20.0, np.nan, np.inf, 40.0]], categories=[["DE", "XX", "YY", None]])
    statistics = (derived.bins, derived.cuts, derived.moments)
    tallies = {statistic.name: statistic.tally(batch)[0].astype(np.float64) for statistic in statistics}
    told = {
        f.name: {s.labels["feature_name"]: s.value for s in f.samples}
        for f in derived.collect(view_of({"5m": {SERIES: tallies}}))
    }
    assert told["model_feature_missing_ratio"] == {"age": 0.25, "place": 0.25}
    assert told["model_feature_distinct_categories"] == {"place": 2}
    assert told["model_feature_mean"] == {"age": 30}


def test_of_no_records_there_is_no_value_but_that_no_category_is_there() -> None:
    profile = reference({"age": numeric([30.0]), "place": categorical({"DE": 1})})
    derived = FeatureHealth(FeatureBins(profile), FeatureCuts(profile), FeatureMoments(profile))
    zeros = {statistic.name: statistic.zero() for statistic in (derived.bins, derived.cuts, derived.moments)}
    told = {f.name: [s.value for s in f.samples] for f in derived.collect(view_of({"5m": {SERIES: zeros}}))}
    assert told.pop("model_feature_distinct_categories") == [0]
    assert not any(told.values())


values = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e300])), min_size=1, max_size=30
)


@given(values, st.lists(st.integers(0, 2), min_size=30, max_size=30))
def test_sums_and_counts_are_a_plain_loop_s(numbers: list[float], group: list[int]) -> None:
    profile = reference({"x": numeric([10.0, 20.0, 50.0])})
    cuts, moments = FeatureCuts(profile), FeatureMoments(profile)
    batch = columns(len(numbers), numbers=[numbers], group=group[: len(numbers)], groups=3)
    counted, summed = cuts.tally(batch), moments.tally(batch)
    for number in range(3):
        mine = [x for x, g in zip(numbers, group, strict=False) if g == number and np.isfinite(x)]
        expected = [0] * 4
        for x in mine:
            expected[(x >= 10) + (x >= 20) + (x >= 50)] += 1
        assert counted[number, 0].tolist() == expected
        differences = [max(-1e140, min(1e140, x - 50.0)) for x in mine]
        below = [min(max(10.0 - x, 0), 1e140) for x in mine]
        above = [min(max(x - 50.0, 0), 1e140) for x in mine]
        sums = [len(mine), sum(differences), sum(d * d for d in differences), sum(below), sum(above)]
        # What cancels leaves the rounding of its largest part.
        largest = max(map(abs, differences), default=0.0)
        for got, expected_sum, scale in zip(
            summed[number, 0], sums, (1, largest, largest**2, largest, largest), strict=True
        ):
            assert abs(got - expected_sum) <= 1e-12 * max(scale, 1.0) * max(len(mine), 1)
