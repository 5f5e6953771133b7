"""Panels and the alerts that are about what they show: each leads to the other."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from alerts.__main__ import FILES
from alerts.__main__ import main as write_rules
from alerts.alert import RUNBOOKS, Links
from dashboards.__main__ import main
from dashboards.alerting import ALERTS
from tests.dashboards.grafana import NAMES, panels, read

ROOT = Path(__file__).parent.parent.parent
ALL = {alert.name: alert for file in FILES for group in file.groups for alert in group.alerts}
PAIRS = [(dashboard, title, name) for dashboard, of in ALERTS.items() for title, names in of.items() for name in names]


@pytest.mark.parametrize(("dashboard", "title", "name"), PAIRS)
def test_a_panel_leads_to_the_alert_s_runbook_and_rule(dashboard: str, title: str, name: str) -> None:
    shown = [panel for panel in panels(read(dashboard)) if panel["title"] == title]
    assert shown, "no such panel"
    assert name in ALL
    # The same address as the alert's own text has.
    runbook = ALL[name].annotations(Links())["runbook_url"]
    assert (ROOT / "alerts" / "runbooks" / runbook.removeprefix(f"{RUNBOOKS}/")).exists()
    for panel in shown:
        assert {runbook, f"/alerting/list?search=rule:{name}"} <= {link["url"] for link in panel["links"]}


@pytest.mark.parametrize("alert", ALL.values(), ids=ALL)
def test_an_alert_is_led_to_from_the_dashboard_that_it_opens(alert) -> None:
    assert alert.dashboard in NAMES
    linked = {name for dashboard, _, name in PAIRS if dashboard == alert.dashboard}
    assert alert.name in linked, "name it in dashboards/alerting.py"


@pytest.mark.parametrize("command", [main, write_rules])
@pytest.mark.parametrize("wrong", ["", "wiki.example.org", "https://", "https://wiki example.org", "file:///runbooks"])
def test_what_is_no_address_is_told_in_one_line(command: click.Command, wrong: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path / "out"), "--runbooks", wrong])
    assert done.exit_code == 2
    *_, said = done.output.splitlines()
    assert said == f"Error: Invalid value for '--runbooks': {wrong!r} is no address; expected is https://HOST/PATH"
    assert not (tmp_path / "out").exists()


def test_where_runbooks_are_can_be_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--runbooks", "https://wiki.example.org/runbooks/"])
    assert done.exit_code == 0
    for file in tmp_path.iterdir():
        assert RUNBOOKS not in file.read_text()
    assert '"https://wiki.example.org/runbooks/ModelLatencyHigh.md"' in (tmp_path / "model.json").read_text()
