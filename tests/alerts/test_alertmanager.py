"""The Alertmanager configuration: who is told of what, what silences what, and how it reads to `amtool`."""

import json
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from alerts.alertmanager_config import alertmanager_config
from tests.alerts.alertmanager import SHIPPED, alertmanager, http_inbox, local, smtp_inbox
from tests.alerts.rule_files import ALERTS
from tests.process import DEADLINE_SECONDS
from tests.servers import require

MODEL = {"namespace": "prod", "model_name": "credit", "model_version": "3"}
RECEIVERS = {"critical": "pages", "warning": "warnings", "info": "infos"}


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require("amtool"), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS
    )


@pytest.mark.servers
def test_amtool_finds_nothing_wrong(tmp_path: Path) -> None:
    done = amtool("check-config", local(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


@pytest.mark.servers
def test_every_alert_goes_to_whom_it_should(tmp_path: Path) -> None:
    config = local(tmp_path)
    seen = set()
    for name, alert in ALERTS.items():
        kind = (alert["labels"]["severity"], alert["labels"].get("action"))
        if kind in seen:
            continue
        seen.add(kind)
        receivers = [*(["retrain"] if kind[1] else []), RECEIVERS[kind[0]]]
        labels = [f"{label}={value}" for label, value in {**MODEL, "alertname": name, **alert["labels"]}.items()]
        arguments = ("config", "routes", "test", f"--config.file={config}", f"--verify.receivers={','.join(receivers)}")
        done = amtool(*arguments, *labels)
        assert done.returncode == 0, done.stdout + done.stderr
    assert {severity for severity, _ in seen} == {*RECEIVERS}


def test_the_operator_s_object_is_made_of_it() -> None:
    committed = (SHIPPED / "alertmanagerconfig.yaml").read_text()
    assert committed == alertmanager_config(), "run `make rules`"
    made, shipped = yaml.safe_load(committed)["spec"], yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    assert [receiver["name"] for receiver in made["receivers"]] == [one["name"] for one in shipped["receivers"]]
    assert len(made["inhibitRules"]) == len(shipped["inhibit_rules"])
    matchers = [matcher for rule in shipped["inhibit_rules"] for matcher in rule["target_matchers"]]
    assert sum(len(rule["targetMatch"]) for rule in made["inhibitRules"]) == len(matchers)


def test_what_the_inhibition_names_is_there() -> None:
    text = (SHIPPED / "alertmanager.yml").read_text()
    for rule in yaml.safe_load(text)["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            name, value = matcher.split('"')[0], matcher.split('"')[1]
            if name.startswith("alertname") and "*" not in value:
                assert {*value.split("|")} <= {*ALERTS}


def fire(address: str, *names: str, **labels: str) -> None:
    """Send alerts to Alertmanager, as Prometheus does."""
    alerts = [
        {
            "labels": {**MODEL, "alertname": name, **ALERTS[name]["labels"], **labels},
            "annotations": {"summary": "It is.", "description": f"{name} of <!channel> & co.", "value": "1"},
        }
        for name in names
    ]
    post(f"http://{address}/api/v2/alerts", alerts)


def post(url: str, body: object) -> None:
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=DEADLINE_SECONDS
    ):
        pass


def at_once(config: Path) -> Path:
    """Wait for a second before the first message of a group, and not for longer."""
    made = yaml.safe_load(config.read_text())
    for route in (made["route"], *made["route"]["routes"]):
        route["group_wait"] = "1s"
    config.write_text(yaml.safe_dump(made))
    return config


@pytest.mark.servers
def test_what_silences_what(tmp_path: Path) -> None:
    """One alert of each kind is told of a model on which many fire, and those of another model are not touched."""
    expected = {
        ("ModelDriftWidespread", "ModelFeatureDrift", "ModelPredictionDrift"): {"ModelDriftWidespread"},
        ("PredictionExporterAbsent", "PredictionExporterDown", "ModelFeatureDrift"): {"PredictionExporterAbsent"},
        ("ModelFeatureMissing", "ModelDriftWidespread", "ModelFeatureDrift"): {"ModelFeatureMissing"},
        ("ModelAccuracyLow", "ModelPerformanceDegraded", "ModelLatencyHigh"): {"ModelAccuracyLow", "ModelLatencyHigh"},
        ("ModelPredictionDrift",): {"ModelPredictionDrift"},
    }
    with http_inbox() as inbox, alertmanager(tmp_path, at_once(local(tmp_path, inbox.address))) as address:
        for number, names in enumerate(expected):
            fire(address, *names, model_name=str(number))
        number = sum(len(told) for told in expected.values())
        messages = inbox.wait_for("/slack", number)
        time.sleep(1)
        assert len(inbox.of("/slack")) == number
    attachments = [message["attachments"][0] for message in messages]
    for number, told in enumerate(expected.values()):
        texts = [each["text"] for each in attachments if each["fields"][0]["value"] == str(number)]
        assert {text.split(" of ")[0] for text in texts} == told
    # And what a log may say calls nobody.
    assert all("of &lt;!channel&gt; &amp; co." in each["text"] for each in attachments)


@pytest.mark.servers
def test_a_critical_alert_also_goes_out_as_mail_and_as_an_event(tmp_path: Path) -> None:
    with (
        http_inbox() as inbox,
        smtp_inbox() as mails,
        alertmanager(tmp_path, at_once(local(tmp_path, inbox.address, mails.address))) as address,
    ):
        fire(address, "ModelFeatureAbsent")
        (event,) = inbox.wait_for("/pager", 1)
        (mail,) = mails.wait_for("mail", 1)
        (message,) = inbox.wait_for("/slack", 1)
    assert message["channel"] == "#ml-alerts-critical"
    assert message["attachments"][0]["color"] == "#f44336"
    assert (event["event_action"], event["routing_key"]) == ("trigger", "key")
    assert event["payload"]["summary"] == "CRITICAL: credit in prod: It is."
    assert event["payload"]["severity"] == "critical"
    assert str(event["payload"]["custom_details"]["value"]) == "1"
    assert b"Subject: CRITICAL: credit in prod: It is." in mail
    assert b"ModelFeatureAbsent of &lt;!channel&gt; &amp; co." in mail.replace(b"=\r\n", b"")
