"""A real sidecar on a log that drifts, a real Prometheus and Alertmanager with the shipped files, a stand-in for Slack.

Only waiting is shortened: intervals, `for` and the times of groups are seconds.
"""

import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import profile_file
from tests.alerts.alertmanager import Inbox, alertmanager, http_inbox, local
from tests.alerts.oracle import drift
from tests.process import exporter
from tests.records import numeric, reference
from tests.servers import free_port, prometheus, require, wait_until_ready

EDGES = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
COUNTS = [67, 92, 150, 191, 191, 150, 92, 67]
# By how much each feature has moved, in standard deviations.
SHIFTS = {"age": 0.9, "income": 0.7, "amount": 1.2, "balance": 0.0}
MODEL = {"model_name": "credit", "model_version": "3"}


def records(number: int, shifts: dict[str, float], rng: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": time.time(),
            "features": {feature: rng.gauss(shift, 1.0) for feature, shift in shifts.items()},
            "prediction": rng.choice(["approve", "decline"]),
            "latency_ms": 20.0,
        }
        for _ in range(number)
    ]


def psi(log: list[dict[str, Any]], feature: str) -> float:
    counted = Counter(str(sum(record["features"][feature] >= edge for edge in EDGES)) for record in log)
    return drift(counted, {str(number): count for number, count in enumerate(COUNTS)}).psi


def append(folder: Path, log: list[dict[str, Any]]) -> None:
    with (folder / "log.jsonl").open("a") as file:
        file.write("".join(json.dumps(record) + "\n" for record in log))


def hurried_rules(folder: Path) -> str:
    """Write the rules as the README says, with seconds for minutes."""
    subprocess.run([sys.executable, "-m", "alerts", folder / "rules"], check=True)
    for file in (folder / "rules").iterdir():
        text = re.sub(r"(?m)^( *)(interval|for|keep_firing_for): .*", r"\1\2: 1s", file.read_text())
        file.write_text(text)
    return str(folder / "rules" / "*.yaml")


