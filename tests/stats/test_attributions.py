"""The sums of absolute attributions against a plain loop, and which records count."""

import math
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exporter.stats.absolute_attributions import AbsoluteAttributions
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.variable_kind import ATTRIBUTIONS, OnColumns
from tests.records import PROFILE, columns

ABSOLUTE = AbsoluteAttributions(PROFILE.attributed)
BINS = OnColumns(FeatureBins(PROFILE.attributed, ATTRIBUTIONS), ATTRIBUTIONS, PROFILE.attributed)

numbers = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -0.5, 0.0, 0.25]),
    st.integers(-640, 640).map(lambda n: n / 64),
)
logs = st.lists(st.tuples(numbers, numbers, st.integers(0, 2)), min_size=1, max_size=20)


@given(logs)
def test_sums_equal_a_plain_loop_for_each_group(log: list[tuple[float, float, int]]) -> None:
    expected: Counter[tuple[int, int]] = Counter()
    for *values, group in log:
        expected[group, 2] += not all(map(math.isnan, values))
        for index, value in enumerate(values):
            if math.isfinite(value):
                expected[group, index] += min(abs(value), 1e140)
    batch = columns(
        len(log), attributions=[[row[at] for row in log] for at in (0, 1)], group=[row[2] for row in log], groups=3
    )
    tally = ABSOLUTE.tally(batch)
    np.testing.assert_allclose(tally, [[expected[group, cell] for cell in range(3)] for group in range(3)], rtol=1e-12)


@given(logs)
def test_bins_count_each_record_with_attributions_once(log: list[tuple[float, float, int]]) -> None:
    expected = np.zeros((2, 5))
    edges = [[-0.5, 0.25], [0.0]]
    for *values, _ in log:
        if not all(map(math.isnan, values)):
            for index, value in enumerate(values):
                own = sum(value >= edge for edge in edges[index])
                expected[index, 3 if math.isnan(value) else own if math.isfinite(value) else 4] += 1
    tally = BINS.tally(columns(len(log), attributions=[[row[at] for row in log] for at in (0, 1)]))
    np.testing.assert_array_equal(tally[0], expected)


def test_bins_are_not_exported() -> None:
    assert not list(BINS.collect({}, {}))
