"""Feature outliers: limits at the cuts of a reference made of known values, and counts against a plain loop."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.batch import NON_FINITE, WRONG_TYPE, Series
from exporter.derived.feature_health import OutlierRatio, cells_within
from exporter.reference.profile import Numeric
from exporter.stats.feature_cuts import FeatureCuts
from tests.derived.views import view_of
from tests.offline.profiling import training
from tests.records import columns, numeric, reference

SERIES = Series("credit", "3")
NAN, INF = math.nan, math.inf


def limits(feature: Numeric, tails: tuple[float, float]) -> tuple[float, float, float]:
    """Return the cuts that cells_within chooses, and the reference's share of values beyond them."""
    low, high = cells_within(feature, tails)
    at = [-INF, *feature.cuts, INF]
    total = sum(feature.cut_counts)
    return at[low], at[high], 1 - sum(feature.cut_counts[low:high]) / total if total else 0.0


CUTS = numeric([10.0, 20.0, 90.0], [1, 9, 85, 5])


@pytest.mark.parametrize(
    ("tails", "expected"),
    [
        pytest.param((0.01, 0.95), (10.0, 90.0, 0.06), id="at cuts exactly"),
        pytest.param((0.02, 0.90), (10.0, 90.0, 0.06), id="nearest"),
        pytest.param((0.08, 0.95), (20.0, 90.0, 0.15), id="another cut is nearer"),
        pytest.param((0.0, 1.0), (-INF, INF, 0.0), id="none is beyond"),
        pytest.param((0.001, 0.999), (-INF, INF, 0.0), id="no cut is as near as the end"),
    ],
)
def test_limits_are_the_nearest_cuts(tails: tuple[float, float], expected: tuple[float, float, float]) -> None:
    assert limits(CUTS, tails) == pytest.approx(expected)


def test_of_limits_that_are_equally_near_the_inner_ones_are_taken() -> None:
    # As the profile has it of a feature of the values 0 and 1: nothing lies below 0 or above 1.
    feature = numeric([0.0, 1.0, 2.0], [0, 60, 40, 0])
    assert limits(feature, (0.01, 0.99)) == (0.0, 2.0, 0.0)


def test_a_reference_without_values_has_no_limits() -> None:
    assert limits(numeric([0.0], [0, 0]), (0.01, 0.99)) == (-INF, INF, 0.0)


@pytest.mark.parametrize("kind", ["continuous", "few", "skewed"])
def test_the_reference_s_own_share_is_what_a_loop_over_its_values_finds(tmp_path: Path, kind: str) -> None:
    rng = random.Random(5)
    draw = {
        "continuous": lambda: rng.gauss(0, 1),
        "few": lambda: float(rng.randrange(5)),
        "skewed": lambda: 0.0 if rng.random() < 0.9 else rng.expovariate(1),
    }[kind]
    values = [draw() for _ in range(3000)]
    low, high, share = limits(training.numeric(tmp_path / "log.jsonl", values), (0.01, 0.99))
    assert share == pytest.approx(sum(not low <= value < high for value in values) / len(values))
    if kind == "continuous":
        # A cut every 128th: a limit is half of that off at most.
        assert share == pytest.approx(0.02, abs=1 / 128)
        assert [low, high] == pytest.approx(np.quantile(values, [1 / 128, 127 / 128]), abs=1e-9)
    else:
        assert share < 0.02


PROFILE = reference({"b": CUTS, "a": numeric([0.5], [50, 50])})
values = st.sampled_from(
    [(v, 0) for v in (9.0, 10.0, 15.0, 90.0, 91.0, -1e300, NAN)]
    + [(NAN, WRONG_TYPE), (NAN, NON_FINITE), (INF, NON_FINITE), (-INF, NON_FINITE)]
)


@given(st.lists(st.tuples(values, values, st.integers(0, 2)), min_size=1, max_size=20))
def test_counts_are_a_plain_loop_s_for_each_group(log: list[tuple[tuple[float, int], tuple[float, int], int]]) -> None:
    expected = np.zeros((3, 2, 2))
    for b, a, group in log:
        for feature, (value, _), (low, high) in ((0, b, (10, 90)), (1, a, (-INF, INF))):
            if math.isfinite(value):
                expected[group, feature, 0] += 1
                expected[group, feature, 1] += not low <= value < high
    marks = [[row[feature][1] for row in log] for feature in range(2)]
    batch = columns(
        len(log),
        numbers=[[row[feature][0] for row in log] for feature in range(2)],
        marks=marks if any(map(any, marks)) else None,
        group=[row[-1] for row in log],
        groups=3,
    )
    cuts = FeatureCuts(PROFILE)
    for group, cells in enumerate(cuts.tally(batch)):
        # Enough to be told, and the same shares.
        windows = {"5m": {SERIES: {cuts.name: cells.astype(np.float64) * 100}}}
        family, _ = OutlierRatio(cuts, (0.01, 0.95)).collect(view_of(windows))
        found = {sample.labels["feature_name"]: sample.value for sample in family.samples}
        assert found == {
            name: beyond / finite
            for name, (finite, beyond) in zip(("b", "a"), expected[group].tolist(), strict=True)
            if finite
        }


def test_the_share_is_exported_where_there_are_100_values_and_the_reference_s_always() -> None:
    cuts = FeatureCuts(PROFILE)
    first, second = cuts.zero(), cuts.zero()
    first[0, :4], first[1, :2] = [1, 0, 98, 0], [97, 3]
    second[0, :4] = [10, 0, 180, 10]
    windows = {"5m": {SERIES: {cuts.name: first}}, "1h": {SERIES: {cuts.name: second}}}
    family, expected = OutlierRatio(cuts, (0.01, 0.95)).collect(view_of(windows))
    found = {(s.labels["feature_name"], s.labels["window"]): s.value for s in family.samples}
    assert found == {("a", "5m"): 0.0, ("b", "1h"): 0.1}
    assert {s.labels["feature_name"]: s.value for s in expected.samples} == pytest.approx({"b": 0.06, "a": 0.0})
