"""Record quality against a plain loop: records without a feature, and those with a repeated request id."""

import math

from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import NON_FINITE, WRONG_TYPE, Series
from exporter.stats.record_quality import RecordQuality
from tests.records import columns

SERIES = Series("credit", "3")
STATISTIC = RecordQuality("id", ("missing_feature", "duplicate_request_id"))
NAN = math.nan

numbers = st.sampled_from([(1.0, 0), (1.0, 0), (NAN, 0), (NAN, WRONG_TYPE), (NAN, NON_FINITE), (math.inf, NON_FINITE)])
places = st.sampled_from([("DE", 0), ("DE", 0), (None, 0), (None, WRONG_TYPE)])
rows = st.lists(st.tuples(numbers, numbers, places, st.booleans(), st.integers(0, 2)), min_size=1, max_size=20)


@given(rows, st.booleans())
def test_counts_equal_a_plain_loop_for_each_group(log: list[tuple[object, ...]], are_ids_read: bool) -> None:  # noqa: FBT001  # drawn
    expected = [[0, 0, 0] for _ in range(3)]
    for *values, is_repeated, group in log:
        expected[group][0] += 1
        # An unusable value is not missing.
        expected[group][1] += any(mark == 0 and str(value) in ("None", "nan") for value, mark in values)
        expected[group][2] += is_repeated and are_ids_read
    marks = [[row[feature][1] for row in log] for feature in range(3)]
    batch = columns(
        len(log),
        numbers=[[row[feature][0] for row in log] for feature in range(2)],
        categories=[[row[2][0] for row in log]],
        marks=marks if any(map(any, marks)) else None,
        group=[row[-1] for row in log],
        groups=3,
        repeated=[row[3] for row in log] if are_ids_read else None,
    )
    assert STATISTIC.tally(batch).tolist() == expected


def test_a_disabled_check_is_not_exported() -> None:
    for checks in ((), ("missing_feature",), ("missing_feature", "duplicate_request_id")):
        (family,) = RecordQuality("id", checks).collect({SERIES: STATISTIC.zero()}, {})
        assert [sample.labels["check"] for sample in family.samples] == list(checks)


def test_the_counts_are_exported_by_check() -> None:
    (tally,) = STATISTIC.tally(columns(3, numbers=[[1.0, NAN, NAN]], repeated=[True, False, False]))
    (family,) = STATISTIC.collect({SERIES: tally}, {})
    assert family.type == "counter"
    assert {sample.labels["check"]: sample.value for sample in family.samples} == {
        "missing_feature": 2,
        "duplicate_request_id": 1,
    }
    assert {sample.name for sample in family.samples} == {"model_record_quality_total"}


def test_remembering_ids_changes_no_other_count() -> None:
    assert repr(RecordQuality("id", ("missing_feature",))) == repr(STATISTIC)
    assert repr(RecordQuality("another", ("missing_feature",))) != repr(STATISTIC)
