"""`--speedup`: every duration is divided, and nothing else is changed."""

import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from click.testing import CliRunner

from alerts.__main__ import main
from alerts.rule_files import Rule
from alerts.speedup import SHORTEST_INTERVAL, speed_up
from exporter.derived.judged_outcomes import LATEST
from exporter.units import Duration
from tests.alerts.alertmanager import SHIPPED, routes
from tests.alerts.rule_files import FILES
from tests.servers import require

FACTOR = 60
FASTER = {file.name: yaml.safe_load(speed_up(file.plain(), FACTOR))["groups"] for file in FILES}
PAIRS = [
    (rule, faster_rule)
    for file in FILES
    for group, faster in zip(file.groups, FASTER[file.name], strict=True)
    for rule, faster_rule in zip(group["rules"], faster["rules"], strict=True)
]
ALERTS = [(rule, faster) for rule, faster in PAIRS if "alert" in rule]


def name(rule: Rule) -> str:
    return str(rule.get("alert") or rule["record"])


def times(node: Any) -> Iterator[timedelta]:
    """Return all durations of an expression, as another parser finds them."""
    for key in ("range", "offset", "step"):
        if isinstance(found := getattr(node, key, None), timedelta):
            yield found
    for key in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if (inner := getattr(node, key, None)) is not None:
            yield from times(inner)
    for argument in getattr(node, "args", None) or ():
        yield from times(argument)


def windows(text: str) -> list[str]:
    """Return the windows that have a duration."""
    found = [window for found in re.findall(r'window=~?"([^"]+)"', text) for window in found.split("|")]
    return [window for window in found if window != LATEST]


def seconds(duration: str) -> float:
    return Duration.parse(duration).seconds


def is_divided(rule: Rule, faster: Rule) -> bool:
    before, after = ([*times(promql.parse(each["expr"]))] for each in (rule, faster))
    millisecond = timedelta(milliseconds=1)
    return [each // millisecond for each in after] == [each // millisecond // FACTOR for each in before]


def has_divided_windows(before: str, after: str) -> bool:
    return [*map(seconds, windows(after))] == [seconds(each) / FACTOR for each in windows(before)]


def test_every_duration_of_an_expression_is_divided() -> None:
    assert len([*times(promql.parse('rate(a[5m]) + max_over_time(b{window="1h"}[1h:1m] offset 1d)'))]) == 4
    assert [name(rule) for rule, faster in PAIRS if not is_divided(rule, faster)] == []
    assert [name(rule) for rule, faster in PAIRS if not has_divided_windows(rule["expr"], faster["expr"])] == []


def test_names_are_as_they_were() -> None:
    names = re.compile(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+|model_[a-z0-9_]+")
    assert [name(rule) for rule, faster in PAIRS if name(rule) != name(faster)] == []
    changed = [rule for rule, faster in PAIRS if names.findall(rule["expr"]) != names.findall(faster["expr"])]
    assert [*map(name, changed)] == []


def test_an_alert_waits_for_less() -> None:
    for key in ("for", "keep_firing_for"):
        assert [name(rule) for rule, faster in ALERTS if (key in rule) != (key in faster)] == []
        pairs = [(rule, faster) for rule, faster in ALERTS if key in rule]
        assert [name(rule) for rule, faster in pairs if seconds(faster[key]) != seconds(rule[key]) / FACTOR] == []


def test_an_alert_says_the_same() -> None:
    assert [name(rule) for rule, faster in ALERTS if rule["labels"] != faster["labels"]] == []
    assert [name(rule) for rule, faster in ALERTS if rule["annotations"].keys() != faster["annotations"].keys()] == []
    looked_up = re.compile(r"{{.*?}}")
    texts = [
        (f"{name(rule)} {key}", text, faster["annotations"][key])
        for rule, faster in ALERTS
        for key, text in rule["annotations"].items()
    ]
    assert [which for which, text, faster in texts if looked_up.sub("", text) != looked_up.sub("", faster)] == []
    assert [which for which, text, faster in texts if not has_divided_windows(text, faster)] == []


def test_all_windows_are_those_that_a_sidecar_is_told_of() -> None:
    found = {window for _, faster in PAIRS for window in windows(faster["expr"])}
    assert found == {Duration.parse(window).divided(FACTOR) for window in ("5m", "1h", "24h")} == {"5s", "1m", "24m"}


def test_for_the_operator_the_same_rules_are_sped_up() -> None:
    assert {file.name: yaml.safe_load(speed_up(file.text, FACTOR))["spec"]["groups"] for file in FILES} == FASTER


@pytest.mark.servers
def test_what_is_written_is_what_prometheus_and_alertmanager_take(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path), "--speedup", str(FACTOR)]).exit_code == 0
    files = sorted(tmp_path.glob("*.yaml"))
    assert len(files) == len(FILES)
    command = [require("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    assert min(seconds(group["interval"]) for group in groups) == SHORTEST_INTERVAL.seconds
    made = tmp_path / "alertmanager" / "alertmanager.yml"
    done = subprocess.run([require("amtool"), "check-config", made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_tells_the_same_people_sooner(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path), "--speedup", str(FACTOR)]).exit_code == 0
    made = yaml.safe_load((tmp_path / "alertmanager" / "alertmanager.yml").read_text())
    shipped = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    all_of = (routes(each["route"]) for each in (made, shipped))
    for faster, route in zip(*all_of, strict=True):
        for key in ("group_wait", "group_interval", "repeat_interval"):
            assert (key in faster) == (key in route)
            if key in route:
                assert seconds(faster.pop(key)) == pytest.approx(seconds(route.pop(key)) / FACTOR, abs=0.001)
    assert made == shipped


def test_without_a_speedup_alertmanager_s_configuration_is_the_one_that_is_there(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path)]).exit_code == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".yaml"}


@pytest.mark.parametrize("factor", ["7", "0", "-60"])
def test_an_hour_is_divided_into_whole_seconds(factor: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--speedup", factor])
    assert done.exit_code == 2
    assert f"expected a divisor of 3600 such as 60, got {factor}" in done.output
