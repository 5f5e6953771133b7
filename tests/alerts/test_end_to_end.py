"""A real sidecar on a log, a real Prometheus and Alertmanager with the shipped files, stand-ins for whom they tell.

Only waiting is shortened: intervals, `for`, and the time until the end of an alert is notified.
"""

import email.policy
import html
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

from exporter.reference import profile_file
from tests.alerts.alertmanager import Inbox, alertmanager, http_inbox, local, routes, smtp_inbox
from tests.alerts.oracle import drift
from tests.alerts.rule_files import rule_files, set_to_a_second
from tests.alerts.timeline import OPTIONAL
from tests.process import exporter, wait_until
from tests.records import numeric, reference
from tests.servers import free_port, prometheus, require, wait_until_ready

EDGES = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
COUNTS = [67, 92, 150, 191, 191, 150, 92, 67]
# By how much each feature has moved, in standard deviations.
SHIFTS = {"age": 0.9, "income": 0.7, "amount": 1.2, "balance": 0.0}
COUNTED = "model_version_feature_bin:model_feature_bin:increase1h"
REFERENCE_SIZE = "model_version_feature:model_feature_reference_bin:sum"
MODEL = {"model_name": "credit", "model_version": "3"}
# A scrape that takes longer fails.
INTERVAL = "3s"


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


def rules(folder: Path) -> str:
    """Write the rules as the README says, less those that no alert reads, with a second for most waiting."""
    pattern = rule_files(folder)
    for name in OPTIONAL:
        (folder / "rules" / f"{name}.yaml").unlink()
    for file in (folder / "rules").iterdir():
        # A sidecar is absent until it is scraped first, and that is not told.
        if file.name != "sidecar.yaml":
            file.write_text(set_to_a_second(file.read_text(), "for", "keep_firing_for"))
    return pattern


