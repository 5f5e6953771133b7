"""Histograms count like the Prometheus client."""

import math
from bisect import bisect_left

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import Series
from exporter.stats.histogram import Histogram
from tests.records import columns

BOUNDS = (0.01, 0.025, 0.25, 0.5, 1.0)
HISTOGRAM = Histogram("model_prediction_latency_seconds", "Help.", "latency_seconds", BOUNDS)
SERIES = Series("credit", "3")

seconds = st.one_of(
    st.sampled_from([0.0, *BOUNDS, *(math.nextafter(bound, 2) for bound in BOUNDS), math.nan]),
    st.floats(0, 10, allow_subnormal=False),
)


@pytest.mark.parametrize(
    ("value", "bucket"),
    [
        pytest.param(0.0, 0, id="zero"),
        pytest.param(0.01, 0, id="equal to the first bound"),
        pytest.param(math.nextafter(0.01, 1), 1, id="just above the first bound"),
        pytest.param(0.25, 2, id="equal to a bound"),
        pytest.param(math.nextafter(0.25, 0), 2, id="just below a bound"),
        pytest.param(1.0, 4, id="equal to the last bound"),
        pytest.param(math.nextafter(1.0, 2), 5, id="just above the last bound"),
        pytest.param(1e9, 5, id="far above"),
    ],
)
def test_a_value_falls_in_the_first_bucket_whose_bound_is_not_below_it(value: float, bucket: int) -> None:
    (tally,) = HISTOGRAM.tally(columns(1, latency_seconds=[value]))
    assert [float(index == bucket) for index in range(6)] == tally[:-1].tolist()
    assert value == tally[-1]


@given(st.lists(seconds, min_size=1, max_size=30))
def test_counts_and_sum_equal_a_plain_loop(values: list[float]) -> None:
    counts, total = [0] * 6, 0.0
    for value in values:
        if not math.isnan(value):
            counts[bisect_left(BOUNDS, value)] += 1
            total += value
    (tally,) = HISTOGRAM.tally(columns(len(values), latency_seconds=values))
    assert counts == tally[:-1].tolist()
    assert math.isclose(total, tally[-1], rel_tol=1e-12)


@given(st.lists(seconds.filter(lambda value: not math.isnan(value)), min_size=1, max_size=20))
def test_the_exposition_equals_that_of_the_prometheus_client(values: list[float]) -> None:
    registry = prometheus_client.CollectorRegistry()
    theirs = prometheus_client.Histogram(
        HISTOGRAM.name, HISTOGRAM.help, ["model_name", "model_version"], buckets=BOUNDS, registry=registry
    )
    for value in values:
        theirs.labels(*SERIES).observe(value)
    (tally,) = HISTOGRAM.tally(columns(len(values), latency_seconds=values))
    (family,) = HISTOGRAM.collect({SERIES: tally}, {})
    (expected,) = registry.collect()
    ours = {(sample.name, *sorted(sample.labels.items())): sample.value for sample in family.samples}
    for sample in expected.samples:
        if not sample.name.endswith("_created"):
            assert math.isclose(sample.value, ours.pop((sample.name, *sorted(sample.labels.items()))), rel_tol=1e-12)
    assert ours == {}
    assert (family.name, family.type, family.help) == (expected.name, expected.type, expected.documentation)


def test_nan_is_not_observed() -> None:
    (tally,) = HISTOGRAM.tally(columns(3, latency_seconds=[math.nan, 0.5, math.nan]))
    assert tally.tolist() == [0, 0, 0, 1, 0, 0, 0.5]


def test_each_group_has_its_own() -> None:
    batch = columns(4, latency_seconds=[0.25, 0.5, math.nan, 2.0], group=[2, 0, 1, 2], groups=4)
    assert HISTOGRAM.tally(batch).tolist() == [
        [0, 0, 0, 1, 0, 0, 0.5],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 1, 2.25],
        [0, 0, 0, 0, 0, 0, 0],
    ]


def test_the_configured_column_is_read() -> None:
    histogram = Histogram("p", "Help.", "probability", (0.5, 1.0))
    (tally,) = histogram.tally(columns(2, latency_seconds=[7.0, 7.0], probability=[0.5, 0.75]))
    assert tally.tolist() == [1, 1, 0, 1.25]


def test_other_bounds_are_another_identity() -> None:
    other = Histogram(HISTOGRAM.name, HISTOGRAM.help, "latency_seconds", (0.01, 0.025, 0.25, 0.5, 2.0))
    assert repr(other) != repr(HISTOGRAM)
    reworded = Histogram(HISTOGRAM.name, "Another text.", "latency_seconds", BOUNDS)
    assert repr(reworded) == repr(HISTOGRAM)
