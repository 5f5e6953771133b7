"""Rows of any shape become records: their values, and what is rejected."""

from typing import Any

import pytest

from exporter.decoding.field_rule import FieldRule
from exporter.decoding.mapping import MOST_RECORDS, RecordMapping
from exporter.lines.rejects import RejectedError
from exporter.units import FieldPath


def records(row: Any, **fields: Any) -> list[dict[str, Any]]:
    return RecordMapping({name: FieldRule.parse(rule) for name, rule in fields.items()}).records(row)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        pytest.param("a.b", 1, id="keys"),
        pytest.param("items[0].x", 2, id="the first item"),
        pytest.param("items[-1].x", 3, id="the last item"),
        pytest.param("items[2].x", None, id="an item too far"),
        pytest.param("items.x", None, id="a key of a list"),
        pytest.param("a[0]", None, id="an item of an object"),
        pytest.param('["c.d"].e', 4, id="a key with a dot"),
        pytest.param(["c.d", "e"], 4, id="a list of keys"),
        pytest.param({"path": "text.y[0]", "decode": "json"}, 5, id="within text"),
        pytest.param({"path": "twice.y[0]", "decode": "json"}, 5, id="within text within text"),
        pytest.param({"path": "coded", "decode": ["base64", "json"]}, {"z": 6}, id="JSON in base64"),
        pytest.param({"path": "rows", "decode": "csv"}, ["1", "a b"], id="a row of CSV"),
        pytest.param({"path": "a", "decode": "json"}, {"b": 1}, id="no text"),
        pytest.param({"path": "broken", "decode": "json"}, "{", id="text that is not JSON"),
        pytest.param({"path": "broken", "decode": "base64"}, "{", id="text that is not base64"),
    ],
)
def test_a_value_is_found(rule: Any, value: Any) -> None:
    row = {
        "a": {"b": 1},
        "items": [{"x": 2}, {"x": 3}],
        "c.d": {"e": 4},
        "text": '{"y": [5]}',
        "twice": '"{\\"y\\": [5]}"',
        "coded": "eyJ6IjogNn0=",
        "rows": "1, a b\n",
        "broken": "{",
    }
    assert records(row, prediction=rule) == [{"prediction": value}]


def test_text_within_text_is_decoded_as_often_as_it_is_said() -> None:
    rule = {"path": "twice.y", "decode": ["json", "json"]}
    assert records({"twice": '"{\\"y\\": [5]}"'}, prediction=rule) == [{"prediction": [5]}]


@pytest.mark.parametrize(
    ("rule", "value", "error"),
    [
        ({"path": "x", "from": 400}, 500, "500"),
        ({"path": "x", "from": 400}, "500", "500"),
        ({"path": "x", "from": 400}, 200, None),
        ({"path": "x", "from": 400}, None, None),
        ({"path": "x", "from": 400, "below": 500}, 500, None),
        ({"path": "x", "when": False}, False, "error"),
        ({"path": "x", "when": False}, True, None),
        ({"path": "x", "when": ["failed", "timeout"]}, "timeout", "timeout"),
        ({"path": "x", "prefix": "ERR"}, "ERR_IO", "ERR_IO"),
    ],
)
def test_a_condition_says_what_is_an_error(rule: Any, value: Any, error: str | None) -> None:
    assert records({"x": value}, error_type=rule) == [{"error_type": error}]


@pytest.mark.parametrize(
    ("names", "given", "features"),
    [
        (["a", "b"], [1, "x"], {"a": 1, "b": "x"}),
        (["a", "b"], [[1, "x"]], {"a": 1, "b": "x"}),
        (["a", "b"], [1], [1]),
        (["a", "b"], {"a": 1}, {"a": 1}),
        ("columns", [1, 2], {"c": 1, "d": 2}),
        ("missing", [1, 2], [1, 2]),
    ],
)
def test_features_of_a_list_have_names(names: Any, given: Any, features: Any) -> None:
    row = {"x": given, "columns": ["c", "d"]}
    assert records(row, features={"path": "x", "names": names}) == [{"features": features}]


def test_each_item_is_a_record_and_the_latency_is_that_of_the_request() -> None:
    row = {"in": [{"a": 1}, {"a": 2}], "out": [{"label": "x"}, {"label": "y"}], "ms": 5, "id": "r", "time": 7}
    found = records(
        row, features="in[*]", prediction="out[*].label", latency_ms="ms", request_id="id", timestamp="time"
    )
    assert found == [
        {"features": {"a": 1}, "prediction": "x", "latency_ms": 5, "timestamp": 7},
        {"features": {"a": 2}, "prediction": "y", "timestamp": 7},
    ]


def test_one_item_is_an_ordinary_record() -> None:
    found = records({"in": [{"a": 1}], "out": ["x"], "id": "r"}, features="in[*]", prediction="out[*]", request_id="id")
    assert found == [{"features": {"a": 1}, "prediction": "x", "request_id": "r"}]


def test_an_absent_list_is_absent_in_each_record() -> None:
    assert records({"in": [1, 2], "out": None}, features="in[*]", prediction="out[*]") == [
        {"features": 1},
        {"features": 2},
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"in": [1, 2], "out": ["x"]}, "wrong_type"),
        ({"in": [], "out": []}, "missing_field"),
        ({"in": [1] * (MOST_RECORDS + 1)}, "oversize"),
    ],
)
def test_lists_that_are_no_records_reject_the_line(row: Any, reason: str) -> None:
    with pytest.raises(RejectedError) as caught:
        records(row, features="in[*]", prediction="out[*]")
    assert caught.value.reason == reason


def test_features_at_the_top_level_are_the_keys_that_are_no_fields() -> None:
    row = {"age": 41, "label": "x", "status": 200, "latency_ms": 5}
    (record,) = records(row, features=".", prediction="label", error_type={"path": "status", "from": 400})
    assert record["features"] == {"age": 41}


def test_segments_and_amounts_may_lie_in_lists() -> None:
    mapping = RecordMapping(
        {"prediction": FieldRule.parse("out[*]")},
        {"tags[0]": FieldPath.parse("tags[0]")},
        {"price": FieldPath.parse("prices[*]"), "total": FieldPath.parse("total")},
    )
    assert mapping.records({"out": ["x", "y"], "tags": ["web"], "prices": [1, 2], "total": 3}) == [
        {"prediction": "x", "segments": {"tags[0]": "web"}, "amounts": {"total": 3, "price": 1}},
        {"prediction": "y", "segments": {"tags[0]": "web"}, "amounts": {"price": 2}},
    ]
