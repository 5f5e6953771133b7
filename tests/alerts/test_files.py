"""The files of rules: for the operator as committed, for Prometheus as `python -m alerts` writes them."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from alerts import feature_drift
from alerts.__main__ import FILES, main
from alerts.alert import Links
from alerts.feature_series import EVERY, INCREMENTS
from alerts.rules import ALERT_INTERVAL, RuleFile
from tests.servers import require

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "alerts" / "README.md").read_text()
PODMONITOR = "deploy/kubernetes/monitoring/podmonitor.yaml"
RULES = [rule for file in FILES for group in file.groups for rule in group.recordings]

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def plain(file: RuleFile, folder: Path) -> Any:
    assert CliRunner().invoke(main, [str(folder)]).exit_code == 0
    return yaml.safe_load((folder / f"{file.name}.yaml").read_text())


@each_file
def test_what_is_committed_is_what_is_made(file: RuleFile, tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path), "--operator"]).exit_code == 0
    made = (tmp_path / f"{file.name}.yaml").read_text()
    assert (ROOT / "alerts" / f"{file.name}.yaml").read_text() == made, "run `make rules`"
    assert (ROOT / "alerts" / f"{file.module}.py").exists()


@each_file
def test_a_prometheus_rule_holds_the_plain_file_s_groups(file: RuleFile, tmp_path: Path) -> None:
    made = yaml.safe_load(file.prometheus_rule(Links()))
    assert (made["apiVersion"], made["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert re.fullmatch(r"[a-z0-9-]{1,63}", made["metadata"]["name"])
    assert made["spec"] == plain(file, tmp_path)
    for group in made["spec"]["groups"]:
        assert group.keys() == {"name", "interval", "limit", "rules"}
        for rule in group["rules"]:
            assert rule.keys() - {"keep_firing_for"} in (
                {"record", "expr"},
                {"alert", "expr", "for", "labels", "annotations"},
            )


@pytest.mark.servers
def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "alerts", tmp_path], check=True, cwd=ROOT)
    files = sorted(tmp_path.iterdir())
    assert len(files) == len(FILES)
    command = [require("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, [str(tmp_path / "file")])
    assert (done.exit_code, done.output) == (2, f"alerts: {tmp_path / 'file'}: File exists\n")


def test_a_series_is_recorded_once() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len({*names})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_named_by_level_metric_and_operations(rule: Any) -> None:
    level, metric, operations = rule.name.split(":")
    parts = "_feature(_bin|_edge|_check)?|_segment|_predicted_actual|_class|_check|_window|_metric|_le"
    of_version = rf"(instance_)?model_version({parts})*"
    assert re.fullmatch(rf"{of_version}|model(_slo)?|job_source|instance_source_reason|slo", level)
    assert re.fullmatch(r"(model|prediction_exporter)_[a-z0-9_]+|up", metric) or level.endswith("slo")
    windows = "5m|15m|30m|1h|24h|2h|6h|1d|3d|30d"
    known = r"count_(1h|24h)_ago|known1h|down|drifted|degraded|broken|max|sum|mean|increase|ratio(_of_pods)?"
    rates = rf"(avg_|p99_|ratio_)?rate({windows})|((sum|ratio)_)?increase({windows})(_offset1h)?|count({windows})"
    assert re.fullmatch(rf"{known}|{rates}|(excess_ratio|median)({windows})", operations)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_uses_what_is_recorded_before_it(rule: Any) -> None:
    recorded = {other.name for other in RULES}
    used = {*re.findall(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", rule.expression)}
    assert used <= recorded
    for group in (group for file in FILES for group in file.groups if rule in group.rules):
        names = [other.name for other in group.recordings]
        assert not used & {*names[names.index(rule.name) :]}


@pytest.mark.parametrize("name", re.findall(r"`([a-z_]+:[a-z0-9_]+:[a-z0-9_]+)`", README))
def test_a_rule_of_the_readme_is_there(name: str) -> None:
    assert name in {rule.name for rule in RULES}


def test_from_a_scrape_to_slack_are_at_most_thirty_seconds_besides_for() -> None:
    (endpoint,) = yaml.safe_load((ROOT / PODMONITOR).read_text())["spec"]["podMetricsEndpoints"]
    route = yaml.safe_load((ROOT / "alerts/alertmanager/alertmanager.yml").read_text())["route"]
    waits = [endpoint["interval"], ALERT_INTERVAL, route["group_wait"]]
    assert sum(int(wait.removesuffix("s")) for wait in waits) <= 30
    # What alerts on drift read is made in the same evaluation, or by the sidecar.
    for file in FILES:
        for group in file.groups:
            assert not [*group.alerts] or group.interval == ALERT_INTERVAL


def test_a_large_fleet_may_be_looked_at_less_often(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path), "--every", "1m"]).exit_code == 0
    group = yaml.safe_load((tmp_path / "feature-drift.yaml").read_text())["groups"][1]
    (increments,) = (rule["expr"] for rule in group["rules"] if rule.get("record") == INCREMENTS)
    assert group["interval"] == "1m"
    assert "offset 1m" in increments


@pytest.mark.parametrize("every", ["5m", "0s", "often"])
def test_what_is_looked_at_too_seldom_is_told_in_one_line(every: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--every", every])
    assert done.exit_code == 2
    assert done.output.splitlines()[-1].endswith(f"expected a duration from 1s to 2m such as 1m, got {every}")


def test_counts_are_taken_as_often_as_they_are_added_up() -> None:
    _, group, *_ = feature_drift.file().groups
    assert INCREMENTS in {rule.name for rule in group.recordings}
    assert group.interval == EVERY
    assert [rule.name for rule in group.alerts] == ["ModelFeatureDrift", "ModelDriftWidespread"]
