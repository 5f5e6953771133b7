"""Labels of bins: readable, distinct, and sorted like the bins."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.reference.profile import bin_labels
from tests.records import categorical, numeric

ABOVE_ZERO = math.nextafter(0.0, 1.0)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([], ["0: (-inf, +inf)"]),
        ([1.5], ["0: (-inf, 1.5)", "1: [1.5, +inf)"]),
        ([0.0, ABOVE_ZERO], ["0: (-inf, 0)", "1: 0", "2: (0, +inf)"]),
        ([0.0, ABOVE_ZERO, 2.5], ["0: (-inf, 0)", "1: 0", "2: (0, 2.5)", "3: [2.5, +inf)"]),
        (
            [0.1, math.nextafter(0.1, 1), 5.0, 6.0],
            ["0: (-inf, 0.1)", "1: 0.1", "2: (0.1, 5)", "3: [5, 6)", "4: [6, +inf)"],
        ),
        ([1e9, 1e9 + 1], ["0: (-inf, 1000000000.0)", "1: [1000000000.0, 1000000001.0)", "2: [1000000001.0, +inf)"]),
    ],
)
def test_a_bin_of_a_single_value_is_named_after_it(edges: list[float], expected: list[str]) -> None:
    assert list(bin_labels(numeric(edges))) == expected


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=15), st.sampled_from([0, 15]))
def test_labels_are_distinct_and_sorted(values: list[float], around: int) -> None:
    above = [math.nextafter(value, math.inf) for value in values[:around]]
    edges = sorted({value + 0.0 for value in (*values, *above) if math.isfinite(value)})
    labels = bin_labels(numeric(edges))
    assert len({*labels}) == len(labels) == len(edges) + 1
    assert sorted(labels) == list(labels)


def test_categories_are_their_own_labels() -> None:
    assert bin_labels(categorical({"DE": 1, "missing": 2, "other": 3, "FR": 4})) == ("DE", "FR")
