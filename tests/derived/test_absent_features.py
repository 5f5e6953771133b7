"""Absent features: told when all records of a window lack one, and only where that is no chance."""

import math

import numpy as np
import pytest

from exporter.batch import WRONG_TYPE, Series
from exporter.derived.feature_health import AbsentFeatures, unanimous
from exporter.reference.profile import Feature
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.record_quality import RecordQuality
from tests.derived.views import view_of
from tests.records import categorical, columns, numeric, reference

SERIES = Series("credit", "3")
NAN = math.nan
NUMBER = numeric([30.0])


def judged(feature: Feature, values: list[float], marks: list[list[int]] | None = None) -> float | None:
    """Return what is exported of a numeric feature whose values a window holds."""
    profile = reference({"age": feature})
    quality, records = FeatureQuality(profile), RecordQuality(profile.reference_id, ())
    batch = columns(len(values), numbers=[values], marks=marks)
    row = {statistic.name: statistic.tally(batch)[0].astype(np.float64) for statistic in (quality, records)}
    (family,) = AbsentFeatures(profile, quality, records).collect(view_of({"5m": {SERIES: row}}))
    assert (family.name, family.type) == ("model_feature_absent", "gauge")
    return next((sample.value for sample in family.samples), None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([NAN] * 100, 1, id="none of 100 has it"),
        pytest.param([NAN] * 99, None, id="too few to tell"),
        pytest.param([NAN] * 199 + [41.0], 0, id="one has it"),
        pytest.param([41.0] * 100, 0, id="all have it"),
        pytest.param([41.0] * 99, None, id="too few, though all have it"),
    ],
)
def test_a_feature_that_the_reference_always_has(values: list[float], expected: float | None) -> None:
    assert judged(NUMBER, values) == expected


def test_a_value_of_the_wrong_type_is_not_absent() -> None:
    assert judged(NUMBER, [NAN] * 200, [[WRONG_TYPE] + [0] * 199]) == 0


@pytest.mark.parametrize(
    ("share", "fewest"), [(0.0, 100), (0.5, 100), (0.87, 100), (0.9, 132), (0.99, 1375), (0.999, 13809)]
)
def test_what_the_reference_often_lacks_takes_more_records(share: float, fewest: int) -> None:
    feature = numeric([30.0], [round(1000 * (1 - share)), 0], missing=round(1000 * share))
    assert share**fewest <= 1e-6
    assert fewest == 100 or share ** (fewest - 1) > 1e-6
    assert judged(feature, [NAN] * fewest) == 1
    assert judged(feature, [NAN] * (fewest - 1)) is None


def test_what_the_reference_never_has_is_never_judged() -> None:
    assert judged(numeric([30.0], [0, 0], missing=100), [NAN] * 10_000) is None
    assert unanimous(1.0) == math.inf


def test_a_category_is_judged_by_its_own_share_and_each_window_by_itself() -> None:
    profile = reference({"place": categorical({"DE": 10}, missing=90), "age": NUMBER})
    quality, records = FeatureQuality(profile), RecordQuality(profile.reference_id, ())
    batch = columns(120, numbers=[[NAN] * 120], categories=[[None] * 120])
    row = {statistic.name: statistic.tally(batch)[0].astype(np.float64) for statistic in (quality, records)}
    windows = {"5m": {SERIES: row}, "1h": {SERIES: {name: array * 2 for name, array in row.items()}}}
    (family,) = AbsentFeatures(profile, quality, records).collect(view_of(windows))
    found = {(s.labels["feature_name"], s.labels["window"]): s.value for s in family.samples}
    assert found == {("age", "5m"): 1, ("age", "1h"): 1, ("place", "1h"): 1}
