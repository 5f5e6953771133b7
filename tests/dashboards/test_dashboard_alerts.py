"""Panels and the alerts that are about what they show: each leads to the other."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from alerts.__main__ import main as write_rules
from alerts.links import RUNBOOKS
from alerts.rule_files import alerts, load
from dashboards import alerting
from dashboards.__main__ import main
from dashboards.alerting import ALERTS
from tests.dashboards.grafana import NAMES, panels, read

ROOT = Path(__file__).parent.parent.parent
ALL = alerts(load())
# A dashboard, a panel's title and an alert.
PLACES = [(dashboard, title, name) for dashboard, of in ALERTS.items() for title, names in of.items() for name in names]


def urls(dashboard: str, title: str) -> list[set[str]]:
    """Return the addresses that each panel of a title leads to."""
    shown = [panel for panel in panels(read(dashboard)) if panel["title"] == title]
    return [{link["url"] for link in panel.get("links", ())} for panel in shown]


def runbook(name: str) -> str:
    """Return the address that the alert's own text has."""
    return str(ALL[name]["annotations"]["runbook_url"])


def opened_by(name: str) -> str:
    """Return the dashboard that an alert's own text leads to."""
    return str(ALL[name]["annotations"]["dashboard_url"].split("?")[0].rpartition("prediction-exporter-")[2])


def test_panels_lead_to_their_alerts_runbooks_and_rules() -> None:
    assert [place for place in PLACES if not urls(*place[:2])] == [], "no such panel"
    assert {name for *_, name in PLACES} - ALL.keys() == set()
    wanted = {place: {runbook(place[2]), f"/alerting/list?search=rule:{place[2]}"} for place in PLACES}
    assert [place for place, links in wanted.items() if not all(links <= found for found in urls(*place[:2]))] == []
    files = {runbook(name).removeprefix(f"{RUNBOOKS}/") for *_, name in PLACES}
    assert [file for file in files if not (ROOT / "alerts" / "runbooks" / file).exists()] == []


def test_every_alert_belongs_to_a_panel_and_a_critical_one_to_fleet_too() -> None:
    assert ALL.keys() - {name for *_, name in PLACES} == set()
    on_fleet = {name for names in ALERTS["fleet"].values() for name in names}
    assert {name for name, rule in ALL.items() if rule["labels"]["severity"] == "critical"} <= on_fleet


def test_an_alert_is_led_to_from_the_dashboard_that_it_opens() -> None:
    assert {opened_by(name) for name in ALL} - {*NAMES} == set()
    text = {name: json.dumps(read(name)) for name in NAMES}
    assert [name for name in ALL if f'"{runbook(name)}"' not in text[opened_by(name)]] == []


def test_an_alert_that_no_panel_names_is_linked_beside_the_title(monkeypatch: pytest.MonkeyPatch) -> None:
    of_model = {"annotations": {"dashboard_url": "http://localhost:3000/d/prediction-exporter-model?var-model_name=x"}}
    monkeypatch.setattr(alerting, "_alerts", lambda: {"ModelNew": of_model, "ModelLatencyHigh": of_model})
    (link,) = (link.to_json_data() for link in alerting.of_dashboard("model", "https://wiki"))
    assert (link["type"], link["title"], link["url"]) == ("link", "ModelNew: what to do", "https://wiki/ModelNew.md")
    assert [*alerting.of_dashboard("fleet", "https://wiki")] == []


@pytest.mark.parametrize("command", [main, write_rules])
@pytest.mark.parametrize("wrong", ["", "wiki.example.org", "https://", "https://wiki example.org", "file:///runbooks"])
def test_what_is_no_address_is_told_in_one_line(command: click.Command, wrong: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path / "out"), "--runbooks", wrong])
    assert done.exit_code == 2
    *_, said = done.output.splitlines()
    assert said == f"Error: Invalid value for '--runbooks': {wrong!r} is not a URL; expected https://HOST/PATH"
    assert not (tmp_path / "out").exists()


def test_where_runbooks_are_can_be_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--runbooks", "https://wiki.example.org/runbooks/"])
    assert done.exit_code == 0
    for file in tmp_path.iterdir():
        assert RUNBOOKS not in file.read_text()
    assert '"https://wiki.example.org/runbooks/ModelLatencyHigh.md"' in (tmp_path / "model.json").read_text()
