"""Columns of vectors: which columns these are, and their profile against plain computation."""

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from exporter.reference import profile_file
from exporter.reference.profile import Vector
from exporter.reference.projections import directions
from tests.offline.profiling.training import column, made, run, write
from tests.records import reference, vector


def profiled(path: Path, values: list[Any]) -> Vector:
    feature = made(column(path, values), output=path.with_name("reference.json")).features["x"]
    assert isinstance(feature, Vector)
    return feature


def test_mean_spread_and_counts_include_all_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = (100 + rng.normal(size=(3000, 5)) * [1, 2, 3, 4, 5]).round(6)
    rows: list[Any] = values.tolist()
    rows[3:3] = [None, None, [1, 2, 3, 4, math.nan], [1, 2, 3, 4, math.inf], [1, 2, 3, 4, 1e200], [1, 2, 3, 4, 10**400]]
    rows[9:9] = [[1, 2, None, 4, 5]]
    feature = profiled(tmp_path / "a.jsonl", rows)
    assert (feature.dimension, feature.count, feature.missing, feature.other) == (5, 3000, 2, 5)
    np.testing.assert_allclose(feature.mean, values.mean(axis=0), rtol=1e-8)
    spread = np.sqrt(((values - values.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert feature.spread == pytest.approx(spread, rel=1e-8)
    assert len(feature.edges) == 16
    for onto, edges, counts in zip(directions(5, 16), feature.edges, feature.counts, strict=True):
        coordinates = values @ onto
        np.testing.assert_allclose(edges, np.quantile(coordinates, np.linspace(0, 1, 11)[1:-1]), atol=0.1)
        assert max(abs(count - 300) for count in counts) <= 2
        assert counts == np.bincount(np.searchsorted(edges, coordinates, side="right")).tolist()


def test_more_rows_than_fit_the_sample_are_all_counted(tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(size=(66_000, 2)).round(4)
    feature = profiled(tmp_path / "a.jsonl", values.tolist())
    assert feature.count == 66_000
    for onto, edges, counts in zip(directions(2, 16), feature.edges, feature.counts, strict=True):
        assert counts == np.bincount(np.searchsorted(edges, values @ onto, side="right")).tolist()
        assert min(counts) > 6000


def test_equal_vectors_are_far_from_every_edge(tmp_path: Path) -> None:
    """Many texts may be empty, and another writer may round their embedding to 32 bits."""
    rng = np.random.default_rng(3)
    empty = rng.normal(size=8)
    values = np.where(rng.random(5000)[:, None] < 0.3, empty, rng.normal(size=(5000, 8)))
    feature = profiled(tmp_path / "a.jsonl", values.tolist())
    for onto, edges in zip(directions(8, 16), feature.edges, strict=True):
        here = {
            np.searchsorted(edges, coordinate, side="right")
            for coordinate in (empty @ onto, empty.astype(np.float32).astype(np.float64) @ onto, empty @ onto + 1e-7)
        }
        assert len(here) == 1
        assert len(edges) in range(6, 10)


def test_few_distinct_vectors_have_at_most_a_bin_each(tmp_path: Path) -> None:
    feature = profiled(tmp_path / "a.jsonl", [[1, 2], [1, 2], [5, 9], [5, 9], [1, 2]] * 20)
    assert {tuple(sorted(counts)) for counts in feature.counts} == {(40, 60)}
    assert all(len(edges) == 1 for edges in feature.edges)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param([[1, 2], [1, 2, 3]], "contains only lists, of 2 to 3 numbers", id="ragged"),
        pytest.param([[1, 2], []], "contains only lists", id="empty"),
        pytest.param([[1], [2]], "contains only lists", id="one number"),
        pytest.param([["a", "b"], ["c", "d"]], "contains only lists", id="texts"),
        pytest.param([[1, 2], [True, 2]], "contains only lists", id="a boolean within"),
        pytest.param([[1, 2], [1, [2]]], "contains only lists", id="lists within"),
        pytest.param([[1, 2], {"a": 1}], "contains only lists and objects", id="objects too"),
        pytest.param([[1, 2], [1, 2], None], "has the same vector in each row", id="constant"),
        pytest.param([[1, math.nan], [math.inf, 2]], "has no finite vector", id="not finite"),
    ],
)
def test_other_lists_are_left_out(tmp_path: Path, values: list[Any], reason: str) -> None:
    rows = [{"x": value, "y": index} for index, value in enumerate(values)]
    result = run(write(tmp_path / "a.jsonl", rows), "--output", tmp_path / "reference.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"left out: x: {reason}" in result.stdout.splitlines()


def test_vectors_of_two_lengths_in_two_blocks_are_ragged_too(tmp_path: Path) -> None:
    rows = [{"x": [1, index], "y": 1} for index in range(9000)] + [{"x": [1, 2, 3], "y": 1}]
    result = run(write(tmp_path / "a.jsonl", rows), "--output", tmp_path / "reference.json")
    assert "left out: x: contains only lists, of 2 to 3 numbers" in result.stdout.splitlines()


def test_the_summary_counts_vectors(tmp_path: Path) -> None:
    rows = [{"x": [index, 1], "y": index} for index in range(9)]
    result = run(write(tmp_path / "a.jsonl", rows), "--output", tmp_path / "reference.json")
    assert "9 predictions: 1 numeric and 0 categorical features, and 1 of vectors" in result.stdout


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mean": [1.0]}, "expected a `mean` of 2 numbers, and a `spread` above 0"),
        ({"spread": 0.0}, "expected a `mean` of 2 numbers, and a `spread` above 0"),
        ({"edges": [], "counts": []}, "expected `edges` and `counts` of the same 1 to 64 projections"),
        ({"counts": [[50, 50]]}, "expected `edges` and `counts` of the same 1 to 64 projections"),
        ({"counts": [[50, 50], [100]]}, "expected one more count than edges, and at most 100, got 1 for 1"),
        ({"edges": [[0.5], [2.0, 1.0]], "counts": [[1, 1], [1, 0, 1]]}, "expected `edges` in ascending order"),
        ({"counts": [[50, 50], [50, 51]]}, "expected the same number of vectors in each of `counts`, and not none"),
        ({"counts": [[0, 0], [0, 0]]}, "expected the same number of vectors in each of `counts`, and not none"),
    ],
)
def test_a_vector_that_contradicts_itself_is_refused(change: dict[str, Any], problem: str) -> None:
    whole = vector([0.0, 0.0], [[0.5], [1.0]], [[50, 50], [60, 40]])
    with pytest.raises(profile_file.ProfileError) as raised:
        profile_file.load(profile_file.dump(reference({"x": msgspec.structs.replace(whole, **change)})))
    assert str(raised.value) == f"features.x: {problem}"
