"""What the demo's model and client log, without and during incidents."""

import asyncio
import json
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp.test_utils import TestServer

from alerts.rule_files import alerts, load
from deploy.demo import model, model_server
from deploy.demo.client import LABEL_DELAY_SECONDS, MISSING, Client
from deploy.demo.json_log import JsonLog
from deploy.demo.model import Model
from deploy.demo.model_server import ERROR_TYPE, SLOW_SECONDS, ModelServer
from deploy.demo.scenario import (
    DRIFT,
    FAILURE,
    INCIDENTS,
    LATENCY,
    MAX_WAIT_SECONDS,
    SENSOR,
    Incident,
    Scenario,
    ScenarioClock,
)


@pytest.fixture(scope="module")
def trained() -> Model:
    return model.train()


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def logged(
    trained: Model, folder: Path, incidents: Collection[Incident], requests: int, interval: float = 0.0
) -> list[dict[str, Any]]:
    """Send requests during incidents; return the model's log."""

    async def send() -> None:
        with closing(JsonLog(folder / "predictions.jsonl")) as log, closing(JsonLog(folder / "labels.jsonl")) as labels:
            server = ModelServer(trained, log)
            server.incidents = incidents
            async with TestServer(server.app()) as running, aiohttp.ClientSession() as http:
                client = Client(trained, http, str(running.make_url("/")).rstrip("/"), labels)
                for number in range(requests):
                    await client.send(number, number * interval, incidents)
        records = lines(folder / "predictions.jsonl")
        outcomes = Counter(record.get("error_type") or record["prediction"] for record in records)
        assert server.counts == outcomes

    asyncio.run(send())
    return lines(folder / "predictions.jsonl")


def inputs(records: list[dict[str, Any]]) -> list[tuple[float, ...]]:
    return [tuple(record["features"].values()) for record in records]


def test_without_an_incident_the_log_has_predictions_of_held_out_rows(trained: Model, tmp_path: Path) -> None:
    records = logged(trained, tmp_path, (), 50)
    assert [record["request_id"] for record in records] == [f"{number:08}" for number in range(50)]
    assert all(tuple(record["features"]) == trained.features for record in records)
    assert {*inputs(records)} <= {tuple(row) for row in trained.held_out.tolist()}
    assert len({*inputs(records)}) > 40
    outcomes = [trained.predict(np.array(row)) for row in inputs(records)]
    assert [{name: record[name] for name in ("prediction", "probability")} for record in records] == outcomes
    assert {record["model_name"] for record in records} == {"breast-cancer"}
    assert not any("error_type" in record for record in records)


