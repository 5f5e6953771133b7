"""Data quality as configured, and how the running sidecar reports it, in metrics and its own log."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from exporter.assembly.measures import measures
from exporter.configuration import loading
from exporter.configuration.loading import ConfigError
from exporter.configuration.settings import Config, FeatureConfig
from exporter.exposition.collector import Collector
from exporter.logs import SchemaLog
from exporter.model_key import OTHERS
from exporter.reference import profile_file
from exporter.state.snapshot import Snapshot
from exporter.units import Bounds
from tests.process import exporter
from tests.records import CHOSEN, NOW, PROFILE, STREAM, WINDOWS, block, categorical, engine, good, numeric, reference

REFERENCE = reference(
    {
        "age": numeric([30.0], [50, 50], least=18, greatest=65),
        "amount": numeric([0.5]),
        "country": categorical({"DE": 1}),
    }
)


def loaded(folder: Path, *lines: str) -> Config:
    (folder / "reference.json").write_bytes(profile_file.dump(REFERENCE))
    (folder / "config.yaml").write_text("\n".join(["sources: [log.jsonl]", *lines, ""]))
    return loading.load(folder / "config.yaml").config


def mistakes(folder: Path, *lines: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(folder, *lines)
    return [problem.removeprefix(f"{folder / 'config.yaml'}: ") for problem in raised.value.problems]


WITH_REFERENCE = "reference: reference.json"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "features: {aeg: {bounds: [0, 1]}}",
            "features.aeg: no such feature of the reference; did you mean `age`?",
        ),
        (
            "features: {country: {bounds: [0, 1]}}",
            "features.country.bounds: only a numeric feature has bounds",
        ),
        (
            "features: {age: {bounds: [120, 0]}}",
            "features.age.bounds: expected ascending bounds such as [0, 120], or [0, null]",
        ),
        ("features: {age: {bounds: 120}}", "features.age.bounds: expected ascending bounds such as"),
        ("features: {age: {bounds: [0]}}", "features.age.bounds: expected ascending bounds such as"),
        ("features: {age: {bounds: [0, 1, 2]}}", "features.age.bounds: expected ascending bounds such as"),
        ("features: {age: {bounds: [0, old]}}", "features.age.bounds: expected ascending bounds such as"),
        ("features: {age: {bounds: [0, yes]}}", "features.age.bounds: expected ascending bounds such as"),
        ("features: {age: {bounds: [.nan, 1]}}", "features.age.bounds: expected ascending bounds such as"),
        ("features: [age]", "features: expected a mapping"),
        (
            "quality: {outliers: [0.99, 0.01]}",
            "quality.outliers: expected two ascending quantiles such as [0.01, 0.99], got",
        ),
        ("quality: {outliers: [0.5, 0.5]}", "quality.outliers: expected two ascending quantiles"),
        ("quality: {outliers: [1, 99]}", "quality.outliers: expected two ascending quantiles"),
        ("quality: {outliers: [null, 0.9]}", "quality.outliers: expected two ascending quantiles"),
        ("quality: {outliers: 0.01}", "quality.outliers: expected two ascending quantiles"),
        ("quality: {duplicate_ids: -1}", "quality.duplicate_ids: expected a whole number >= 0, got -1"),
        (
            "quality: {duplicate_ids: 10000000}",
            "quality.duplicate_ids: expected a whole number <= 1000000, got 10000000",
        ),
        ("quality: {duplicates: 1}", "quality.duplicates: unknown key; did you mean `duplicate_ids`?"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, line: str, expected: str) -> None:
    (problem,) = mistakes(tmp_path, WITH_REFERENCE, line)
    assert problem.startswith(expected)


def test_bounds_need_a_reference(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "features: {age: {bounds: [0, 1]}}") == [
        "features.age: the features are those of the reference, and there is none"
    ]


def test_a_path_is_used_for_the_request_id_only_if_it_is_read(tmp_path: Path) -> None:
    fields = "fields: {request_id: prediction.id}"
    assert loaded(tmp_path, fields).quality.duplicate_ids == 0
    (problem,) = mistakes(tmp_path, fields, "quality: {duplicate_ids: 10}")
    at = "fields.request_id: `prediction.id` (request_id)"
    assert problem == f"{at} lies within `prediction`, which is read as prediction"


def test_bounds_replace_the_extremes_of_the_reference(tmp_path: Path) -> None:
    bounds = "{age: {bounds: [0, 120]}, amount: {bounds: [10, null]}}"
    chosen = measures(loaded(tmp_path, WITH_REFERENCE, f"features: {bounds}"), REFERENCE)
    records = [
        {"age": age, "amount": amount} for age, amount in ((0, 10), (-1, 9.5), (120, 1e300), (121, 10), (17, -1))
    ]
    running = engine(chosen=chosen, profile=REFERENCE)
    running.open(STREAM)
    running.feed(STREAM, block(good(features=features) for features in records), NOW)
    (tally,) = (row["feature_quality"] for row in running.snapshot(NOW).totals.values())
    assert dict(zip(("age", "amount"), tally[:2, 2].tolist(), strict=True)) == {"age": 2, "amount": 2}


def test_other_bounds_make_another_statistic_whose_count_starts_at_zero() -> None:
    def identity(**bounds: list[float]) -> str:
        features = {name: FeatureConfig(bounds=Bounds.parse(pair)) for name, pair in bounds.items()}
        chosen = measures(Config(sources=[], features=features), PROFILE)
        return next(repr(statistic) for statistic in chosen.statistics if statistic.name == "feature_quality")

    assert identity(age=[0, 120]) != identity(age=[0, 121])
    assert identity(age=[0, 120]) != identity()
    assert identity(age=[0, 120], income=[0, 1]) == identity(income=[0, 1], age=[0, 120])


class SchemaChanges:
    """A log that records schema changes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changes: list[tuple[str, str, str]] = []
        monkeypatch.setattr("exporter.logs.log", self)

    def warning(self, event: str, **said: Any) -> None:
        assert event == "schema changed"
        self.changes.append((said["model_version"], said["feature"], said["change"]))

    def since(self) -> list[tuple[str, str, str]]:
        changes, self.changes = self.changes, []
        return changes


