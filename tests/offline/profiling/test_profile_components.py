"""The components of the numeric features, against scikit-learn's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import UNSET
from sklearn.decomposition import PCA

from exporter.batch import Floats
from exporter.offline.profiling.components import COMPONENTS, fit
from exporter.reference import profile, profile_file
from exporter.reference.components import Components, standardised
from tests.offline.profiling.training import made, run, write
from tests.records import numeric, reference


def drawn(features: int, rows: int, factors: int = 3) -> Floats:
    """Draw correlated numbers, shape (features, rows), with mean 0 and a deviation of about 1 in the first half."""
    rng = np.random.default_rng(features)
    mixed = rng.normal(size=(features, factors)) @ rng.normal(size=(factors, rows)) + rng.normal(size=(features, rows))
    half = mixed[:, : rows // 2]
    return (mixed - half.mean(axis=1, keepdims=True)) / half.std(axis=1, keepdims=True)


def names(count: int) -> list[str]:
    return [f"x{index}" for index in range(count)]


def components(features: int, rows: int, factors: int = 3) -> Components:
    found = fit(names(features), drawn(features, rows, factors))
    assert found
    return found


@pytest.mark.parametrize(("features", "rows"), [(2, 100), (3, 1001), (12, 2000), (40, 1000)])
def test_components_of_the_first_half_and_errors_of_the_second_equal_scikit_learn(features: int, rows: int) -> None:
    values = drawn(features, rows)
    found = components(features, rows)
    pca = PCA(0.65, svd_solver="full").fit(values[:, : rows // 2].T)
    held = values[:, rows // 2 :].T
    rest = held - pca.inverse_transform(pca.transform(held))
    errors = np.linalg.norm(rest, axis=1)
    loadings = np.array(found.loadings)
    assert loadings.shape == pca.components_.shape
    np.testing.assert_allclose(np.abs(np.sum(loadings * pca.components_, axis=1)), 1, atol=1e-5)
    assert found.explained == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-5)
    assert found.rows == len(held)
    assert found.error_mean == pytest.approx(errors.mean(), abs=1e-5)
    assert found.error_stddev == pytest.approx(errors.std(), abs=1e-5)


def test_the_number_of_components_is_limited_and_below_that_of_features() -> None:
    assert len(components(100, 2000, factors=0).loadings) == COMPONENTS
    assert len(components(2, 1000).loadings) == 1


def test_the_error_of_dependent_features_exceeds_rounding() -> None:
    x = np.random.default_rng(1).normal(size=1000)
    found = fit(names(2), np.array([x, -x]))
    assert found
    assert found.loadings == [[0.707107, -0.707107]]
    assert found.error_mean < 1e-5
    assert found.error_stddev == 1e-3


def profiled(folder: Path, columns: Mapping[str, Any]) -> profile.Profile:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return made(write(folder / "a.jsonl", rows), output=folder / "reference.json")


def test_missing_and_infinite_values_count_as_the_mean_and_extremes_are_clipped() -> None:
    numbers = np.array([[8.0, np.nan, 12.0, np.inf], [-np.inf, 0.0, 1e300, -1e300]])
    expected = [[-1, 0, 1, 0], [0, -5, 10, -10]]
    np.testing.assert_array_equal(standardised(numbers, np.array([[10.0], [0.5]]), np.array([[2.0], [0.1]])), expected)


def test_the_sample_is_standardised_by_the_moments_of_all_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(10, 2, size=4000)
    y = 100 * (x + rng.normal(size=4000))
    columns = {"x": x.tolist(), "text": ["a", "b"] * 2000, "y": y.tolist(), "one": [1.0] * 4000}
    columns["x"][5:45] = [None] * 40
    columns["y"][600] = float("inf")
    made_profile = profiled(tmp_path, columns)
    assert made_profile.components
    assert made_profile.components.features == ["x", "y"]  # `one` is constant
    x, y = (
        (np.array(columns[name], np.float64) - made_profile.numeric[name].mean) / made_profile.numeric[name].stddev
        for name in "xy"
    )
    z = np.where(np.isfinite([x, y]), [x, y], 0.0)
    # The component of two features is the diagonal, and the error is the distance from it.
    errors = np.abs(z[0] - z[1]) / np.sqrt(2)
    assert made_profile.components.rows == 2000
    np.testing.assert_allclose(made_profile.components.loadings, [[0.7071, 0.7071]], atol=0.02)
    assert made_profile.components.error_mean == pytest.approx(errors.mean(), rel=0.05)
    assert made_profile.components.error_stddev == pytest.approx(errors.std(), rel=0.05)


def test_a_feature_that_first_occurs_late_in_the_log_is_missing_before(tmp_path: Path) -> None:
    rows = [{"a": index % 7, "b": index % 5} for index in range(10_000)]
    rows += [{"a": index % 7, "b": index % 5, "c": index % 3} for index in range(1000)]
    made_profile = made(write(tmp_path / "a.jsonl", rows), output=tmp_path / "reference.json")
    assert made_profile.components
    assert made_profile.components.features == ["a", "b", "c"]


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"x": list(range(1000))}, id="one feature"),
        pytest.param({"x": list(range(1000)), "y": [4] * 1000}, id="one that varies"),
        pytest.param({"x": list(range(99)), "y": list(range(99))}, id="few rows"),
        pytest.param(
            {f"x{i}": [i * n % 13 for n in range(159)] for i in (*range(1, 13), *range(14, 18))},
            id="few rows for the features",
        ),
        pytest.param({"x": list("ab") * 100}, id="no numeric feature"),
    ],
)
def test_without_two_features_and_enough_rows_there_are_no_components(
    tmp_path: Path, columns: Mapping[str, Any]
) -> None:
    assert profiled(tmp_path, columns).components is UNSET
    assert "components" not in (tmp_path / "reference.json").read_text()


def test_the_summary_contains_the_explained_variance(tmp_path: Path) -> None:
    rows = [{"x": n, "y": n % 10, "z": n % 7} for n in range(1000)]
    result = run(write(tmp_path / "a.jsonl", rows), "--output", tmp_path / "reference.json")
    assert "multivariate: 2 components of 3 numeric features explain 69% of their variance" in result.stdout


def test_a_profile_without_components_keeps_its_reference_id() -> None:
    old = reference({"x": numeric([1.0]), "y": numeric([2.0])})
    assert b"components" not in profile_file.dump(old)
    assert profile_file.load(profile_file.dump(old)).reference_id == old.reference_id == "10aff4cdcb0e"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"features": ["x", "z"]}, "components: expected `z` among the numeric features"),
        ({"features": ["x", "constant"]}, "components: expected `constant` among the numeric features"),
        ({"loadings": []}, "components: expected `loadings` in rows of 2 numbers"),
        ({"loadings": [[1.0, 0.0], [1.0]]}, "components: expected `loadings` in rows of 2 numbers"),
        ({"error_stddev": 0.0}, "components: expected `rows` and `error_stddev` above 0"),
        ({"rows": 0}, "components: expected `rows` and `error_stddev` above 0"),
    ],
)
def test_components_that_contradict_the_profile_are_rejected(change: dict[str, Any], problem: str) -> None:
    whole = Components(["x", "y"], [[0.6, 0.8]], explained=0.7, rows=9, error_mean=0.5, error_stddev=0.2)
    constant = msgspec.structs.replace(numeric([1.0]), stddev=0.0)
    made = reference(
        {"x": numeric([1.0]), "y": numeric([2.0]), "constant": constant}, (), msgspec.structs.replace(whole, **change)
    )
    with pytest.raises(profile_file.ProfileError) as raised:
        profile_file.load(profile_file.dump(made))
    assert str(raised.value).startswith(problem)
