"""The whole demo: a model over HTTP, what goes wrong in it, its truth, and who is told."""

from __future__ import annotations

import html
import http.client
import io
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from rich.console import Console

from alerts.rule_files import alerts, load
from exporter.configuration.units import Listen
from exporter.demo import model, shipped, story, watchers
from exporter.demo.load import SENSOR, TRUTH_SECONDS, Load
from exporter.demo.model import Model
from exporter.demo.model_server import ERROR_TYPE, SLOW_SECONDS, ModelServer
from exporter.demo.slack import Slack
from exporter.demo.stage import stage
from exporter.demo.story import INCIDENTS, Story
from tests.demo.processes import DEADLINE_SECONDS, ended
from tests.demo.test_demo_run import Demo, demo
from tests.servers import free_port, require

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
    slow = [
        record["latency_ms"] >= SLOW_SECONDS * 1000 for record in during(trained, tmp_path / "slow", story.LATENCY, 300)
    ]
    assert 0.01 < sum(slow) / 300 < 0.1  # a thirtieth, and more than the hundredth that a p99 is of
    broken = during(trained, tmp_path / "broken", story.SENSOR, 5)
    assert all(record["features"][SENSOR] is None for record in broken)
    known = {row[trained.features.index(TEXTURE)] for row in trained.held_out.tolist()}
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
    assert told.at(50) == told.at(5000) == (story.FAILING,)
    assert len(told.outline()) == len(INCIDENTS)
    assert {incident.alert for incident in INCIDENTS} <= alerts(load()).keys()


@pytest.fixture
def slack() -> Iterator[tuple[Slack, int]]:
    port = free_port()
    with Slack(port, "http://127.0.0.1:1/", 60) as running:
        yield running, port


def asked(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str, str]:
    """Return the status, the address that one is sent to, and the body."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    with closing(client):
        client.request(method, path, body)
        answer = client.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read().decode()


def test_what_slack_is_sent_is_on_its_page_and_nothing_else(slack: tuple[Slack, int]) -> None:
    running, port = slack
    assert "No message yet." in running.page()
    for title in ("first", "&lt;script&gt;"):  # as Slack wants it
        message = {
            "channel": "#ml-alerts",
            "attachments": [
                {
                    "title": title,
                    "title_link": "http://127.0.0.1:1/d/x",
                    "text": "a\nb &amp; c",
                    "color": "good",
                    "fields": [{"title": "Limit", "value": "30%", "short": True}],
                    "actions": [{"type": "button", "text": "Silence", "url": "http://127.0.0.1:1/#/silences"}],
                    "footer": "ML Monitoring System",
                }
            ],
        }
        assert asked(port, "POST", "/slack", json.dumps(message))[2] == "ok"
    page = asked(port, "GET", "/")[2]
    assert page.index("&lt;script&gt;") < page.index(">first<")
    assert "<script>" not in page
    shown = (
        "#ml-alerts",
        "a\nb &amp; c",
        "border-color: #2eb886",
        "Limit",
        "30%",
        "/#/silences",
        "ML Monitoring System",
    )
    assert not [text for text in shown if text not in page]
    assert "an hour, 60 seconds have passed" in page


def test_a_message_without_attachments_is_shown_too(slack: tuple[Slack, int]) -> None:
    running, port = slack
    asked(port, "POST", "/slack", json.dumps({"text": "so it is"}))
    assert "so it is" in running.page()


def test_links_of_messages_lead_to_the_page_of_the_model_and_to_runbooks(slack: tuple[Slack, int]) -> None:
    _, port = slack
    dashboard = "/d/prediction-exporter-drift?var-model_name=a%26b&var-model_version=1"
    assert asked(port, "GET", dashboard)[:2] == (302, "http://127.0.0.1:1/?model=a%26b&version=1")
    assert asked(port, "GET", "/d/prediction-exporter-exporter")[:2] == (302, "http://127.0.0.1:1/")
    status, _, page = asked(port, "GET", "/runbooks/ModelFeatureDrift.md")
    assert (status, "# ModelFeatureDrift" in page) == (200, True)
    for nowhere in ("/runbooks/Nothing.md", "/runbooks/../README.md", "/runbooks/"):
        assert asked(port, "GET", nowhere)[0] == 404


def link(running: Demo, name: str) -> str:
    return running.wait_for_text(rf"(?m)^  {name} +(\S+)$")


# By title of a message, which is the alert's own summary.
TOLD = {name: rule["annotations"]["summary"] for name, rule in alerts(load()).items()}


FIRING = {
    "WARNING": ["ModelFeatureDrift", "ModelLatencyHigh"],
    "CRITICAL": ["ModelFeatureAbsent", "ModelErrorBudgetBurnFast"],
}
RESOLVED = ["ModelFeatureDrift", "ModelLatencyHigh", "ModelFeatureAbsent"]


def titles(page: str) -> str:
    return html.unescape(" | ".join(re.findall(r"<h2>.*?</h2>", page)))


@pytest.mark.servers
def test_every_incident_reaches_slack_by_the_shipped_alerts_and_control_c_ends_all_of_it(tmp_path: Path) -> None:
    for program in ("prometheus", "prometheus-alertmanager"):
        require(program)
    options = ("--story", "--seconds", "120", "--listen", Listen.parse(f"127.0.0.1:{free_port()}"))
    with demo(tmp_path, *options) as running:
        page, slack = link(running, "the model"), link(running, "Slack")
        assert running.said.index("Look here:") < running.said.index("What will happen:")
        assert model.NAME in running.scrape(page)
        expected = {f"{severity}: {model.NAME}: {TOLD[name]}" for severity, names in FIRING.items() for name in names}
        expected |= {f"RESOLVED: {model.NAME}: {TOLD[name]}" for name in RESOLVED}
        deadline = time.monotonic() + 130
        while left := {title for title in expected if title not in titles(running.scrape(slack))}:
            assert time.monotonic() < deadline, (left, titles(running.scrape(slack)))
            time.sleep(0.2)
        for name in ("as JSON", "Prometheus", "Alertmanager"):
            assert running.scrape(link(running, name))
        parts = urlsplit(link(running, "Prometheus"))
        address = f"{parts.scheme}://{parts.netloc}"
        rules = json.loads(running.scrape(f"{address}/api/v1/rules"))["data"]["groups"]
        assert {rule["name"] for group in rules for rule in group["rules"]} >= {*TOLD}
        assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}
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
    with demo(tmp_path, "--story", "--seconds", "10", "--listen", Listen.parse(f"127.0.0.1:{free_port()}")) as running:
        assert running.process.wait(DEADLINE_SECONDS) == 0
    assert "Without alerts: prometheus and alertmanager not installed" in running.said
    assert re.search(r"Incident: .* fail with an error", running.said)
    written, counted = running.summary()["all"]
    assert written == counted > 0
    assert "Traceback" not in running.said


def test_where_the_shipped_alerts_are_not_beside_the_package_there_are_none(
    trained: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shipped.is_here()
    monkeypatch.setattr(shipped, "ALERTS", tmp_path / "alerts")
    monkeypatch.setattr(watchers, "missing", list)
    console = Console(file=io.StringIO(), width=300)
    listen = Listen.parse(f"127.0.0.1:{free_port()}")
    with ExitStack() as stack:
        stage(stack, trained, tmp_path, listen, Story(10), console)
    said = console.file.getvalue()
    assert "Without alerts: what is shipped of them is in the repository" in said
    assert "Slack" not in said
