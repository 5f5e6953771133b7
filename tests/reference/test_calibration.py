"""The pools of a calibration against scikit-learn's isotonic regression, and invalid calibrations."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from exporter.reference import profile_file
from exporter.reference.calibration import CalibratedRates, ScoredClass, pooled
from exporter.reference.profile_file import ProfileError
from tests.records import PROFILE

counts = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda pair: (min(pair), max(pair))), min_size=1
)


@given(counts)
def test_rates_equal_isotonic_regression(bins: list[tuple[int, int]]) -> None:
    hits, total = np.array(bins, np.float64).T
    pools = pooled(hits, total)
    if not total.any():
        assert not len(pools)
        return
    assert len(pools) == len(total)
    assert set(np.diff(pools)) <= {0, 1}
    rates = np.bincount(pools, hits)[pools] / np.bincount(pools, total)[pools]
    held = total > 0
    x = np.flatnonzero(held)
    expected = IsotonicRegression().fit(x, hits[held] / total[held], total[held]).predict(x)
    np.testing.assert_allclose(rates[held], expected, atol=1e-12)


def test_an_empty_bin_has_the_rate_of_the_bin_before() -> None:
    assert pooled(np.array([0.0, 1, 0, 0, 4, 0]), np.array([0.0, 4, 0, 0, 4, 0])).tolist() == [0, 0, 0, 0, 1, 1]


def test_rates_without_reference_records_are_unknown() -> None:
    assert PROFILE.calibration
    nobody = msgspec.structs.replace(
        PROFILE.calibration, classes={"a": ScoredClass([0.5], [0, 0], [0, 0], [3, 1], [1, 1])}
    )
    rates = CalibratedRates.of(nobody)
    np.testing.assert_array_equal(rates.rate, [[[1 / 3, 1], [np.nan, np.nan]]])
    np.testing.assert_array_equal(rates.records, [[[3, 1], [0, 0]]])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"edges": [0.5, 0.5]}, "expected `edges` in ascending order"),
        ({"edges": [0.5]}, "expected counts of 2 bins"),
        ({"predicted": [0, 40]}, "expected counts of 3 bins"),
        ({"predicted_true": [1, 20, 72]}, "expected no more records of the class than records"),
        ({"rest_true": [161, 9, 0]}, "expected no more records of the class than records"),
        ({"edges": list(range(129)), "predicted": [1] * 130}, "expected at most 128 bins, got 130"),
    ],
)
def test_an_inconsistent_calibration_is_rejected(change: dict[str, list[int]], problem: str) -> None:
    assert PROFILE.calibration
    scored = msgspec.structs.replace(PROFILE.calibration.classes["approve"], **change)
    classes = PROFILE.calibration.classes | {"approve": scored}
    bad = msgspec.structs.replace(PROFILE, calibration=msgspec.structs.replace(PROFILE.calibration, classes=classes))
    with pytest.raises(ProfileError, match=f"^calibration: classes.approve: {problem}$"):
        profile_file.load(profile_file.dump(bad))


def test_its_classes_are_those_of_the_predictions() -> None:
    assert profile_file.load(profile_file.dump(PROFILE)) == PROFILE
    assert PROFILE.calibration
    classes = dict(reversed(PROFILE.calibration.classes.items()))
    bad = msgspec.structs.replace(PROFILE, calibration=msgspec.structs.replace(PROFILE.calibration, classes=classes))
    with pytest.raises(ProfileError, match=r"^calibration: expected the classes of `prediction`, in their order$"):
        profile_file.load(profile_file.dump(bad))
    for classes in ({}, PROFILE.calibration.classes):
        assert msgspec.structs.replace(PROFILE.calibration, rows=0, classes=classes).problem()