def known_for_an_hour(folder: Path) -> None:
    """Give Prometheus a past in which the version was there, or its drift would not be told yet."""
    now = int(time.time())
    labels = ",".join(f'{name}="{value}"' for name, value in {**MODEL, "metric": "feature_drift_psi"}.items())
    lines = [f"model_threshold{{{labels}}} 0.25 {at}\n" for at in range(now - 7200, now - 3000, 60)]
    past = folder / "past.txt"
    past.write_text("# TYPE model_threshold gauge\n" + "".join(lines) + "# EOF\n")
    command = [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", past, folder / "tsdb"]
    subprocess.run(command, check=True, capture_output=True)


def faster_routes(config: Path) -> Path:
    """Let the ends of alerts be told at once, and trainings be started at once."""
    made = yaml.safe_load(config.read_text())
    for route in routes(made["route"]):
        route["group_interval"] = "2s"
        if route["receiver"] == "retrain":
            route["group_wait"] = "2s"
    config.write_text(yaml.safe_dump(made))
    return config


def of_vanished(inbox: Inbox) -> list[dict[str, Any]]:
    return [one for one in inbox.of("/slack") if "ModelFeatureAbsent" in one["attachments"][0]["title"]]


def of_many(inbox: Inbox) -> list[dict[str, Any]]:
    attachments = [message["attachments"][0] for message in inbox.of("/slack")]
    return [attachment for attachment in attachments if "ModelDriftWidespread" in attachment["title"]]


def resolution(inbox: Inbox) -> dict[str, Any]:
    number = 2
    while len(found := of_many(inbox)) < 2:
        inbox.wait_for("/slack", number)
        number += 1
    return found[1]


@contextmanager
def retrainer(folder: Path, inbox: Inbox) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    # The key of all that the Alertmanager of the test sends.
    (folder / "key").write_text("key")
    options = ["--listen", address, "--to", f"{inbox.address}/train", "--state", str(folder / "retrain.json")]
    options += ["--secret-file", str(folder / "key")]
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
    bounds = {feature: {"bounds": [-9, 9]} for feature in SHIFTS}
    (tmp_path / "config.yaml").write_text(
        f"listen: 127.0.0.1:0\nmodel: {{name: credit, version: '3'}}\nreference: reference.json\n"
        f"sources: [{tmp_path}/*.jsonl]\nfeatures: {json.dumps(bounds)}\n"
    )
    known_for_an_hour(tmp_path)
    with ExitStack() as stack:
        inbox = stack.enter_context(http_inbox())
        retrain = stack.enter_context(retrainer(tmp_path, inbox))
        told = stack.enter_context(
            alertmanager(tmp_path, faster_routes(local(tmp_path, inbox.address, retrain=retrain)))
        )
        sidecar = stack.enter_context(exporter("--config", tmp_path / "config.yaml"))
        target = sidecar.address.removeprefix("http://")
        written = rules(tmp_path)
        server = stack.enter_context(prometheus(tmp_path, target, interval=INTERVAL, rules=written, alertmanager=told))
        for needed in ("model_version:model_threshold:count_1h_ago", REFERENCE_SIZE, COUNTED):
            server.wait_for(needed)

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
    assert message["channel"] == "#ml-alerts"
    text, since = attachment.pop("text").split("\n")
    listed = ", ".join(re.findall(r"[a-z]+ [0-9.]{4}", text))
    psis = dict(each.split() for each in listed.split(", "))
    assert [*psis] == ["amount", "age", "income"]
    # `increase` extrapolates all bins alike, and the smoothing of bins weighs a little less.
    expected = {feature: pytest.approx(psi(drifted, feature), abs=0.03) for feature in psis}
    assert {feature: float(value) for feature, value in psis.items()} == expected
    assert text == (
        "75% of the features of credit, version 3, have drifted; the limit is 30%. Largest PSI by feature: "
        f"{listed}. First rule out a broken source that these features share; if the world has changed, retrain."
    )
    assert re.fullmatch(r"Since [A-Z][a-z]{2} \d+ [A-Z][a-z]{2} \d\d:\d\d UTC \(<!date\^\d{10}\^.*\|UTC>\)\.", since)
    title = "WARNING: ModelDriftWidespread: credit version 3: 75% of the features have drifted."
    buttons = [(action["text"], action["url"]) for action in attachment.pop("actions")]
    dashboard = "http://localhost:3000/d/prediction-exporter-drift?var-model_name=credit&var-model_version=3"
    runbooks = "https://github.com/prediction-exporter/prediction-exporter/blob/main/alerts/runbooks"
    assert buttons[:2] == [("Dashboard", dashboard), ("Runbook", f"{runbooks}/ModelDriftWidespread.md")]
    matchers = "%7Balertname%3D%22ModelDriftWidespread%22%2Cmodel_name%3D%22credit%22%7D"
    assert buttons[2][0] == "Silence"
    assert buttons[2][1].endswith(f"/#/silences/new?filter={matchers}")
    assert {name: attachment[name] for name in ("title", "color", "footer", "fallback")} == {
        "title": title,
        "color": "#ff9800",
        "footer": "ML Monitoring System",
        "fallback": title,
    }
    assert "fields" not in attachment
    assert resolved["title"] == title.replace("WARNING", "RESOLVED")
    assert resolved["text"].startswith("Resolved for version 3 at ")
    assert {name: training[name] for name in (*MODEL, "reason")} == {**MODEL, "reason": "ModelDriftWidespread"}


@pytest.mark.servers
def test_a_feature_that_vanishes_is_told_once_by_slack_mail_and_pager_and_so_is_its_return(tmp_path: Path) -> None:
    rng = random.Random(4)
    known = {feature: numeric(EDGES, COUNTS) for feature in ("age", "income")}
    (tmp_path / "reference.json").write_bytes(profile_file.dump(reference(known)))
    (tmp_path / "config.yaml").write_text(
        f"listen: 127.0.0.1:0\nmodel: {{name: credit, version: '3'}}\nreference: reference.json\n"
        f"sources: [{tmp_path}/*.jsonl]\nwindows: [5m, 1h]\n"
    )
    with ExitStack() as stack:
        inbox, mail = stack.enter_context(http_inbox()), stack.enter_context(smtp_inbox())
        told = stack.enter_context(alertmanager(tmp_path, faster_routes(local(tmp_path, inbox.address, mail.address))))
        sidecar = stack.enter_context(exporter("--config", tmp_path / "config.yaml"))
        target = sidecar.address.removeprefix("http://")
        written = rules(tmp_path)
        server = stack.enter_context(prometheus(tmp_path, target, interval=INTERVAL, rules=written, alertmanager=told))
        server.wait_for("model_version_metric:model_threshold:max")

        append(tmp_path, without_income(records(400, dict.fromkeys(known, 0.0), rng)))
        wait_until(lambda: of_vanished(inbox), "feature reported")
        page = of_vanished(inbox)[0]
        (event,) = inbox.wait_for("/pager", 1)
        (letter,) = mail.wait_for("mail", 1)

        # It is back, and so it is not absent from all records of the five minutes.
        append(tmp_path, records(400, dict.fromkeys(known, 0.0), rng))
        wait_until(lambda: len(of_vanished(inbox)) == 2, "return reported")
        resolved = of_vanished(inbox)[1]
        _, over = inbox.wait_for("/pager", 2)
        _, _ = mail.wait_for("mail", 2)
        time.sleep(3)
        # A warning about the same feature is inhibited only if it does not come first.
        assert [len(of_vanished(inbox)), len(inbox.of("/pager")), len(mail.of("mail"))] == [2, 2, 2]

    text = (
        "For five minutes, no request to credit, version 3, has contained: income. Every prediction is made without "
        "this feature. First look for a field that a caller or feature pipeline has renamed or dropped, and roll that "
        "change back."
    )
    (attachment,) = page["attachments"]
    assert page["channel"] == "#ml-alerts-critical"
    assert attachment["color"] == "#f44336"
    assert (
        attachment["title"]
        == "CRITICAL: ModelFeatureAbsent: credit version 3: Feature income is missing from all requests."
    )
    assert attachment["text"].startswith(f"{text}\nSince ")
    assert [resolved["attachments"][0]["color"], over["event_action"]] == ["good", "resolve"]
    assert event["event_action"] == "trigger"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["custom_details"]["text"] == text
    assert event["dedup_key"] == over["dedup_key"]
    message = email.message_from_bytes(letter, policy=email.policy.default)
    assert message["Subject"] == attachment["title"]
    (part,) = (part for part in message.walk() if part.get_content_type() == "text/html")
    assert text in html.unescape(part.get_content())


def without_income(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for record in log:
        del record["features"]["income"]
    return log
