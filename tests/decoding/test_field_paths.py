"""Logs of another shape: where each record field and feature lies is configured."""

import json
from typing import Any

import pytest

from exporter.decoding.schema import DEFAULT_FIELDS, Path, Schema, SchemaError
from tests.records import NOW, PROFILE, Meaning, categorical, decoded_block, decoder, numeric, reference, rows


def read(record: Any, fields: dict[str, Path]) -> Meaning:
    """Read one record, which must be good."""
    decoded = decoded_block(decoder(fields=fields), json.dumps(record).encode() + b"\n")
    assert decoded.rejected == ()
    (row,) = rows(decoded.batch)
    return row


def test_the_readme_s_example() -> None:
    row = read(
        {
            "timing": {"total": 0.012},
            "output": {"label": "approve"},
            "age": 41,
            "country": "DE",
            "model.version": "7",
        },
        {
            "latency_seconds": ("timing", "total"),
            "prediction": ("output", "label"),
            "features": (),
            "model_version": ("model.version",),
        },
    )
    assert (row.latency_seconds, row.prediction, row.series) == (0.012, "approve", ("credit", "7"))
    assert row.features == {"age": 41.0, "income": None, "country": "DE", "plan": None, "text": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [("latency_seconds", 0.25), ("latency_ms", 250), ("latency_us", 250_000), ("latency_ns", 250_000_000)],
)
def test_latency_may_have_any_unit(name: str, value: float) -> None:
    record = {"prediction": 1, "elapsed": value, "latency_ms": 7}
    assert read(record, {name: ("elapsed",)}).latency_seconds == 0.25


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(1_699_999_990_250, 1_699_999_990.25, id="number"),
        pytest.param("2023-11-14T22:13:10.250Z", 1_699_999_990.25, id="text is a time in any unit"),
        pytest.param(None, NOW, id="null"),
    ],
)
def test_time_may_be_in_milliseconds(value: Any, expected: float) -> None:
    record = {"prediction": 1, "at": value, "timestamp": "nonsense"}
    assert read(record, {"timestamp_ms": ("at",)}).time == expected


def test_fields_and_features_lie_in_one_object_beside_each_other() -> None:
    fields: dict[str, Path] = {
        "features": ("data", "in"),
        "prediction": ("data", "in", "label"),
        "probability": ("data", "out", "score"),
        "error_type": ("data", "error"),
    }
    row = read({"data": {"in": {"age": 41, "label": "deny", "plan": "gold"}, "out": {"score": 0.5}}}, fields)
    assert (row.prediction, row.probability, row.error) == ("deny", 0.5, None)
    assert (row.features["age"], row.features["plan"]) == (41.0, "gold")


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}, {"data": {"in": None}}, {"data": {"in": {}}}])
def test_an_object_on_the_path_may_be_absent_or_null(data: dict[str, Any]) -> None:
    row = read(data | {"prediction": 1}, {"features": ("data", "in"), "latency_ms": ("data", "timing", "ms")})
    assert row.latency_seconds is None
    assert set(row.features.values()) == {None}


@pytest.mark.parametrize("data", [{"data": 1}, {"data": []}, {"data": "x"}, {"data": {"in": True}}])
def test_another_value_on_the_path_has_a_wrong_type(data: dict[str, Any]) -> None:
    row = read(data | {"prediction": 1}, {"features": ("data", "in")})
    assert set(row.flaws.values()) == {"wrong_type"}
    assert set(row.features.values()) == {None}


def test_another_value_on_the_path_of_the_model_s_name_rejects_the_record() -> None:
    decoded = decoded_block(
        decoder(fields={"model_name": ("model", "name")}), b'{"model": "credit", "prediction": 1}\n'
    )
    assert [reject.reason for reject in decoded.rejected] == ["wrong_type"]


def test_a_wrong_feature_at_the_top_level_does_not_reject_its_record() -> None:
    row = read({"prediction": 1, "age": "old", "country": ["DE", "FR"], "income": 1}, {"features": ()})
    assert row.flaws == {"age": "wrong_type", "country": "wrong_type"}
    assert row.features["income"] == 1.0


def test_keys_need_not_be_python_names() -> None:
    profile = reference(
        {"a.b": numeric([1.0]), "class": numeric([1.0]), "": categorical({"x": 1}), "é '": numeric([1.0])}
    )
    record = {"prediction": 1, "features": {"a.b": 1, "class": 2, "": "x", "é '": 4}}
    decoded = decoded_block(decoder(profile, {}), json.dumps(record).encode() + b"\n")
    (row,) = rows(decoded.batch, profile)
    assert row.features == {"a.b": 1.0, "class": 2.0, "": "x", "é '": 4.0}


def test_a_field_read_from_elsewhere_is_not_read_from_its_own_name() -> None:
    row = read({"prediction": ["an", "array"], "label": "approve"}, {"prediction": ("label",)})
    assert row.prediction == "approve"


def test_an_unmapped_field_lies_under_its_own_name() -> None:
    assert {name: (name,) for name in DEFAULT_FIELDS} == Schema().paths
    assert Schema({"latency_us": ("t",)}).paths.keys() == {*DEFAULT_FIELDS} - {"latency_ms"} | {"latency_us"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param(
            {"latency_ms": ("a",), "latency_us": ("b",)}, "give one of latency_ms, latency_us", id="two units"
        ),
        pytest.param({"prediction": ("a",), "error_type": ("a",)}, "`a` is read as prediction already", id="one place"),
        pytest.param({"prediction": ("a",), "error_type": ("a", "b")}, "lies within `a`", id="within a field"),
        pytest.param(
            {"prediction": ("a", "b"), "error_type": ("a",)}, "an object of other fields", id="around a field"
        ),
        pytest.param({"features": (), "prediction": ("age",)}, "`age` is read as age already", id="a feature"),
    ],
)
def test_contradictory_paths_are_reported(fields: dict[str, Path], told: str) -> None:
    with pytest.raises(SchemaError, match=told):
        Schema(fields, tuple(PROFILE.numeric)).tree.struct()


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb"])
def test_any_key_is_read_or_reported(key: str) -> None:
    try:
        Schema(numeric=(key,)).tree.struct()
    except SchemaError as error:
        assert "\n" not in str(error)  # noqa: PT017  # either is right: to read it, or to say that it cannot be
