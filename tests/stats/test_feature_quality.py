"""Feature quality against a plain loop: which check each value fails."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import NON_FINITE, WRONG_TYPE, Batch, Series
from exporter.reference.profile import Profile
from exporter.stats.feature_quality import CHECKS, FeatureQuality
from tests.records import categorical, columns, numeric, reference, vector

SERIES = Series("credit", "3")
NAN, INF = math.nan, math.inf
AGE = numeric([30.0, 40.0], least=18.0, greatest=65.0)
PLACE = categorical({"DE": 1, "other": 2})
TEXT = vector([0.0, 0.0], [[0.5]], [[50, 50]])
PROFILE = reference({"place": PLACE, "age": AGE})


def exported(profile: Profile, batch: Batch) -> dict[tuple[str, str], float]:
    """Return the failures that are not zero by feature and check."""
    statistic = FeatureQuality(profile)
    (tally,) = statistic.tally(batch)
    (family,) = statistic.collect({SERIES: tally}, {})
    return {(s.labels["feature_name"], s.labels["check"]): s.value for s in family.samples if s.value}


@pytest.mark.parametrize(
    ("value", "mark", "check"),
    [
        pytest.param(41.0, 0, None, id="as it should be"),
        pytest.param(18.0, 0, None, id="the reference's least"),
        pytest.param(65.0, 0, None, id="the reference's greatest"),
        pytest.param(math.nextafter(18.0, 0), 0, "out_of_range", id="just below the least"),
        pytest.param(math.nextafter(65.0, 99), 0, "out_of_range", id="just above the greatest"),
        pytest.param(-1e300, 0, "out_of_range", id="far below"),
        pytest.param(NAN, 0, "missing", id="absent"),
        pytest.param(NAN, WRONG_TYPE, "wrong_type", id="of the wrong type, and not missing"),
        pytest.param(NAN, NON_FINITE, "non_finite", id="NaN, and not missing"),
        pytest.param(INF, NON_FINITE, "non_finite", id="Infinity, and not out of range"),
        pytest.param(-INF, NON_FINITE, "non_finite", id="-Infinity, and not out of range"),
    ],
)
def test_a_number_fails_at_most_one_check(value: float, mark: int, check: str | None) -> None:
    batch = columns(1, numbers=[[value]], marks=[[mark]] if mark else None)
    assert exported(reference({"age": AGE}), batch) == ({("age", check): 1} if check else {})


@pytest.mark.parametrize(
    ("value", "mark", "check"),
    [
        pytest.param("DE", 0, None, id="known"),
        pytest.param("XX", 0, "unseen_category", id="unseen"),
        pytest.param("", 0, "unseen_category", id="empty"),
        pytest.param("other", 0, None, id="a known one literally named other"),
        pytest.param("missing", 0, "unseen_category", id="an unseen one literally named missing"),
        pytest.param(None, 0, "missing", id="absent"),
        pytest.param(None, WRONG_TYPE, "wrong_type", id="of the wrong type, and not missing"),
        pytest.param(None, NON_FINITE, "non_finite", id="NaN, and not missing"),
    ],
)
def test_a_category_fails_at_most_one_check(value: str | None, mark: int, check: str | None) -> None:
    batch = columns(1, categories=[[value]], marks=[[mark]] if mark else None)
    assert exported(reference({"place": PLACE}), batch) == ({("place", check): 1} if check else {})


@pytest.mark.parametrize(
    ("value", "mark", "check"),
    [
        pytest.param([1e300, 0.0], 0, None, id="as it should be"),
        pytest.param([NAN, NAN], 0, "missing", id="absent"),
        pytest.param([NAN, NAN], WRONG_TYPE, "wrong_type", id="of the wrong type, and not missing"),
        pytest.param([NAN, NAN], NON_FINITE, "non_finite", id="not finite, and not missing"),
    ],
)
def test_a_vector_fails_at_most_one_check(value: list[float], mark: int, check: str | None) -> None:
    profile = reference({"text": TEXT, "place": PLACE, "age": AGE})
    marks = [[0], [0], [mark]] if mark else None
    batch = columns(1, numbers=[[20.0]], categories=[["DE"]], vectors=[[value]], marks=marks)
    assert exported(profile, batch) == ({("text", check): 1} if check else {})


def test_if_the_reference_does_not_name_all_categories_none_is_unseen() -> None:
    profile = reference({"place": categorical({"DE": 1}, other=3)})
    assert exported(profile, columns(2, categories=[["DE", "XX"]])) == {}


numbers = st.one_of(
    st.sampled_from([17.0, 18.0, 65.0, 66.0]).map(lambda value: (value, 0)),
    st.sampled_from([(NAN, 0), (NAN, WRONG_TYPE), (NAN, NON_FINITE), (INF, NON_FINITE)]),
)
places = st.sampled_from([("DE", 0), ("other", 0), ("XX", 0), (None, 0), (None, WRONG_TYPE), (None, NON_FINITE)])


@given(st.lists(st.tuples(numbers, places, st.integers(0, 2)), min_size=1, max_size=20))
def test_failures_equal_a_plain_loop_for_each_group(
    log: list[tuple[tuple[float, int], tuple[str | None, int], int]],
) -> None:
    expected: Counter[tuple[int, int, str]] = Counter()
    why = {WRONG_TYPE: "wrong_type", NON_FINITE: "non_finite"}
    for (number, number_mark), (place, place_mark), group in log:
        if number_mark:
            expected[group, 0, why[number_mark]] += 1
        elif math.isnan(number):
            expected[group, 0, "missing"] += 1
        elif not 18 <= number <= 65:
            expected[group, 0, "out_of_range"] += 1
        if place_mark:
            expected[group, 1, why[place_mark]] += 1
        elif place is None:
            expected[group, 1, "missing"] += 1
        elif place not in {"DE", "other"}:
            expected[group, 1, "unseen_category"] += 1
    marks = [[mark for (_, mark), _, _ in log], [mark for _, (_, mark), _ in log]]
    batch = columns(
        len(log),
        numbers=[[number for (number, _), _, _ in log]],
        categories=[[place for _, (place, _), _ in log]],
        # Like the decoder, which omits marks if there is nothing to mark.
        marks=marks if any(map(any, marks)) else None,
        group=[group for *_, group in log],
        groups=3,
    )
    tally = FeatureQuality(PROFILE).tally(batch)
    assert expected == {
        (group, feature, check): count
        for group, features in enumerate(tally.tolist())
        for feature, counts in enumerate(features)
        for check, count in zip(CHECKS, counts, strict=True)
        if count
    }


def test_a_check_that_cannot_fail_is_not_exported() -> None:
    statistic = FeatureQuality(reference({"text": TEXT, "place": PLACE, "age": AGE}))
    (family,) = statistic.collect({SERIES: statistic.zero()}, {})
    checks = {
        name: {s.labels["check"] for s in family.samples if s.labels["feature_name"] == name}
        for name in ("age", "place", "text")
    }
    both = {"missing", "wrong_type", "non_finite"}
    assert checks == {"age": {*both, "out_of_range"}, "place": {*both, "unseen_category"}, "text": both}
    assert {sample.value for sample in family.samples} == {0.0}


def test_a_profile_of_no_features_has_no_failures() -> None:
    statistic = FeatureQuality(reference({}))
    assert statistic.tally(columns(2, group=[0, 1], groups=2)).shape == (2, 0, len(CHECKS))
