"""The whole demo: a model over HTTP, what goes wrong in it, its truth, and who is told."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from exporter.demo import model, story, watchers
from exporter.demo.load import SENSOR, TRUTH_SECONDS, Load
from exporter.demo.model import Model
from exporter.demo.model_server import ERROR_TYPE, SLOW_SECONDS, ModelServer
from exporter.demo.sidecar_process import free_address
from exporter.demo.slack import Slack
from exporter.demo.story import INCIDENTS, Story
from exporter.units import Listen
from tests.demo.processes import DEADLINE_SECONDS, ended
from tests.demo.test_demo_run import Demo, demo
from tests.servers import require

TEXTURE = "mean texture"


@pytest.fixture(scope="module")
def trained() -> Model:
    return model.train()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def during(trained: Model, folder: Path, incident: story.Incident | None, requests: int) -> list[dict[str, object]]:
    """Return what the model logs of some requests in the middle of an incident, of a story of 100 seconds."""
    seconds = 100 * (incident.begin + incident.end) / 2 if incident else 0.0
    folder.mkdir()
    with (
        ModelServer(trained, folder / "log.jsonl") as server,
        Load(trained, server, folder / "truth.jsonl", Story(100)) as load,
    ):
        for _ in range(requests):
            load.write(seconds)
        written = lines(folder / "log.jsonl")
        assert load.written == requests == len(written)
        counted = [*load.predictions.values(), *load.errors.values()]
        assert sum(counted) == requests
    return written


def test_without_an_incident_all_is_well(trained: Model, tmp_path: Path) -> None:
    written = during(trained, tmp_path / "calm", None, 50)
    assert all(record["features"].keys() == {*trained.features} for record in written)
    assert not any("error_type" in record for record in written)
    known = {tuple(row) for row in trained.held_out.tolist()}
    assert all(tuple(record["features"].values()) in known for record in written)


def test_each_incident_is_to_be_seen_in_the_log(trained: Model, tmp_path: Path) -> None:
    slow = during(trained, tmp_path / "slow", story.LATENCY, 5)
    assert all(record["latency_ms"] >= SLOW_SECONDS * 1000 for record in slow)
    broken = during(trained, tmp_path / "broken", story.SENSOR, 5)
    assert all(record["features"][SENSOR] is None for record in broken)
    known = {row[trained.features.index(TEXTURE)] for row in trained.held_out.tolist()}
    # Halfway through this one, the last has begun.
    shifted = during(trained, tmp_path / "shifted", story.DRIFT, 5)
    assert not known & {record["features"][TEXTURE] for record in shifted if "features" in record}
    failing = during(trained, tmp_path / "failing", story.FAILING, 100)
    assert {record["error_type"] for record in failing if "error_type" in record} == {ERROR_TYPE}


def test_truth_comes_later_and_is_right_as_often_as_the_model_is(trained: Model, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with (
        ModelServer(trained, tmp_path / "log.jsonl") as server,
        Load(trained, server, truth, Story(10_000)) as load,
    ):
        for number in range(300):
            load.write(number / 100)
        assert lines(truth) == []
        load.write(3 + TRUTH_SECONDS)
        actual = {record["request_id"]: record["actual"] for record in lines(truth)}
        predicted = {record["request_id"]: record["prediction"] for record in lines(tmp_path / "log.jsonl")}
    assert len(actual) == 300
    right = sum(predicted[request] == value for request, value in actual.items()) / 300
    assert right == pytest.approx(trained.accuracy, abs=0.05)


def test_a_story_has_each_incident_and_ends_with_the_last_ones() -> None:
    told = Story(50)
    seen = [told.at(second / 10) for second in range(500)]
    assert seen[0] == ()
    assert {incident for incidents in seen for incident in incidents} == {*INCIDENTS}
    assert told.at(50) == told.at(5000) == (story.DRIFT, story.FAILING)
    assert len(told.outline()) == len(INCIDENTS)


@pytest.fixture
def slack() -> Iterator[tuple[Slack, int]]:
    port = free_address(Listen.parse("127.0.0.1:0")).port
    with Slack(port) as running:
        yield running, port


def test_what_slack_is_sent_is_on_its_page_and_nothing_else(slack: tuple[Slack, int]) -> None:
    running, port = slack
    assert "No message yet." in running.page()
    for title in ("first", "<script>"):
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.request(
            "POST", "/slack", json.dumps({"attachments": [{"title": title, "text": "x", "color": "danger"}]})
        )
        assert client.getresponse().read() == b"ok"
        client.close()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        page = answer.read().decode()
    assert page.index("&lt;script&gt;") < page.index("first")
    assert "<script>" not in page


def link(running: Demo, name: str) -> str:
    return running.wait_for_text(rf"(?m)^  {name} +(\S+)$")


@pytest.mark.servers
def test_the_whole_story_reaches_slack_and_control_c_ends_all_of_it(tmp_path: Path) -> None:
    for program in ("prometheus", "prometheus-alertmanager"):
        require(program)
    # Latency goes up after 4.5 seconds.
    options = ("--story", "--seconds", "30", "--rate", "30", "--listen", free_address(Listen.parse("127.0.0.1:0")))
    with demo(tmp_path, *options) as running:
        page, slack = link(running, "the model"), link(running, "Slack")
        assert running.said.index("Look here:") < running.said.index("What will happen:")
        deadline = time.monotonic() + DEADLINE_SECONDS
        while "FIRING: DemoLatencyHigh" not in running.scrape(slack):
            assert time.monotonic() < deadline, running.said
            time.sleep(0.2)
        assert model.NAME in running.scrape(page)
        rules = json.loads(running.scrape(link(running, "Prometheus").removesuffix("/alerts") + "/api/v1/rules"))
        assert {group["name"] for group in rules["data"]["groups"]} > {"demo", "model-feature-drift-1h"}
        assert {rule["health"] for group in rules["data"]["groups"] for rule in group["rules"]} <= {"ok", "unknown"}
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert len(children) == 3
        os.killpg(running.process.pid, signal.SIGINT)
        assert running.process.wait(DEADLINE_SECONDS) == 0
        assert all(map(ended, children))
    assert "The sidecar counted every record, and each once." in running.said
    assert "Traceback" not in running.said
    assert list(running.temporary.iterdir()) == []


def test_without_prometheus_the_story_is_told_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert watchers.missing() == ["prometheus", "alertmanager"]
    with demo(tmp_path, "--story", "--seconds", "4", "--listen", free_address(Listen.parse("127.0.0.1:0"))) as running:
        assert running.process.wait(DEADLINE_SECONDS) == 0
    assert "Without alerts: prometheus and alertmanager not installed" in running.said
    assert re.search(r"Incident: .* fail with an error", running.said)
    written, counted = running.summary()["all"]
    assert written == counted > 0
    assert "Traceback" not in running.said
