"""Stuck features: one value in all of a window, told against a plain set of its values."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import tally
from exporter.batch import NON_FINITE, WRONG_TYPE, Batch, Series
from exporter.profile import Profile
from exporter.stats.stuck_features import FeatureHashes, StuckFeatures, hashes
from tests.records import categorical, columns, numeric, reference

SERIES = Series("credit", "3")
NAN = math.nan
PROFILE = reference({"place": categorical({"DE": 1, "FR": 1}), "age": numeric([30.0, 40.0])})


def stuck(batches: list[Batch], profile: Profile = PROFILE) -> dict[str, float]:
    """Return what is exported for a window that holds the batches."""
    hashed = FeatureHashes(profile)
    parts = [{SERIES: {hashed.name: hashed.tally(batch)[0]}} for batch in batches]
    window = tally.merge([{SERIES: {hashed.name: hashed.zero()}}, *parts])
    (family,) = StuckFeatures(profile, hashed).collect({"5m": window})
    assert (family.name, family.type) == ("model_feature_stuck", "gauge")
    return {sample.labels["feature_name"]: sample.value for sample in family.samples}


def window(ages: list[float], places: list[str | None]) -> list[Batch]:
    return [
        columns(50, numbers=[ages[start : start + 50]], categories=[places[start : start + 50]])
        for start in range(0, len(ages), 50)
    ]


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, -1e-300, 1e300, 41.0, 2.0**52 + 1])
def test_one_value_in_all_records_is_stuck(value: float) -> None:
    assert stuck(window([value] * 200, ["a new one"] * 200)) == {"age": 1, "place": 1}


@pytest.mark.parametrize("other", [math.nextafter(41.0, 99), -41.0, 0.0, 41.5, 1e300])
def test_a_single_other_value_and_it_is_not(other: float) -> None:
    assert stuck(window([41.0] * 199 + [other], ["DE"] * 199 + ["FR"])) == {"age": 0, "place": 0}


def test_zero_with_and_without_a_sign_is_one_value() -> None:
    assert stuck(window([0.0, -0.0] * 100, ["DE"] * 200))["age"] == 1


def test_absent_values_are_none_and_too_few_others_are_not_judged() -> None:
    assert stuck(window([41.0, NAN] * 100, [None, "DE"] * 99 + [None] * 2)) == {"age": 1}


def test_what_is_of_the_wrong_type_or_not_finite_is_no_value() -> None:
    marked = columns(
        3,
        numbers=[[NAN, math.inf, 41.0]],
        categories=[[None, "DE", None]],
        marks=[[WRONG_TYPE, NON_FINITE, 0], [WRONG_TYPE, 0, NON_FINITE]],
    )
    assert stuck([*window([41.0] * 100, ["DE"] * 100), marked]) == {"age": 1, "place": 1}
    assert FeatureHashes(PROFILE).tally(marked)[0, :, 0].tolist() == [1, 1]


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


few = st.sampled_from([0.0, 1.0, 2.0, 0.5, NAN])
places = st.sampled_from(["DE", "FR", None])


@given(st.lists(st.tuples(few, places, st.integers(0, 2)), min_size=1, max_size=30))
def test_each_group_is_judged_as_a_set_of_its_values_is(log: list[tuple[float, str | None, int]]) -> None:
    batch = columns(
        len(log),
        numbers=[[age for age, _, _ in log]],
        categories=[[place for _, place, _ in log]],
        group=[group for *_, group in log],
        groups=3,
    )
    for group, sums in enumerate(FeatureHashes(PROFILE).tally(batch)):
        ages = [age for age, _, other in log if other == group and not math.isnan(age)]
        found = [place for _, place, other in log if other == group and place is not None]
        for values, (count, total, squares) in zip((ages, found), sums.tolist(), strict=True):
            assert count == len(values)
            assert (count * squares == total * total) == (len({*values}) <= 1)


def test_two_values_share_a_hash_about_as_seldom_as_by_chance() -> None:
    rng = random.Random(1)
    for numbers in (
        [float(n) for n in range(-1000, 1000)],
        [n / 100 for n in range(2000)],
        [rng.gauss(0, 1) for _ in range(2000)],
        [2.0**n for n in range(-1000, 1000)],
    ):
        found = hashes(np.array(numbers))
        assert found.max() < 4096
        pairs = sum(math.comb(count, 2) for count in Counter(found.tolist()).values())
        assert pairs / math.comb(len(numbers), 2) < 2 / 4096


def test_sums_are_exact_at_a_hundred_million_records() -> None:
    hashed = FeatureHashes(PROFILE)
    (once,) = hashed.tally(columns(1, numbers=[[41.0]], categories=[["DE"]]))
    one_other = once * (10**8 - 1) + hashed.tally(columns(1, numbers=[[42.0]], categories=[["FR"]]))[0]
    values = {}
    for name, sums in (("same", once * 10**8), ("other", one_other)):
        (family,) = StuckFeatures(PROFILE, hashed).collect({"5m": {SERIES: {hashed.name: sums}}})
        values[name] = [sample.value for sample in family.samples]
    assert values == {"same": [1, 1], "other": [0, 0]}