COLLECTOR = Collector({OTHERS: CHOSEN}, WINDOWS)
ALL = {"age": 41, "income": 1, "country": "DE", "plan": "basic", "text": [0.5, 1.0, 1.5]}


def test_vanished_returned_and_new_features_are_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    schema_changes = SchemaChanges(monkeypatch)
    schema_log = SchemaLog(COLLECTOR)
    running = engine()
    running.open(STREAM)
    now = NOW

    def minute(features: dict[str, Any], records: int) -> Snapshot:
        nonlocal now
        now += 61
        running.feed(STREAM, block([good(timestamp=now, features=features)] * records), now)
        snapshot = running.snapshot(now)
        schema_log(snapshot)
        schema_log(snapshot)
        return snapshot

    without = {name: value for name, value in ALL.items() if name != "age"}
    minute(ALL, 100)
    assert schema_changes.since() == []
    minute(without, 99)
    assert schema_changes.since() == []  # too few records
    snapshot = minute(without, 100)
    assert schema_changes.since() == [("3", "age", "vanished")]
    minute(ALL, 99)
    assert schema_changes.since() == []
    # A sidecar that starts from that snapshot does not report it again.
    again = SchemaLog(COLLECTOR, snapshot)
    again(snapshot)
    assert schema_changes.since() == []
    minute(ALL | {"b": 1}, 100)
    assert schema_changes.since() == [("3", "age", "returned"), ("3", "b", "new")]
    minute(ALL | {"b": 1}, 100)
    assert schema_changes.since() == []


def test_without_a_reference_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    schema_changes = SchemaChanges(monkeypatch)
    chosen = measures(Config(sources=[]), None)
    running = engine(chosen=chosen, profile=None)
    running.open(STREAM)
    running.feed(STREAM, block([good(features=ALL)] * 200), NOW)
    SchemaLog(Collector({OTHERS: chosen}, WINDOWS))(running.snapshot(NOW))
    assert schema_changes.since() == []


def test_a_sidecar_reports_schema_changes_and_continues_counting_after_a_kill(tmp_path: Path) -> None:
    loaded(tmp_path)
    lines = ["listen: 127.0.0.1:0", "state_dir: state", "sources: [log.jsonl]", WITH_REFERENCE, "windows: [1h]"]
    (tmp_path / "config.yaml").write_text("\n".join([*lines, "quality: {duplicate_ids: 1000}", ""]))
    records = [
        {"prediction": "a", "request_id": f"{n % 120}", "features": {"age": 30 + n % 2, "amount": 7, "b": 1}}
        for n in range(200)
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    quality = {("missing_feature",): 200, ("duplicate_request_id",): 80}
    with exporter("--config", tmp_path / "config.yaml") as running:
        running.wait_for("model_window_samples", 200)
        assert running.samples("model_record_quality_total") == quality
        assert running.samples("model_feature_absent") == {("age", "1h"): 0, ("amount", "1h"): 0, ("country", "1h"): 1}
        # The reference's countries never vary.
        assert running.samples("model_feature_stuck") == {("age", "1h"): 0, ("amount", "1h"): 1}
        assert running.samples("model_feature_outlier_ratio").keys() == {("age", "1h"), ("amount", "1h")}
        assert running.samples("model_unknown_features") == {(): 1}
        changes = {(entry["feature"], entry["change"]) for entry in running.entries("schema changed")}
        assert changes == {("country", "vanished"), ("b", "new")}
        running.stop(signal.SIGKILL)
    with log.open("a") as file:
        file.write("".join(json.dumps(record) + "\n" for record in records[:10]))
    with exporter("--config", tmp_path / "config.yaml") as running:
        running.wait_for("model_window_samples", 210)
        assert running.samples("model_record_quality_total") == {
            ("missing_feature",): 210,
            ("duplicate_request_id",): 90,
        }
        assert running.samples("model_unknown_features") == {(): 1}
        assert running.entries("schema changed") == []
