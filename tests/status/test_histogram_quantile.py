"""Quantiles of a histogram, against PromQL's definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.status.serving import histogram_quantile

INF = math.inf


@pytest.mark.parametrize(
    ("quantile", "counts", "expected"),
    [
        # Buckets up to 0.1, 0.5, 1 and without end, of 10, 20, 40 and 10 values.
        (0.0, (10, 30, 70, 80), 0.0),
        (0.0625, (10, 30, 70, 80), 0.05),  # half of the first bucket, which begins at 0
        (0.125, (10, 30, 70, 80), 0.1),  # on a bound
        (0.25, (10, 30, 70, 80), 0.3),
        (0.5, (10, 30, 70, 80), 0.625),
        (0.875, (10, 30, 70, 80), 1.0),
        (0.99, (10, 30, 70, 80), 1.0),  # in the last bucket: the highest bound there is
        (1.0, (10, 30, 70, 80), 1.0),
        (0.5, (0, 0, 8, 8), 0.75),  # empty buckets before
        (0.5, (8, 8, 8, 8), 0.05),  # and after
        (0.5, (0, 0, 0, 8), 1.0),
        (0.5, (0, 0, 0, 0), math.nan),
    ],
)
def test_quantiles_are_the_ones_of_promql(quantile: float, counts: tuple[int, ...], expected: float) -> None:
    buckets = list(zip((0.1, 0.5, 1.0, INF), counts, strict=True))
    assert histogram_quantile(quantile, buckets) == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_no_buckets_have_no_quantile() -> None:
    assert math.isnan(histogram_quantile(0.5, []))


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=12),
    st.integers(1, 99).map(lambda percent: percent / 100),
)
def test_a_quantile_is_read_off_the_line_through_the_cumulative_counts(counts: list[int], quantile: float) -> None:
    counts = [*counts, 0]  # none without a bound
    bounds = np.cumsum(np.arange(1, len(counts)) / 8)
    below = np.cumsum(counts)
    buckets = list(zip([*bounds.tolist(), INF], below.tolist(), strict=True))
    actual = histogram_quantile(quantile, buckets)
    if not below[-1]:
        assert math.isnan(actual)
        return
    # The line at that point has risen by the quantile's share; where it is flat, PromQL takes the left end.
    share = np.interp(actual, [0, *bounds], [0, *below[:-1]]) / below[-1]
    assert share == pytest.approx(quantile, abs=1e-9)
    left = np.interp(actual - 1e-6, [0, *bounds], [0, *below[:-1]]) / below[-1]
    assert left < quantile
