"""Features that the profile does not know: found in a sample of the lines, remembered for a day, bounded."""

import json
from typing import Any

import pytest

from exporter.batch import Series
from exporter.decoding.schema import Schema
from exporter.decoding.unknown_features import FORGET_SECONDS, MOST_NAMES, FeatureProbe
from exporter.engine.engine import Engine
from exporter.state import checkpoint
from exporter.state.snapshot import Snapshot
from tests.records import DEFAULT, NOW, PROFILE, STREAM, block, engine, good, reference

NUMBERS, PLACES = ("age",), ("place",)


def unknown(record: Any, **schema: Any) -> set[str]:
    return {*FeatureProbe(Schema(numeric=NUMBERS, categorical=PLACES, **schema)).unknown(json.dumps(record).encode())}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param({"features": {"age": 1, "place": "DE"}}, set(), id="none"),
        pytest.param({"features": {"age": 1, "b": 2, "c": None}}, {"b", "c"}, id="two"),
        pytest.param({"features": {"b": {"deep": [1, {"x": 2}]}}}, {"b"}, id="not within a value"),
        pytest.param({"features": {"b": float("nan"), "age": float("inf")}}, {"b"}, id="beside NaN"),
        pytest.param({"features": {"größe": 1}}, {"größe"}, id="beyond ASCII"),
        pytest.param({"features": {}, "b": 1}, set(), id="not beside the features"),
        pytest.param({"features": None}, set(), id="null"),
        pytest.param({"features": [1]}, set(), id="no object"),
        pytest.param({}, set(), id="no features"),
        pytest.param([], set(), id="no record"),
    ],
)
def test_names_are_read_from_a_line(record: Any, expected: set[str]) -> None:
    assert unknown(record) == expected


def test_names_are_read_at_the_path_of_the_features() -> None:
    assert unknown({"in": {"x": {"age": 1, "b": 2}}}, fields={"features": ("in", "x")}) == {"b"}
    assert unknown({"in": {"age": 1, "b": 2, "out": 3}}, fields={"features": ("in",), "prediction": ("in", "out")}) == {
        "b"
    }
    # At the top level, a record field is no feature, whether it is read or not.
    flat = {"age": 1, "b": 2, "timestamp": 3, "request_id": "r", "prediction": "p", "timing": {"total": 4}}
    flat["attributions"] = {"age": 1}
    assert unknown(flat, fields={"features": (), "latency_ms": ("timing", "total")}) == {"b"}


def test_without_a_profile_nothing_is_unknown() -> None:
    assert FeatureProbe(Schema()).unknown(b'{"features": {"age": 1}}') == ()


def fed(*records: Any, restored: Snapshot | None = None, now: float = NOW, **options: Any) -> Engine:
    running = engine(restored=restored, **options)
    running.open(STREAM)
    running.feed(STREAM, block(records), now)
    return running


def names(snapshot: Snapshot, series: Series = DEFAULT) -> set[str]:
    return {*snapshot.unknown.get(series, {})}


def test_a_feature_of_every_record_is_found_in_the_first_block() -> None:
    snapshot = fed(*[good(features={"age": 41, "b": 1})] * 20).snapshot(NOW)
    assert dict(snapshot.unknown) == {DEFAULT: {"b": NOW}}
    snapshot = fed(*[good(model_version="4", features={"b": 1})] * 20, known_series=[DEFAULT]).snapshot(NOW)
    assert names(snapshot, Series("credit", "4")) == {"b"}
    assert names(snapshot) == set()


def test_a_rejected_line_is_no_sample() -> None:
    refused = good(timestamp=NOW + 1e6, features={"b": 1}, model_name="refused")
    for place in range(4):
        records = [good(features={"age": 41})] * 3
        records.insert(place, refused)
        snapshot = fed(*records).snapshot(NOW)
        assert dict(snapshot.unknown) == {DEFAULT: {}}


def test_a_feature_of_one_in_a_hundred_records_is_found_eventually() -> None:
    running = engine()
    running.open(STREAM)
    for number in range(4000):
        extra = {"rare": 1} if number % 100 == 50 else {}
        running.feed(
            STREAM, block([good(features={"age": number % 7 * 1.5, "place": "x" * (number % 13)} | extra)]), NOW
        )
        if number % 10 == 0:
            running.fold()
    assert names(running.snapshot(NOW)) >= {"rare"}


def test_names_are_forgotten_after_a_day() -> None:
    running = fed(good(features={"b": 1}))
    assert names(running.snapshot(NOW)) == {"b"}
    assert names(running.snapshot(NOW + FORGET_SECONDS - 1)) == {"b"}
    assert names(running.snapshot(NOW + FORGET_SECONDS)) == set()


def test_the_number_and_length_of_names_are_bounded() -> None:
    flood = {f"{n}{'x' * 300}\n": 1 for n in range(500)}
    found = names(fed(good(features=flood), line_bytes=10**6).snapshot(NOW))
    assert len(found) == MOST_NAMES
    assert max(map(len, found)) <= 128
    assert all(name.isprintable() for name in found)


def test_names_survive_a_restart_until_the_profile_contains_them() -> None:
    saved = checkpoint.encode(fed(good(features={"b": 1, "c": 1})).snapshot(NOW))
    restored = checkpoint.decode(saved)
    assert names(engine(restored=restored).snapshot(NOW)) == {"b", "c"}
    wider = reference(PROFILE.features | {"b": PROFILE.features["age"]})
    assert names(engine(restored=restored, profile=wider).snapshot(NOW)) == {"c"}
