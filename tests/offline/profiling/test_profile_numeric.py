"""Numeric features, against numpy, exact fractions and plain loops."""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.reference.profile import Numeric
from tests.offline.profiling.training import made, numeric, problem

BINS = 10

floats = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**70), 2**70)
columns = st.one_of(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200),
    st.lists(st.integers(-9, 9), min_size=1, max_size=200),
    st.lists(st.one_of(floats, integers), min_size=1, max_size=60),
)
options = st.sampled_from([(), ("--bins", "2"), ("--bins", "100"), ("--binning", "uniform")])

AWKWARD = {
    "small on large": [1e9 + index / 1024 for index in range(500)],
    "huge": [1e300, -1e300, 1.5e308, -1.7e308, 3.0, *(1e307 * index for index in range(17))],
    "subnormal": [5e-324 * index for index in range(-20, 40)],
    "huge integers": [2**63 + index for index in range(30)] + [-(2**63), 2**64 - 1, 2**80, -(2**90)],
    "many orders": [10.0**exponent for exponent in range(-300, 300, 7)],
    "large in order": [1e150 * (1 + index / 20_000) for index in range(10_000)] + [-1e150] * 10_000,
    "skewed": [0.0] * 900 + [float(index) for index in range(100)],
}


def counted(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    """Count values in the bins [low, high) between edges, one by one."""
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[sum(edge <= value for edge in edges)] += 1
    return counts


@given(columns, options)
def test_each_value_is_counted_in_its_bin_and_between_its_cuts(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], given_options: tuple[str, ...]
) -> None:
    feature = numeric(tmp_path_factory.getbasetemp() / "counts.jsonl", values, *given_options)
    assert counted(list(map(float, values)), feature.edges) == feature.counts
    assert counted(list(map(float, values)), feature.cuts) == feature.cut_counts
    assert (feature.missing, feature.other) == (0, 0)
    assert feature.problem() is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(2, 100))
def test_bins_lie_between_the_quantiles_of_the_whole_column(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], bins: int
) -> None:
    values = [*values, *np.linspace(-7, 7, bins + 1).tolist()]  # more distinct values than bins
    feature = numeric(tmp_path_factory.getbasetemp() / "quantiles.jsonl", values, "--bins", str(bins))
    shares = np.linspace(0, 1, bins + 1)[1:-1]
    assert np.unique(np.quantile(np.array(values) + 0.0, shares)).tolist() == feature.edges


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=50), st.integers(2, 100))
def test_uniform_bins_equal_those_of_a_histogram(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], bins: int
) -> None:
    values = [*values, -1e9, 1.0]
    feature = numeric(
        tmp_path_factory.getbasetemp() / "uniform.jsonl", values, "--bins", str(bins), "--binning", "uniform"
    )
    assert np.histogram_bin_edges(values, bins)[1:-1].tolist() == feature.edges


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("binning", ["quantile", "uniform"])
def test_moments_and_extremes_of_awkward_numbers_are_exact(tmp_path: Path, name: str, binning: str) -> None:
    values = list(map(float, AWKWARD[name]))
    feature = numeric(tmp_path / "a.jsonl", AWKWARD[name], "--binning", binning)
    assert (min(values), max(values)) == (feature.min, feature.max)
    assert statistics.mean(values) == pytest.approx(feature.mean, rel=1e-12)
    # A subnormal's square is 0 in floating point, and numpy's deviation too.
    expected = np.std(values) if name == "subnormal" else statistics.pstdev(values)
    assert expected == pytest.approx(feature.stddev, rel=1e-9)
    assert counted(values, feature.edges) == feature.counts
    assert counted(values, feature.cuts) == feature.cut_counts


def test_moments_include_all_rows_of_all_blocks(tmp_path: Path) -> None:
    values = (1e9 + np.random.default_rng(3).normal(size=50_000)).tolist()
    feature = numeric(tmp_path / "a.jsonl", values)
    assert statistics.fmean(values) == pytest.approx(feature.mean, rel=1e-15)
    assert statistics.pstdev(values) == pytest.approx(feature.stddev, rel=1e-9)


@pytest.mark.parametrize("count", [40, 126, 127, 2000])
def test_tail_means_are_those_of_the_values_below_the_first_and_from_the_last_cut(tmp_path: Path, count: int) -> None:
    values = np.random.default_rng(count).exponential(size=count).tolist()
    feature = numeric(tmp_path / "a.jsonl", values * 3)
    lower = [value for value in values if value < feature.cuts[0]] or [feature.cuts[0]]
    upper = [value for value in values if value >= feature.cuts[-1]] or [feature.cuts[-1]]
    assert (statistics.fmean(lower), statistics.fmean(upper)) == pytest.approx(feature.tail_means, rel=1e-12)