def test_every_demo_sends_the_same_requests(trained: Model, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    assert inputs(logged(trained, tmp_path / "first", (), 20)) == inputs(logged(trained, tmp_path / "second", (), 20))


def test_one_request_in_thirty_is_slow_which_is_more_than_the_hundredth_above_the_p99(
    trained: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[tuple[int, float]] = []

    async def recorded(seconds: float) -> None:
        delays.append((len(lines(tmp_path / "predictions.jsonl")), seconds))
        await asyncio.sleep(seconds)

    monkeypatch.setattr(model_server, "asyncio", SimpleNamespace(sleep=recorded))
    records = logged(trained, tmp_path, (LATENCY,), 91)
    slow = [0, 30, 60, 90]
    assert delays == [(number, SLOW_SECONDS) for number in slow]
    assert all(records[number]["latency_ms"] >= SLOW_SECONDS * 1000 for number in slow)


def test_a_broken_sensor_sends_no_value(trained: Model, tmp_path: Path) -> None:
    records = logged(trained, tmp_path, (SENSOR,), 5)
    assert [[name for name, value in record["features"].items() if value is None] for record in records] == [
        [MISSING]
    ] * 5


def test_a_new_camera_shifts_textures_alone(trained: Model, tmp_path: Path) -> None:
    factors = np.array([1.3 if "texture" in name else 1.0 for name in trained.features])
    records = logged(trained, tmp_path, (DRIFT,), 20)
    assert {*inputs(records)} <= {tuple(row) for row in (trained.held_out * factors).tolist()}


def test_malignant_predictions_with_an_even_number_fail(trained: Model, tmp_path: Path) -> None:
    for name in ("healthy", "failing"):
        (tmp_path / name).mkdir()
    healthy = logged(trained, tmp_path / "healthy", (), 100)
    failing = logged(trained, tmp_path / "failing", (FAILURE,), 100)
    failed = [number for number, record in enumerate(failing) if record.get("error_type") == ERROR_TYPE]
    malignant = [number for number, record in enumerate(healthy) if record["prediction"] == "malignant"]
    assert failed == [number for number in malignant if number % 2 == 0]
    assert len(malignant) / 3 < len(failed) < len(malignant) * 2 / 3
    assert all("prediction" not in failing[number] for number in failed)


def test_labels_arrive_later_and_agree_as_often_as_the_model_is_accurate(trained: Model, tmp_path: Path) -> None:
    delay = int(LABEL_DELAY_SECONDS) * 32
    records = logged(trained, tmp_path, (), 2 * delay, interval=1 / 32)
    labels = lines(tmp_path / "labels.jsonl")
    assert [label["request_id"] for label in labels] == [f"{number:08}" for number in range(delay)]
    agreeing = sum(record["prediction"] == label["actual"] for record, label in zip(records, labels, strict=False))
    assert agreeing / delay == pytest.approx(trained.accuracy, abs=0.05)


def test_a_record_is_in_the_log_as_soon_as_it_is_written(tmp_path: Path) -> None:
    with closing(JsonLog(tmp_path / "log.jsonl")) as log:
        for number in range(3):
            log.write({"number": number})
            assert len(lines(tmp_path / "log.jsonl")) == number + 1


def test_a_large_log_is_renamed_so_that_the_disk_does_not_fill_up(tmp_path: Path) -> None:
    with closing(JsonLog(tmp_path / "log.jsonl", rotate_bytes=1000)) as log:
        for number in range(300):
            log.write({"number": number})
            assert (tmp_path / "log.jsonl").stat().st_size <= 1000
    assert {file.name for file in tmp_path.iterdir()} == {"log.jsonl", "log.jsonl.1"}
    kept = [record["number"] for name in ("log.jsonl.1", "log.jsonl") for record in lines(tmp_path / name)]
    assert kept == list(range(kept[0], 300))


def test_a_scenario_has_every_incident_and_the_last_one_continues() -> None:
    scenario = Scenario(50)
    seen = [scenario.incidents(tenths / 10) for tenths in range(500)]
    assert seen[0] == ()
    assert {incident for incidents in seen for incident in incidents} == {*INCIDENTS}
    assert scenario.incidents(50) == scenario.incidents(5000) == (FAILURE,)
    assert len(scenario.outline()) == len(INCIDENTS)


def test_an_incident_lasts_until_its_alert_has_fired_since_it_began() -> None:
    clock = ScenarioClock(Scenario(100))
    for _ in range(40):
        clock.advance(1, {DRIFT.alert: 4})
    assert clock.seconds == 34
    assert DRIFT in clock.scenario.incidents(clock.seconds)
    clock.advance(1, {DRIFT.alert: 34})
    assert clock.seconds == 35
    assert clock.scenario.incidents(clock.seconds) == ()


def test_an_incident_ends_at_last_if_its_alert_does_not_fire() -> None:
    clock, seconds = ScenarioClock(Scenario(100)), 0
    while clock.seconds < 100:
        clock.advance(1, {})
        seconds += 1
    assert seconds == 100 + len(INCIDENTS) * MAX_WAIT_SECONDS


def test_incidents_name_alerts_that_exist() -> None:
    assert {incident.alert for incident in INCIDENTS} <= alerts(load()).keys()
