"""Standard errors of measured figures against plain loops and numpy."""

import math

import numpy as np
import pytest

from exporter.batch import Floats
from exporter.derived.standard_errors import auc_stderr
from tests.outcomes import of_classes, of_values, outcomes, told

Rng = np.random.Generator


def of_auc(others: Floats, of_class: Floats) -> float:
    """Return DeLong's standard error by placement of each record."""
    placements = [np.mean((others < score) + (others == score) / 2) for score in of_class]
    above = [np.mean((of_class > score) + (of_class == score) / 2) for score in others]
    return math.sqrt(np.var(placements, ddof=1) / len(of_class) + np.var(above, ddof=1) / len(others))


@pytest.mark.parametrize("sizes", [(2, 2), (5, 40), (300, 100)])
def test_that_of_an_auc_is_delong_s(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sizes)
    others, of_class = rng.integers(0, 12, sizes[0]), rng.integers(4, 16, sizes[1])
    counts = (np.bincount(side, minlength=16).astype(np.float64) for side in (others, of_class))
    assert float(auc_stderr(*counts)) == pytest.approx(of_auc(others * 1.0, of_class * 1.0))


def test_one_record_on_a_side_is_too_few() -> None:
    assert math.isnan(auc_stderr(np.array([3.0, 1.0]), np.array([0.0, 1.0])))


def test_that_of_an_auc_is_how_much_it_varies() -> None:
    rng = np.random.default_rng(1)
    found, errors = [], []
    for _ in range(300):
        scores = [np.clip(rng.normal(mean, 8, 200), 0, 63).astype(np.int64) for mean in (25, 32)]
        others, of_class = (np.bincount(side, minlength=64).astype(np.float64) for side in scores)
        found.append(np.mean([np.mean((scores[0] < each) + (scores[0] == each) / 2) for each in scores[1]]))
        errors.append(float(auc_stderr(others, of_class)))
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.1)


def test_that_of_accuracy_is_the_binomial_one() -> None:
    batch = outcomes(["yes"] * 100, ["yes"] * 80 + ["no"] * 20, classes=("yes", "no"))
    found = told(batch, of_classes(("yes", "no")))["model_measured_stderr"]
    assert found[("accuracy",)] == pytest.approx(math.sqrt(0.8 * 0.2 / 100))
    assert found.keys() == {(name,) for name in ("accuracy", "precision", "recall", "f1")}


def test_that_of_the_mean_absolute_error_is_of_a_mean() -> None:
    rng = np.random.default_rng(2)
    actual, value = rng.normal(50, 10, 400), rng.normal(50, 10, 400)
    found = told(outcomes(value=value.tolist(), actual_value=actual.tolist()), of_values())["model_measured_stderr"]
    assert found == {("mae",): pytest.approx(np.abs(value - actual).std(ddof=1) / 20)}
