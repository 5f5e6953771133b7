"""The Alertmanager configuration: who is told of what, what silences what, and how it reads to `amtool`."""

import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from alerts.alertmanager_config import alertmanager_config
from tests.alerts.alertmanager import SHIPPED, alertmanager, http_inbox, local, routes, smtp_inbox
from tests.alerts.rule_files import ALERTS
from tests.alerts.test_alerts import CASES, expected
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
    # The first receiver is for alerts of other rules.
    assert [receiver["name"] for receiver in made["receivers"]] == [one["name"] for one in shipped["receivers"][1:]]
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
            "annotations": {"summary": "It is.", "description": f"{name} of <!channel> & co."},
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
    for route in routes(made["route"]):
        route["group_wait"] = "1s"
    config.write_text(yaml.safe_dump(made))
    return config


@pytest.mark.servers
def test_what_silences_what(tmp_path: Path) -> None:
    """One alert of each kind is told of a model on which many fire, and those of another model are not touched."""
    expected = {
        ("ModelDriftWidespread", "ModelFeatureDrift", "ModelPredictionDrift"): {"ModelDriftWidespread"},
        ("PredictionExporterAbsent", "PredictionExporterDown", "ModelFeatureDrift"): {"PredictionExporterAbsent"},
        ("PredictionExporterAllDown", "ModelErrorRatioHigh"): {"PredictionExporterAllDown"},
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
        texts = [each["text"] for each in attachments if f": {number} version 3 in prod: " in each["title"]]
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
    assert event["payload"]["summary"] == "CRITICAL: ModelFeatureAbsent: credit version 3 in prod: It is."
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["custom_details"]["text"] == "ModelFeatureAbsent of <!channel> & co."
    assert b"Subject: CRITICAL: ModelFeatureAbsent: credit version 3 in prod: It is." in mail
    assert b"ModelFeatureAbsent of &lt;!channel&gt; &amp; co." in mail.replace(b"=\r\n", b"")


@pytest.mark.servers
def test_alerts_of_other_rules_are_neither_sent_nor_suppressed_and_suppress_nothing(tmp_path: Path) -> None:
    theirs = [
        {**MODEL, "alertname": name, "severity": severity, "theme": theme}
        for name, severity, theme in (
            ("PostgresDown", "critical", "serving"),
            ("PostgresSlow", "warning", "serving"),
            ("PredictionExporterAbsent", "critical", "sidecar"),
            ("ModelPredictionDrift", "warning", "drift"),
        )
    ]
    with http_inbox() as inbox, alertmanager(tmp_path, at_once(local(tmp_path, inbox.address))) as address:
        post(f"http://{address}/api/v2/alerts", [{"labels": labels} for labels in theirs])
        fire(address, "ModelFeatureDrift", "ModelLatencyHigh")
        titles = [message["attachments"][0]["title"] for message in inbox.wait_for("/slack", 2)]
        time.sleep(1)
        with urllib.request.urlopen(f"http://{address}/api/v2/alerts", timeout=DEADLINE_SECONDS) as response:
            found = json.load(response)
    assert len(inbox.received) == 2
    assert {title.split(": ")[1] for title in titles} == {"ModelFeatureDrift", "ModelLatencyHigh"}
    assert len(found) == len(theirs) + 2
    assert [alert["labels"] for alert in found if alert["status"]["state"] != "active"] == []
    of_others = [alert for alert in found if "ruleset" not in alert["labels"]]
    assert [[receiver["name"] for receiver in alert["receivers"]] for alert in of_others] == [["others"]] * len(theirs)


@pytest.mark.servers
def test_every_message_says_what_happens_where_and_links_once_to_the_dashboard(tmp_path: Path) -> None:
    """The texts are those of `test_alerts`. Each alert has a namespace of its own, so that none suppresses another."""
    sent = [case for case in CASES if case.alert != "ModelFeatureDriftModerate"]
    with http_inbox() as inbox, alertmanager(tmp_path, at_once(local(tmp_path, inbox.address))) as address:
        for case in CASES:
            alert = expected(case)
            labels = {**alert["exp_labels"], "alertname": case.alert, "cluster": "eu-1"}
            post(f"http://{address}/api/v2/alerts", [{"labels": labels, "annotations": alert["exp_annotations"]}])
        messages = inbox.wait_for("/slack", len(sent))
    attachments = {
        attachment["title"].split(": ")[1]: attachment for message in messages for attachment in message["attachments"]
    }
    assert attachments.keys() == {case.alert for case in sent}
    for case in sent:
        attachment = attachments[case.alert]
        subject = case.labels.get("model_name", case.labels.get("job", ""))
        version = f" version {case.labels['model_version']}" if "model_version" in case.labels else ""
        severity = ALERTS[case.alert]["labels"]["severity"].upper()
        place = f"{subject}{version} in {case.alert}, cluster eu-1"
        assert attachment["title"] == f"{severity}: {case.alert}: {place}: {case.summary}"
        description, since = attachment["text"].split("\n")
        assert description == case.says
        assert re.fullmatch(
            r"Since .* UTC \(<!date\^\d+\^\{date_short_pretty\} at \{time\} in your time zone\|UTC>\)\.", since
        )
        assert [action["text"] for action in attachment["actions"]] == ["Dashboard", "Runbook", "Silence"]
        assert not {"fields", "title_link"} & attachment.keys()