def known_for_an_hour(folder: Path) -> None:
    """Give Prometheus a past in which the version was there, or its drift would not be told yet."""
    now = int(time.time())
    labels = ",".join(f'{name}="{value}"' for name, value in {**MODEL, "metric": "feature_drift_psi"}.items())
    lines = [f"model_threshold{{{labels}}} 0.25 {at}\n" for at in range(now - 7200, now - 3000, 60)]
    past = folder / "past.txt"
    past.write_text("# TYPE model_threshold gauge\n" + "".join(lines) + "# EOF\n")
    command = [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", past, folder / "tsdb"]
    subprocess.run(command, check=True, capture_output=True)


def hurried(config: Path) -> Path:
    made = yaml.safe_load(config.read_text())
    for route in (made["route"], *made["route"]["routes"]):
        route |= {"group_wait": "2s", "group_interval": "2s"}
    config.write_text(yaml.safe_dump(made))
    return config


def of_many(inbox: Inbox) -> list[dict[str, Any]]:
    attachments = [message["attachments"][0] for message in inbox.of("/slack")]
    return [attachment for attachment in attachments if "Many of a model's inputs" in attachment["title"]]


def resolution(inbox: Inbox) -> dict[str, Any]:
    number = 2
    while len(found := of_many(inbox)) < 2:
        inbox.wait_for("/slack", number)
        number += 1
    return found[1]


@contextmanager
def retrainer(folder: Path, inbox: Inbox) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    options = ["--listen", address, "--to", f"{inbox.address}/train", "--state", str(folder / "retrain.json")]
    with subprocess.Popen([sys.executable, "-m", "alerts.retrain", *options], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_ready(f"http://{address}", "/-/healthy")
            yield f"http://{address}/alerts"
        finally:
            process.terminate()


@pytest.mark.servers
def test_drift_is_told_once_starts_one_training_and_its_end_is_told(tmp_path: Path) -> None:
    rng = random.Random(3)
    known = {feature: numeric(EDGES, COUNTS) for feature in SHIFTS}
    (tmp_path / "reference.json").write_bytes(profile_file.dump(reference(known)))
    (tmp_path / "config.yaml").write_text(
        f"listen: 127.0.0.1:0\nmodel: {{name: credit, version: '3'}}\nreference: reference.json\n"
        f"sources: [{tmp_path}/*.jsonl]\nquality: {{bounds: {json.dumps({feature: [-9, 9] for feature in SHIFTS})}}}\n"
    )
    known_for_an_hour(tmp_path)
    with ExitStack() as stack:
        inbox = stack.enter_context(http_inbox())
        retrain = stack.enter_context(retrainer(tmp_path, inbox))
        told = stack.enter_context(alertmanager(tmp_path, hurried(local(tmp_path, inbox.address, retrain=retrain))))
        sidecar = stack.enter_context(exporter("--config", tmp_path / "config.yaml"))
        target = sidecar.address.removeprefix("http://")
        server = stack.enter_context(prometheus(tmp_path, target, rules=hurried_rules(tmp_path), alertmanager=told))
        server.wait_for("model_version:model_threshold:count_1h_ago")
        server.wait_for("model_feature_bin_total")

        drifted = records(800, SHIFTS, rng)
        append(tmp_path, drifted)
        (message,) = inbox.wait_for("/slack", 1)
        (training,) = inbox.wait_for("/train", 1)

        # Ten times as many ordinary records, and the hour as a whole is no longer unlike the reference.
        append(tmp_path, records(8000, dict.fromkeys(SHIFTS, 0.0), rng))
        resolved = resolution(inbox)
        # On the way a single feature may have been told, for a moment; of the many there are these two.
        time.sleep(3)
        assert [one["color"] for one in of_many(inbox)] == ["#ff9800", "good"]
        assert len(inbox.of("/train")) == 1

    (attachment,) = message["attachments"]
    psis = {feature: psi(drifted, feature) for feature in ("amount", "age", "income")}
    listed = ", ".join(f"{feature} {value:.2f}" for feature, value in psis.items())
    assert message["channel"] == "#ml-alerts"
    text, since = attachment.pop("text").split(" Since ")
    assert text == (
        "75% of the features of credit, version 3, have drifted; the limit is 30%. PSI of those that have moved most: "
        f"{listed}. First rule out a broken source that they share; if the world has changed, train anew."
    )
    assert re.fullmatch(r"[A-Z][a-z]{2} \d+ [A-Z][a-z]{2} \d\d:\d\d UTC\.", since)
    title = "WARNING: credit: Many of a model's inputs are not what it was trained on."
    buttons = [(action["text"], action["url"]) for action in attachment.pop("actions")]
    dashboard = "http://localhost:3000/d/prediction-exporter-drift?var-model_name=credit&var-model_version=3"
    runbooks = "https://github.com/prediction-exporter/prediction-exporter/blob/main/alerts/runbooks"
    assert buttons[:2] == [("Dashboard", dashboard), ("Runbook", f"{runbooks}/ModelDriftWidespread.md")]
    matchers = "%7Balertname%3D%22ModelDriftWidespread%22%2Cmodel_name%3D%22credit%22%7D"
    assert buttons[2][0] == "Silence"
    assert buttons[2][1].endswith(f"/#/silences/new?filter={matchers}")
    assert {name: attachment[name] for name in ("title", "title_link", "color", "footer", "fallback", "fields")} == {
        "title": title,
        "title_link": dashboard,
        "color": "#ff9800",
        "footer": "ML Monitoring System",
        "fallback": title,
        "fields": [
            {"title": "Model", "value": "credit", "short": True},
            {"title": "Version", "value": "3", "short": True},
            {"title": "Value", "value": "75%", "short": True},
            {"title": "Limit", "value": "30%", "short": True},
        ],
    }
    assert resolved["title"] == title.replace("WARNING", "RESOLVED")
    assert resolved["text"].startswith("Over: version 3, from ")
    assert {name: training[name] for name in (*MODEL, "reason")} == {**MODEL, "reason": "ModelDriftWidespread"}
