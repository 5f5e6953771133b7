"""The baseline: the performance on reference data with ground truth."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from exporter.reference import profile_file
from exporter.reference.performance import Baseline
from exporter.reference.profile_file import ProfileError
from tests.offline.profiling.training import made, run, write

SUFFIXES = pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".csv.gz", ".parquet"])


def baseline(folder: Path, suffix: str, predicted: Sequence[Any], actual: Sequence[Any]) -> Baseline:
    rows = [{"x": 1.0, "prediction": said, "actual": was} for said, was in zip(predicted, actual, strict=True)]
    found = made(write(folder / f"a{suffix}", rows), output=folder / "out.json").baseline
    assert found
    return found


@SUFFIXES
@pytest.mark.parametrize("classes", [["yes", "no"], [0, 1, 2], [True, False], ["a", "b", "c", "d"]])
def test_equals_scikit_learn(tmp_path: Path, suffix: str, classes: list[Any]) -> None:
    rng = np.random.default_rng(len(classes))
    actual = rng.integers(0, len(classes), 300)
    predicted = np.where(rng.random(300) < 0.7, actual, rng.integers(0, len(classes), 300))
    found = baseline(tmp_path, suffix, [classes[code] for code in predicted], [classes[code] for code in actual])
    weighted = precision_recall_fscore_support(actual, predicted, average="weighted")[:3]
    values = [found.figures[metric].value for metric in ("precision", "recall", "f1")]
    assert (found.samples, found.accuracy.value) == (300, pytest.approx(accuracy_score(actual, predicted), abs=1e-9))
    assert values == pytest.approx(weighted, abs=1e-9)
    accuracy = found.accuracy.value
    assert found.accuracy.stderr == pytest.approx((accuracy * (1 - accuracy) / 300) ** 0.5)


@SUFFIXES
def test_rows_without_a_prediction_or_ground_truth_are_not_samples(tmp_path: Path, suffix: str) -> None:
    found = baseline(tmp_path, suffix, ["a", None, "b", "a"], ["a", "a", None, "b"])
    assert (found.samples, found.accuracy.value) == (2, 0.5)


def test_labels_do_not_depend_on_how_they_are_written(tmp_path: Path) -> None:
    found = baseline(tmp_path, ".jsonl", [1, 1.0, "1", True, "true"], ["1", 1, 1.0, "true", True])
    assert found.accuracy.value == 1


def test_the_summary_reports_the_baseline(tmp_path: Path) -> None:
    rows = [{"x": 1, "prediction": "a", "actual": actual} for actual in "aaab"]
    summary = run(write(tmp_path / "a.jsonl", rows), "--output", tmp_path / "out.json").stdout
    assert "baseline: accuracy 0.750, F1 0.643 (weighted), of 4 predictions with ground truth" in summary


@pytest.mark.parametrize(
    "rows",
    [
        [{"x": 1, "prediction": "a"}],
        [{"x": 1, "actual": "a"}],
        [{"x": 1, "prediction": 1.5, "actual": 1}],
        [{"x": 1, "prediction": 1, "actual": 1.5}],
        [{"x": 1, "prediction": f"class {number}", "actual": "a"} for number in range(100)],
    ],
)
def test_values_too_many_classes_and_missing_sides_have_no_baseline(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    assert made(write(tmp_path / "a.jsonl", rows), output=tmp_path / "out.json").baseline is UNSET


def test_blocks_add_up(tmp_path: Path) -> None:
    found = baseline(tmp_path, ".jsonl", ["a", "b", "b"] * 7000, ["a", "b", "a"] * 7000)
    assert (found.samples, found.accuracy.value) == (21_000, pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"samples": 0}, "baseline.samples: expected a whole number >= 1$"),
        ({"f1": {"value": 1.5, "stderr": 0}}, "baseline.f1.value: expected a number <= 1.0$"),
        ({"f1": {"value": 0.5, "stderr": -1}}, "baseline.f1.stderr: expected a number >= 0.0$"),
    ],
)
def test_an_impossible_baseline_is_rejected(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    baseline(tmp_path, ".jsonl", ["a"], ["a"])
    content = json.loads((tmp_path / "out.json").read_bytes())
    content["baseline"] |= change
    with pytest.raises(ProfileError, match=problem):
        profile_file.load(json.dumps(content).encode())
