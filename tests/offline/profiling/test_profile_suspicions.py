"""Features that `profile` prints, doubts or leaves out, and columns that must not be taken for something else."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.offline.profiling.training import made, problem, run, write

RNG = random.Random(1)
ROWS = 2000
REPEATED = [index // 2 for index in range(ROWS)]
CODES = [RNG.choice([10, 20, 35, 50]) for _ in range(ROWS)]
AMOUNTS = [RNG.lognormvariate(3, 1) for _ in range(ROWS)]
CENTS = RNG.sample(range(10**6), ROWS)
WORDS = [f"w{index}" for index in range(ROWS)]


def lines(tmp_path: Path, name: str, values: Sequence[Any], *options: str, nested: bool = False) -> list[str]:
    """Return what is printed about one column beside another."""
    rows: list[dict[str, Any]] = [
        {name: value, "income": amount} for value, amount in zip(values, AMOUNTS, strict=True)
    ]
    if nested:
        rows = [{"features": row, "prediction": "a"} for row in rows]
    source = write(tmp_path / "log.jsonl", rows)
    printed = run(source, "--output", tmp_path / "out.json", *options).stdout.splitlines()
    return [line for line in printed if line.startswith((f"feature {name}:", f"left out: {name}:"))]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id", range(ROWS)),
        ("customer_id", REPEATED),
        ("CustomerID", CENTS),
        ("customerid", CENTS),
        ("PassengerId", range(1, ROWS + 1)),
        ("user.id", WORDS[:1000] * 2),
        ("uuid", WORDS),
        ("index", range(ROWS)),
        ("Unnamed: 0", range(ROWS)),
    ],
)
def test_ids_are_left_out_and_included_on_request(
    tmp_path: Path,
    name: str,
    values: Sequence[Any],
    nested: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    (line,) = lines(tmp_path, name, values, nested=nested)
    assert line.startswith(f"left out: {name}: ")
    assert line.endswith(f"; --include {name} keeps it")
    (line,) = lines(tmp_path, name, values, "--include", name, nested=nested)
    assert line.startswith(f"feature {name}: ")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("amount_cents", CENTS),
        ("age", [RNG.randrange(18, 90) for _ in range(ROWS)]),
        ("body_mass_index", AMOUNTS),
        ("price_index", CENTS),
        ("grid", CENTS),
        ("valid", CODES),
        ("paid", CENTS),
        ("width", AMOUNTS),
        ("store_id", CODES),
        ("y", AMOUNTS),
        ("score", AMOUNTS),
        ("label", ["a", "b"] * (ROWS // 2)),
        ("zip", CODES),
        ("flag", [0] * ROWS),
        ("month", list(range(1, 13)) * 166 + [1] * 8),
    ],
)
def test_real_features_are_kept_whatever_they_look_like(tmp_path: Path, name: str, values: Sequence[Any]) -> None:
    (line,) = lines(tmp_path, name, values)
    assert line.startswith(f"feature {name}: ")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("amount_cents", CENTS, "has another whole number in each row, like an id or a time"),
        ("store_id", CODES, "is named like an id"),
        ("zip", CODES, "has 4 distinct whole numbers; if they are codes, consider --categorical zip"),
        ("flag", [0] * ROWS, "is constant: only new values can show as drift"),
        ("flag", ["a"] * ROWS, "is constant: only new values can show as drift"),
        (
            "label",
            ["a", "b"] * (ROWS // 2),
            "is named like the target, and is one with `fields: {actual: label}` in --config",
        ),
        ("pred", AMOUNTS, "is named like a prediction, and is one with `fields: {prediction: pred}` in --config"),
    ],
)
def test_doubts_are_printed_with_the_feature(tmp_path: Path, name: str, values: Sequence[Any], expected: str) -> None:
    (line,) = lines(tmp_path, name, values)
    assert line.endswith(f"missing; {expected}")


@pytest.mark.parametrize(
    ("name", "role"), [("target", "the target"), ("y_true", "the target"), ("y_pred", "a prediction")]
)
def test_targets_and_predictions_of_a_table_are_left_out_but_not_of_a_log(tmp_path: Path, name: str, role: str) -> None:
    (line,) = lines(tmp_path, name, AMOUNTS)
    assert line.startswith(f"left out: {name}: is named like {role}")
    (line,) = lines(tmp_path, name, AMOUNTS, nested=True)
    assert line.startswith(f"feature {name}: ")


def test_each_feature_is_printed_with_its_kind_and_missing_share(tmp_path: Path) -> None:
    rows = [
        {"age": index % 70 if index % 4 else None, "plan": "ab"[index % 2], "text": [index, 1.5]}
        for index in range(400)
    ]
    printed = run(write(tmp_path / "log.jsonl", rows), "--output", tmp_path / "out.json").stdout.splitlines()
    assert [line for line in printed if line.startswith("feature")] == [
        "feature age: numeric, 10 bins, 25.0% missing",
        "feature plan: categorical, 2 categories, 0.0% missing",
        "feature text: vectors of 2 numbers, 0.0% missing",
    ]


def test_declared_columns_are_not_doubted(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, "id", CENTS, "--numeric", "id")
    assert line == "feature id: numeric, 10 bins, 0.0% missing"


def test_mistakes_with_include_are_reported(tmp_path: Path) -> None:
    source = write(tmp_path / "log.jsonl", [{"x": 1.5, "empty": None}, {"x": 2.5, "empty": None}])
    out = tmp_path / "out.json"
    assert problem(source, "--include", "empty", output=out) == "--include empty: has no values"
    assert problem(source, "--include", "y", output=out).startswith("--include y: no such feature")
    assert problem(source, "--include", "x", "--exclude", "x", output=out).startswith("--include x: also given as")
    assert list(made(source, "--include", "x", output=out).features) == ["x"]
