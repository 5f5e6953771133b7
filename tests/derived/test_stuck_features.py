"""Stuck features: one value in all of a window, told against a plain set of its values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import NON_FINITE, WRONG_TYPE, Batch, Series
from exporter.derived.feature_health import StuckFeatures
from exporter.reference.profile import Profile
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_moments import FeatureMoments
from exporter.stats.feature_values import FeatureValues
from exporter.tallies import tally
from tests.derived.views import view_of
from tests.records import categorical, columns, numeric, reference

SERIES = Series("credit", "3")
NAN = math.nan
PROFILE = reference({"place": categorical({"DE": 1, "FR": 1}), "age": numeric([30.0, 40.0])})


def stuck(batches: list[Batch], profile: Profile = PROFILE) -> dict[str, float]:
    """Return what is exported for a window that holds the batches."""
    counted = FeatureBins(profile), FeatureMoments(profile), FeatureValues(profile)
    parts = [{SERIES: {statistic.name: statistic.tally(batch)[0] for statistic in counted}} for batch in batches]
    (family,) = StuckFeatures(profile, *counted).collect(view_of({"5m": tally.merge(parts)}))
    assert (family.name, family.type) == ("model_feature_stuck", "gauge")
    return {sample.labels["feature_name"]: sample.value for sample in family.samples}


def window(ages: list[float], places: list[str | None]) -> list[Batch]:
    return [
        columns(50, numbers=[ages[start : start + 50]], categories=[places[start : start + 50]])
        for start in range(0, len(ages), 50)
    ]


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, -1e-300, 1e300, 41.0, 2.0**52 + 1])
def test_one_value_in_all_records_is_stuck(value: float) -> None:
    assert stuck(window([value] * 200, ["FR"] * 200)) == {"age": 1, "place": 1}


@pytest.mark.parametrize("other", [41.001, -41.0, 0.0, 41.5, 1e300])
def test_a_single_other_value_and_it_is_not(other: float) -> None:
    assert stuck(window([41.0] * 199 + [other], ["DE"] * 199 + ["FR"])) == {"age": 0, "place": 0}


def test_zero_with_and_without_a_sign_is_one_value() -> None:
    assert stuck(window([0.0, -0.0] * 100, ["DE"] * 200))["age"] == 1


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1e9 + index for index in range(200)], id="a standard deviation near 58, a billion away"),
        pytest.param([1e300, 1e300 * (1 + 2**-52)], id="neighbours at 1e300"),
        pytest.param([1.7e18 + 1e9 * index for index in range(200)], id="times in nanoseconds"),
        pytest.param([1e-300, 2e-300], id="squares are 0"),
        pytest.param([0.0, 5e-324], id="zero and the least number"),
        pytest.param([5e-324, -5e-324], id="signs"),
        pytest.param([30.0, math.nextafter(30.0, 31.0)], id="neighbours at the reference's mean"),
        pytest.param([-1e200, 1e200], id="beyond the largest difference on both sides"),
        pytest.param([1e200, 2e200], id="beyond the largest difference"),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e-300, 1e9])
def test_several_values_far_away_or_close_together_are_not_stuck(values: list[float], scale: float) -> None:
    profile = reference({"place": categorical({"DE": 1, "FR": 1}), "age": numeric([30.0 * scale, 40.0 * scale])})
    log = (values * 200)[:200]
    assert stuck(window(log, ["FR"] * 200), profile)["age"] == 0
    assert stuck(window(log[:1] * 200, ["FR"] * 200), profile)["age"] == 1


@pytest.mark.parametrize("known", [{"DE": 1, "missing": 1}, {"DE": 1, "FR": 1}])
def test_a_category_named_missing_is_a_category(known: dict[str, int]) -> None:
    profile = reference({"place": categorical(known), "age": numeric([30.0, 40.0])})
    ages = [41.0] * 300
    assert stuck(window(ages, ["DE", "missing", None] * 100), profile)["place"] == 0
    assert stuck(window(ages, ["missing", None, "missing"] * 100), profile)["place"] == 1
    assert stuck(window(ages, ["DE", None, "DE"] * 100), profile)["place"] == 1
    assert "place" not in stuck(window(ages, ["missing", None, None] * 20 + [None] * 240), profile)


def test_absent_values_are_none_and_too_few_others_are_not_judged() -> None:
    assert stuck(window([41.0, NAN] * 100, [None, "DE"] * 99 + [None] * 2)) == {"age": 1}


def test_a_number_of_the_wrong_type_is_no_value_and_a_category_may_be_any_other() -> None:
    marked = columns(
        3,
        numbers=[[NAN, math.inf, 41.0]],
        categories=[[None, "DE", None]],
        marks=[[WRONG_TYPE, NON_FINITE, 0], [WRONG_TYPE, 0, NON_FINITE]],
    )
    assert stuck([*window([41.0] * 100, ["DE"] * 100), marked]) == {"age": 1, "place": 0}


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        pytest.param(reference({"place": categorical({"DE": 1}), "age": numeric([30.0], [0, 7])}), {}, id="constant"),
        pytest.param(
            reference({"place": categorical({"DE": 98}, other=2), "age": numeric([30.0], [50, 50])}),
            {"age": 1},
            id="nearly constant: 98 of 100 for 684 records",
        ),
        pytest.param(
            reference({"place": categorical({"DE": 90}, other=10), "age": numeric([30.0], [95, 5])}),
            {"place": 1, "age": 1},
            id="90 of 100 for 132 records, 95 for 270",
        ),
    ],
)
def test_where_the_reference_hardly_varied_it_takes_more_records(profile: Profile, expected: dict[str, float]) -> None:
    assert stuck(window([41.0] * 400, ["DE"] * 400), profile) == expected


def test_categories_that_the_reference_does_not_know_may_be_several() -> None:
    assert stuck(window([41.0] * 200, ["a new one", "another"] * 100))["place"] == 0


few = st.sampled_from([0.0, 1.0, 2.0, 0.5, NAN])
places = st.sampled_from(["DE", "FR", None])


@given(st.lists(st.tuples(few, places), min_size=1, max_size=4), st.integers(100, 300))
def test_a_window_is_judged_as_a_set_of_its_values_is(log: list[tuple[float, str | None]], times: int) -> None:
    told = stuck([columns(len(log), numbers=[[a for a, _ in log]], categories=[[p for _, p in log]])] * times)
    ages = {age for age, _ in log if not math.isnan(age)}
    found = {place for _, place in log if place is not None}
    assert told == {name: len(held) == 1 for name, held in (("age", ages), ("place", found)) if held}
