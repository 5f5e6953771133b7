"""Which fields of a record are features, a prediction, a probability or an error, by default and by configuration."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from exporter.reference.profile import Categorical, Numeric, Profile
from tests.offline.profiling.training import Row, made, problem, run, write

X = {"x": 1.0}

RECORDS: Sequence[Row] = [
    {"features": X, "prediction": "a", "probability": 0.9, "latency_ms": 1},
    {"features": {"x": 99.0}, "error_type": "timeout"},
    {"error_type": "oom"},
    {"features": {"x": 3.0}, "prediction": "a", "probability": 0.7, "error_type": ""},
    {"features": None, "prediction": "b", "probability": 0.5, "error_type": None},
    {"features": {"x": 2.0}, "prediction": "a", "error_type": 0},
]


def test_errors_are_not_predictions(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", RECORDS)
    profile = made(source, output=tmp_path / "out.json")
    assert (profile.rows, profile.features["x"].missing) == (4, 1)
    assert Categorical(categories={"a": 3, "b": 1}, missing=0, other=0, distinct=2) == profile.prediction
    line = "skipped: 2 records with an error_type"
    assert line in run(source, "--output", tmp_path / "out.json").stdout


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("errors", [["timeout", None, ""], [3, None, 0], [None, None, None]])
def test_an_empty_error_type_and_0_mean_success_in_every_format(tmp_path: Path, suffix: str, errors: list[Any]) -> None:
    rows = [{"x": index, "error_type": error} for index, error in enumerate(errors)]
    profile = made(write(tmp_path / f"a{suffix}", rows), output=tmp_path / "out.json")
    assert sum(not error for error in errors) == profile.rows
    assert {"x"} == profile.features.keys()


def test_an_error_type_of_nan_means_success_in_parquet(tmp_path: Path) -> None:
    rows = [{"x": index, "error_type": error} for index, error in enumerate([3.0, math.nan, 0.0, None])]
    assert made(write(tmp_path / "a.parquet", rows), output=tmp_path / "out.json").rows == 3


def test_the_other_fields_of_a_flat_record_are_reported_and_not_features(tmp_path: Path) -> None:
    fields = {"timestamp": "2026-01-05T10:00:00Z", "model_name": "m", "latency_ms": 1.5, "request_id": "r", "actual": 1}
    source = write(tmp_path / "a.csv", [X | {"prediction": "a"} | fields] * 3)
    line = f"fields of a record, not features: prediction, {', '.join(fields)}"
    assert line in run(source, "--output", tmp_path / "out.json").stdout
    assert list(made(source, output=tmp_path / "out.json").features) == ["x"]


def test_a_field_of_a_record_may_be_excluded_but_not_declared(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", [X | {"prediction": "a"}])
    out = tmp_path / "out.json"
    assert list(made(source, "--exclude", "prediction", output=out).features) == ["x"]
    line = problem(source, "--categorical", "prediction", output=tmp_path / "other.json")
    assert line == "--categorical prediction: this is a field of a record, not a feature"


def predictions(folder: Path, values: Sequence[Any]) -> Profile:
    rows = [{"features": X, "prediction": value} for value in values]
    return made(write(folder / "a.jsonl", rows), output=folder / "out.json")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", "a"], {"a": 2, "b": 1}),
        ([1, 1.0, 0], {"1": 2, "0": 1}),
        ([True, False, True], {"true": 2, "false": 1}),
        (["a", 1, 0.5], {"1": 1, "a": 1, "value": 1}),
    ],
)
def test_classes_have_the_same_names_as_in_the_sidecar(
    tmp_path: Path, values: list[Any], expected: Mapping[str, int]
) -> None:
    prediction = predictions(tmp_path, values).prediction
    assert Categorical(categories=dict(expected), missing=0, other=0, distinct=len(expected)) == prediction


def test_fractional_predictions_are_a_numeric_reference(tmp_path: Path) -> None:
    prediction = predictions(tmp_path, [1.5, 2.5, 3, None]).prediction
    assert isinstance(prediction, Numeric)
    assert pytest.approx((prediction.mean, prediction.missing)) == (7 / 3, 1)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_the_probability_is_the_score_of_the_predicted_class(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"x": 1, "prediction": "a", "probability": {"a": 0.75, "b": 0.25}},
        {"x": 2, "prediction": "b", "probability": {"a": 0.625, "b": 0.375}},
        {"x": 3, "prediction": "c", "probability": {"a": 0.25, "b": 0.5}},  # not listed: the highest
        {"x": 4, "prediction": None, "probability": {"a": 0.125, "b": 0.0}},
        {"x": 5, "prediction": "a", "probability": None},
    ]
    probability = made(write(tmp_path / f"a{suffix}", rows), output=tmp_path / "out.json").probability
    assert probability is not None
    assert probability.edges[::2] == [0.125, 0.375, 0.5, 0.75]
    assert (probability.counts, probability.missing) == ([0, 1, 0, 1, 0, 1, 0, 1, 0], 1)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_probability_that_is_not_a_number_is_reported(tmp_path: Path, suffix: str) -> None:
    rows = [{"x": 1, "prediction": "a", "probability": {"a": "high"}}]
    source = write(tmp_path / f"a{suffix}", rows)
    expected = f"{source}: `probability`: expected a number, or an object with the number of each class"
    assert expected == problem(source, output=tmp_path / "out.json")


NESTED: Sequence[Row] = [
    {"in": {"age": 41, "plan": "a"}, "out": {"label": "yes", "p": 0.5}, "failed": None, "features": "unread"},
    {"in": {"age": 42, "plan": "b"}, "out": {"label": "no", "p": 0.25}, "failed": None, "features": "unread"},
    {"in": {"age": 99, "plan": "c"}, "out": {"label": None, "p": None}, "failed": "timeout", "features": "unread"},
]
FIELDS = "{features: in, prediction: out.label, probability: out.p, error_type: failed}"


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_fields_of_the_configuration_apply_before_its_reference_exists(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "config.yaml").write_text(f"sources: [a.jsonl]\nreference: out.json\nfields: {FIELDS}\n")
    source = write(tmp_path / f"a{suffix}", NESTED)
    profile = made(source, "--config", tmp_path / "config.yaml", output=tmp_path / "out.json")
    assert (profile.rows, list(profile.features)) == (2, ["age", "plan"])
    assert profile.prediction == Categorical(categories={"no": 1, "yes": 1}, missing=0, other=0, distinct=2)
    assert profile.probability is not None
    assert (profile.probability.min, profile.probability.max) == (0.25, 0.5)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_features_at_the_top_level_are_all_keys_that_are_not_other_fields(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "config.yaml").write_text("sources: [a]\nfields: {features: ., prediction: label, latency_ms: ms}\n")
    source = write(
        tmp_path / f"a{suffix}", [{"age": 41, "label": "yes", "ms": 1.5}, {"age": 42, "label": "no", "ms": 2}]
    )
    profile = made(source, "--config", tmp_path / "config.yaml", output=tmp_path / "out.json")
    assert list(profile.features) == ["age"]
    assert profile.prediction == Categorical(categories={"no": 1, "yes": 1}, missing=0, other=0, distinct=2)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_ground_truth_has_its_own_reference(tmp_path: Path, suffix: str) -> None:
    rows = [X | {"prediction": "a", "actual": actual} for actual in ("b", "a", "b", None)]
    actual = made(write(tmp_path / f"a{suffix}", rows), output=tmp_path / "out.json").actual
    assert actual == Categorical(categories={"b": 2, "a": 1}, missing=1, other=0, distinct=2)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_ground_truth_is_read_from_the_configured_path(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "config.yaml").write_text("sources: [a]\nfields: {features: ., actual: was, prediction: said}\n")
    source = write(tmp_path / f"a{suffix}", [X | {"said": 0, "was": 1}, X | {"said": 1, "was": 1}])
    profile = made(source, "--config", tmp_path / "config.yaml", output=tmp_path / "out.json")
    assert profile.actual == Categorical(categories={"1": 2}, missing=0, other=0, distinct=1)
    assert list(profile.features) == ["x"]


def test_ground_truth_within_an_object_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: [a]\nfields: {actual: truth.label}\n")
    rows = [{"features": X, "prediction": "a", "truth": {"label": "b"}}]
    for suffix in (".jsonl", ".parquet"):
        source = write(tmp_path / f"a{suffix}", rows)
        profile = made(source, "--config", tmp_path / "config.yaml", output=tmp_path / "out.json")
        assert profile.actual == Categorical(categories={"b": 1}, missing=0, other=0, distinct=1)


def test_whole_ground_truth_of_values_is_numeric(tmp_path: Path) -> None:
    rows = [X | {"prediction": value + 0.5, "actual": value} for value in (1, 2, 3)]
    source = write(tmp_path / "a.jsonl", rows)
    actual = made(source, output=tmp_path / "out.json").actual
    assert isinstance(actual, Numeric)
    assert (actual.min, actual.max, actual.mean) == (1, 3, 2)
    assert "; actual: 1 to 3, mean 2" in run(source, "--output", tmp_path / "out.json").stdout


def test_a_profile_without_ground_truth_does_not_mention_it(tmp_path: Path) -> None:
    made(write(tmp_path / "a.jsonl", [X | {"prediction": "a"}]), output=tmp_path / "out.json")
    assert "actual" not in (tmp_path / "out.json").read_text()
    made(write(tmp_path / "b.jsonl", [X | {"prediction": "a", "actual": None}]), output=tmp_path / "out.json")
    assert "actual" not in (tmp_path / "out.json").read_text()
