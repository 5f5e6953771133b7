"""The calibration in the profile, against a plain loop, from all formats."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter.offline.profiling.outcomes import scored_class
from exporter.reference.calibration import Calibration
from tests.offline.profiling.training import made, run, write


def drawn(rows: int = 400, *, digits: int = 2) -> list[dict[str, Any]]:
    rng = np.random.default_rng(rows)
    scores = rng.beta(2, 2, rows).round(digits).tolist()
    truths = (rng.random(rows) < scores).tolist()
    return [
        {"x": 1.5, "prediction": int(p >= 0.5), "probability": max(p, 1 - p), "actual": int(true)}
        for p, true in zip(scores, truths, strict=True)
    ]


def calibration(path: Path, rows: list[dict[str, Any]]) -> Calibration:
    found = made(write(path, rows), output=path.with_name("out.json")).calibration
    assert found
    return found


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet", ".csv.gz"])
def test_each_class_has_counts_of_all_records_and_of_true_ones_by_bin(tmp_path: Path, suffix: str) -> None:
    rows = drawn()
    found = calibration(tmp_path / f"a{suffix}", rows)
    assert found.rows == 400
    for name, scored in found.classes.items():
        expected = np.zeros((len(scored.edges) + 1, 2, 2), int)
        for row in rows:
            is_predicted, is_true = (str(row[field]) == name for field in ("prediction", "actual"))
            score = row["probability"] if is_predicted else 1 - row["probability"]
            passed = sum(score >= edge for edge in scored.edges)
            expected[passed, int(is_predicted)] += [1, is_true]
        assert scored.rest == expected[:, 0, 0].tolist()
        assert scored.rest_true == expected[:, 0, 1].tolist()
        assert scored.predicted == expected[:, 1, 0].tolist()
        assert scored.predicted_true == expected[:, 1, 1].tolist()


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_scores_may_be_given_by_class(tmp_path: Path, suffix: str) -> None:
    rows = drawn(200)
    expected = calibration(tmp_path / f"a{suffix}", rows)
    for row in rows:
        score = row["probability"]
        pair = (1 - score, score) if row["prediction"] else (score, 1 - score)
        row["probability"] = dict(zip("01", pair, strict=True))
    assert calibration(tmp_path / f"b{suffix}", rows) == expected


def test_the_baseline_does_not_depend_on_how_classes_are_written(tmp_path: Path) -> None:
    rows = drawn(200)
    expected = calibration(tmp_path / "a.jsonl", rows)
    written = [row | {"prediction": float(row["prediction"]), "actual": str(row["actual"])} for row in rows]
    assert calibration(tmp_path / "b.jsonl", written) == expected
    booleans = calibration(
        tmp_path / "c.csv", [row | {field: bool(row[field]) for field in ("prediction", "actual")} for row in rows]
    )
    assert [*booleans.classes.values()] == [*expected.classes.values()]
    assert {*booleans.classes} == {"true", "false"}


def test_records_without_ground_truth_or_a_usable_score_are_left_out(tmp_path: Path) -> None:
    rows = drawn(200)
    expected = calibration(tmp_path / "a.jsonl", rows)
    half = rows[0] | {"prediction": 1}
    unusable = [half | {"actual": None}, half | {"probability": None}, half | {"probability": True}]
    unusable += [half | {"prediction": None}, half | {"actual": float("nan")}]
    found = calibration(tmp_path / "b.jsonl", [*rows, *unusable])
    assert {name: found.classes[name] for name in expected.classes} == expected.classes
    assert found.rows == 200


@pytest.mark.parametrize("rows", [99, 100])
def test_too_few_records_have_no_calibration(tmp_path: Path, rows: int) -> None:
    source = write(tmp_path / "a.jsonl", drawn(rows))
    result = run(source, "--output", tmp_path / "out.json")
    assert ("calibration" in json.loads((tmp_path / "out.json").read_text())) == (rows == 100)
    assert ("calibration: scores of 100 predictions with ground truth" in result.stdout) == (rows == 100)


def test_values_and_too_many_classes_have_no_calibration(tmp_path: Path) -> None:
    values = [row | {"prediction": row["probability"], "actual": 1.5} for row in drawn()]
    assert not made(write(tmp_path / "a.jsonl", values), output=tmp_path / "out.json").calibration
    classes = [row | {"prediction": f"class {number % 51}"} for number, row in enumerate(drawn())]
    assert not made(write(tmp_path / "b.jsonl", classes), output=tmp_path / "out.json").calibration
    classes = [row | {"prediction": f"class {number % 50}"} for number, row in enumerate(drawn())]
    assert made(write(tmp_path / "c.jsonl", classes), output=tmp_path / "out.json").calibration


def test_bins_have_about_equal_counts_and_their_number_is_limited() -> None:
    rng = np.random.default_rng(1)
    scores = rng.beta(0.3, 0.3, 20_000)
    scored = scored_class(scores, scores > 0.5, rng.random(20_000) < scores, 64)
    assert len(scored.edges) == 126
    predicted, rest = (np.array([count for count in counts if count]) for counts in (scored.predicted, scored.rest))
    for counts in (predicted, rest):
        assert len(counts) == 64
        assert counts.max() < 1.1 * counts.min() + 2
    assert scored.problem() is None


def test_a_score_with_fewer_digits_is_in_the_same_bin(tmp_path: Path) -> None:
    rows = drawn(300, digits=1)
    scored = calibration(tmp_path / "a.jsonl", rows).classes["1"]
    said = sorted({row["probability"] if row["prediction"] else 1 - row["probability"] for row in rows})
    nearest = [min(abs(edge - score) for score in said) for edge in scored.edges]
    assert min(nearest) > 0.04