def test_cuts_are_127_quantiles(tmp_path: Path) -> None:
    values = np.random.default_rng(5).normal(size=3000)
    feature = numeric(tmp_path / "a.jsonl", values.tolist())
    assert np.quantile(values, np.arange(1, 128) / 128).tolist() == feature.cuts


@pytest.mark.parametrize("binning", ["quantile", "uniform"])
@pytest.mark.parametrize("value", [0, -0.0, 7, -1e300, 1.7976931348623157e308, 5e-324, 2**53 + 1])
def test_a_constant_column_has_a_bin_for_its_value_and_none_for_others(
    tmp_path: Path, value: float, binning: str
) -> None:
    feature = numeric(tmp_path / "a.jsonl", [value] * 30, "--binning", binning)
    edges = [float(value), math.nextafter(value, math.inf)]
    assert [edge for edge in edges if math.isfinite(edge)] == feature.edges
    assert [0, 30, 0][: len(feature.counts)] == feature.counts
    assert (float(value), float(value)) == (feature.min, feature.max)
    assert (float(value), 0.0) == pytest.approx((feature.mean, feature.stddev), rel=1e-15, abs=1e-15 * abs(value))


def test_each_of_a_few_distinct_values_has_a_bin_of_its_own(tmp_path: Path) -> None:
    values = [0] * 50 + [1] * 30 + [2] * 15 + [5] * 5
    feature = numeric(tmp_path / "a.jsonl", values)
    assert feature.edges == [0.0, 1.0, 2.0, 3.0, 5.0, 6.0]
    assert feature.counts == [0, 50, 30, 15, 0, 5, 0]


def test_missing_infinite_and_finite_values_add_up_to_the_rows(tmp_path: Path) -> None:
    values = [1.0, math.nan, 2.0, math.inf, None, 3.0, -math.inf, 4.0, math.inf]
    feature = numeric(tmp_path / "a.jsonl", values)
    assert (feature.missing, feature.other) == (2, 3)
    assert len(values) == sum(feature.counts) + feature.missing + feature.other
    assert (feature.mean, feature.min, feature.max) == (2.5, 1.0, 4.0)
    assert np.std([1, 2, 3, 4]) == pytest.approx(feature.stddev, rel=1e-15)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([math.nan] * 5, "has no values"),
        ([None] * 5, "has no values"),
        ([math.inf, -math.inf], "has no finite number"),
    ],
)
def test_a_column_without_a_finite_number_is_not_a_feature(tmp_path: Path, values: list[float], why: str) -> None:
    pq.write_table(pa.table({"x": pa.array(values, pa.float64())}), tmp_path / "a.parquet")
    assert f"no column can be a feature: x {why}" == problem(tmp_path / "a.parquet", output=tmp_path / "out.json")


@pytest.mark.parametrize("order", ["shuffled", "ascending"])
def test_with_more_rows_than_the_sample_edges_are_near_quantiles_and_counts_exact(tmp_path: Path, order: str) -> None:
    values = np.random.default_rng(4).lognormal(sigma=2, size=300_000)
    values = np.sort(values) if order == "ascending" else values
    pq.write_table(pa.table({"x": values}), tmp_path / "a.parquet")
    feature = made(tmp_path / "a.parquet", output=tmp_path / "out.json").features["x"]
    assert isinstance(feature, Numeric)
    ranks = np.searchsorted(np.sort(values), feature.edges) / len(values)
    # In a sample of 65,536, a quantile's rank has a standard deviation of at most 0.002; the limit is four of them.
    np.testing.assert_allclose(ranks, np.arange(1, BINS) / BINS, rtol=0, atol=0.008)
    assert np.quantile(values, np.arange(1, BINS) / BINS).tolist() != feature.edges  # otherwise there was no sample
    bounds = [-math.inf, *feature.edges, math.inf]
    assert [int(((values >= low) & (values < high)).sum()) for low, high in pairwise(bounds)] == feature.counts
    assert statistics.fmean(values) == pytest.approx(feature.mean, rel=1e-12)
    assert np.std(values) == pytest.approx(feature.stddev, rel=1e-12)


@pytest.mark.parametrize(
    "kind",
    [
        pa.int8(),
        pa.uint8(),
        pa.int64(),
        pa.uint64(),
        pa.float16(),
        pa.float32(),
        pa.decimal128(38, 2),
        pa.decimal256(50),
    ],
)
def test_every_parquet_type_of_number_is_a_number(tmp_path: Path, kind: pa.DataType) -> None:
    values = [1, None, 2, 3, 100]
    pq.write_table(pa.table({"x": pa.array(values, pa.int64()).cast(kind)}), tmp_path / "a.parquet")
    feature = made(tmp_path / "a.parquet", output=tmp_path / "out.json").features["x"]
    assert numeric(tmp_path / "a.jsonl", values) == feature
