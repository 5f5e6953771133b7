"""The inferred kinds of columns, and which fields of a record are features."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.reference.profile import Categorical, Feature, Numeric
from tests.offline.profiling.training import column, made, problem, run, write

X = {"x": 1.0}


def kind(feature: Feature) -> str:
    return "numeric" if isinstance(feature, Numeric) else "categorical"


def left_out(output: str) -> Mapping[str, str]:
    """Return why columns were left out, by their names."""
    lines = [line.split(": ", 2) for line in output.splitlines() if line.startswith("left out: ")]
    return {name: why for _, name, why in lines}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1, 2, 3], "numeric", id="integers"),
        pytest.param([1] * 20, "numeric", id="one number"),
        pytest.param([0, 1] * 10, "numeric", id="zero and one"),
        pytest.param([0.5, None, 2], "numeric", id="numbers and null"),
        pytest.param([float("inf"), 1.0], "numeric", id="numbers and infinity"),
        pytest.param(["a", "b", None], "categorical", id="texts"),
        pytest.param(["1", "2"], "categorical", id="texts that spell numbers"),
        pytest.param([True, False, None], "categorical", id="booleans"),
        pytest.param([True, "yes"], "categorical", id="texts and booleans"),
        pytest.param(["a", ["a"], {"a": 1}], "categorical", id="texts and objects"),
        pytest.param([*range(9), "many"], "numeric", id="numbers and a tenth of text"),
        pytest.param([*range(90), *["many"] * 10], "numeric", id="numbers and a tenth of text, more rows"),
        pytest.param([*range(63), *[True] * 7], "numeric", id="numbers and a tenth of booleans"),
        pytest.param([*range(9), None, [1]], "numeric", id="numbers and a tenth of lists"),
        pytest.param([*range(999)] * 2, "numeric", id="numbers of many values"),
        pytest.param([f"user {index}" for index in range(1000)], "categorical", id="a thousand texts of their own"),
        pytest.param([f"u {index % 2000}" for index in range(4000)], "categorical", id="texts that are there twice"),
    ],
)
def test_the_kind_of_a_column_depends_on_all_of_its_values(
    tmp_path: Path, values: Sequence[Any], expected: str
) -> None:
    profile = made(column(tmp_path / "a.jsonl", values), output=tmp_path / "out.json")
    feature = profile.features["x"]
    assert expected == kind(feature)
    counts = feature.counts if isinstance(feature, Numeric) else feature.categories.values()
    has_many = isinstance(feature, Categorical) and feature.distinct > 50  # of which a random half is counted
    total = sum(counts) + feature.missing + feature.other
    assert 0.45 < total / len(values) < 0.55 if has_many else len(values) == total
    assert values.count(None) == feature.missing


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param([None, None], "has no values", id="null"),
        pytest.param([float("nan"), None], "has no values", id="NaN"),
        pytest.param([[1], [2]], "contains only lists", id="lists"),
        pytest.param([{"a": 1}, {}], "contains only objects", id="objects"),
        pytest.param([{"a": 1}, [], None], "contains only lists and objects", id="lists and objects"),
        pytest.param([float("inf"), -float("inf")], "has no finite number", id="infinities"),
        pytest.param(
            [f"user {index}" for index in range(1001)],
            "identifies rows: 1001 distinct texts in 1001; --include x keeps it",
            id="identifiers",
        ),
    ],
)
def test_a_column_that_cannot_be_a_feature_is_left_out_and_reported(
    tmp_path: Path, values: Sequence[Any], why: str
) -> None:
    source = write(tmp_path / "a.jsonl", [{"x": value, "y": 1} for value in values])
    result = run(source, "--output", tmp_path / "out.json")
    assert {"x": why} == left_out(result.stdout)
    assert list(made(source, output=tmp_path / "out.json").features) == ["y"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1, 2, "a"], id="text"),
        pytest.param([*range(89), *["many"] * 11], id="more than a tenth"),
        pytest.param([1, True], id="booleans"),
        pytest.param([1, [1]], id="lists"),
        pytest.param([float("inf"), "a"], id="infinity and text"),
    ],
)
def test_numbers_mixed_with_more_than_a_tenth_of_other_values_must_be_declared(
    tmp_path: Path, values: Sequence[Any]
) -> None:
    source = write(tmp_path / "a.jsonl", [{"x": value, "y": value, "z": 1} for value in values])
    out = tmp_path / "out.json"
    expected = "numbers are mixed with other values in `x`, `y`: give --categorical or --exclude for each"
    assert expected == problem(source, output=out)
    assert list(made(source, "--categorical", "x", "--exclude", "y", output=out).ordered) == ["z", "x"]


def test_half_of_a_column_declared_numeric_may_be_other_values(tmp_path: Path) -> None:
    source = column(tmp_path / "a.jsonl", [1, 2, "n/a", True])
    feature = made(source, "--numeric", "x", output=tmp_path / "out.json").features["x"]
    assert (feature.other, kind(feature)) == (2, "numeric")
    message = "note: x: 2 values are no numbers and count as `other`: text or booleans such as `n/a`"
    assert message in run(source, "--numeric", "x", "--output", tmp_path / "out.json").stdout


@pytest.mark.parametrize("values", [["a", "b"], [1, "a", "b"], [None], [float("inf")]])
def test_a_column_without_enough_numbers_cannot_be_declared_numeric(tmp_path: Path, values: list[Any]) -> None:
    source = write(tmp_path / "a.jsonl", [{"x": value, "y": 1} for value in values])
    message = problem(source, "--numeric", "x", output=tmp_path / "out.json")
    assert message.startswith("--numeric x: expected numbers, got ")


@pytest.mark.parametrize(
    ("values", "noun"),
    [
        ([datetime(2026, 1, 5, tzinfo=UTC), None], "dates or times"),
        ([date(2026, 1, 5)] * 2, "dates or times"),
        ([time(12)] * 2, "dates or times"),
        ([[1], [2, 3]], "lists"),
        ([{"a": 1}, {"a": 2}], "objects"),
        ([b"\x00", b"\xff"], "values of type binary"),
    ],
)
def test_other_parquet_types_are_not_features(tmp_path: Path, values: list[Any], noun: str) -> None:
    pq.write_table(pa.table({"x": values, "y": [1, 2]}), tmp_path / "a.parquet")
    result = run(tmp_path / "a.parquet", "--output", tmp_path / "out.json")
    assert {"x": f"contains only {noun}"} == left_out(result.stdout)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.large_string())]
)
@pytest.mark.parametrize("nested", [False, True])
def test_every_arrow_type_of_text_is_text(tmp_path: Path, kind: pa.DataType, *, nested: bool) -> None:
    texts = pa.array(["a", None, "b", "a", "c"]).cast(kind)
    errors = pa.array([None, "", None, "", "timeout"]).cast(kind)
    features = pa.StructArray.from_arrays([texts], ["x"]) if nested else texts
    table = pa.table({"features" if nested else "x": features, "error_type": errors})
    pq.write_table(table, tmp_path / "a.parquet")
    feature = made(tmp_path / "a.parquet", output=tmp_path / "out.json").features["x"]
    assert feature == Categorical(categories={"a": 2, "b": 1}, missing=1, other=0, distinct=2)


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(",age\n0,41\n1,42\n")
    result = run(tmp_path / "data.csv", "--output", tmp_path / "profile.json")
    assert left_out(result.output) == {"''": "has no name, as an index written by pandas"}
