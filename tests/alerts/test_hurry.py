"""The rules in a hurry: every time is divided, and nothing else is changed."""

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

from alerts import feature_drift
from alerts.__main__ import FILES, main
from alerts.alert import Alert, Links
from alerts.feature_series import EVERY, INCREMENTS
from alerts.hurry import LEAST_INTERVAL, hurried
from exporter.units import Duration
from tests.alerts.alertmanager import SHIPPED
from tests.servers import require

FACTOR = 60
PAIRS = [
    (rule, quick)
    for file in FILES
    for group, faster in zip(file.groups, hurried(file, FACTOR).groups, strict=True)
    for rule, quick in zip(group.rules, faster.rules, strict=True)
]
each_pair = pytest.mark.parametrize(("rule", "quick"), PAIRS, ids=[rule.name for rule, _ in PAIRS])


def times(node: Any) -> Iterator[timedelta]:
    """Return all durations of an expression, as another parser finds them."""
    for name in ("range", "offset", "step"):
        if isinstance(found := getattr(node, name, None), timedelta):
            yield found
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if (inner := getattr(node, name, None)) is not None:
            yield from times(inner)
    for argument in getattr(node, "args", None) or ():
        yield from times(argument)


def windows(text: str) -> list[str]:
    return [window for found in re.findall(r'window=~?"([^"]+)"', text) for window in found.split("|")]


def seconds(duration: str) -> float:
    return Duration.parse(duration).seconds


@each_pair
def test_every_duration_of_an_expression_is_divided(rule: Any, quick: Any) -> None:
    before, after = ([*times(promql.parse(each.expression))] for each in (rule, quick))
    if rule.name == INCREMENTS:
        before = [each for each in before if each != timedelta(seconds=seconds(EVERY))]
        after = [each for each in after if each != timedelta(seconds=LEAST_INTERVAL.seconds)]
    millisecond = timedelta(milliseconds=1)
    assert [each // millisecond for each in after] == [each // millisecond // FACTOR for each in before]
    assert [*map(seconds, windows(quick.expression))] == [seconds(each) / FACTOR for each in windows(rule.expression)]


@pytest.mark.parametrize("factor", [1, 10, 60, 100])
def test_what_is_new_is_counted_as_often_as_it_is_asked_for(factor: int) -> None:
    group = hurried(feature_drift.file(), factor).groups[1]
    (increments,) = (rule for rule in group.recordings if rule.name == INCREMENTS)
    assert f"offset {group.interval}" in increments.expression


@each_pair
def test_names_are_as_they_were(rule: Any, quick: Any) -> None:
    names = r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+|model_[a-z0-9_]+"
    assert rule.name == quick.name
    assert re.findall(names, rule.expression) == re.findall(names, quick.expression)


@each_pair
def test_an_alert_waits_for_less_and_says_the_same(rule: Any, quick: Any) -> None:
    if not isinstance(rule, Alert):
        return
    assert seconds(quick.pending) == seconds(rule.pending) / FACTOR
    assert bool(quick.keep_firing_for) == bool(rule.keep_firing_for)
    before, after = rule.annotations(Links()), quick.annotations(Links())
    assert before.keys() == after.keys()
    looked_up = re.compile(r"{{.*?}}")
    for name, text in before.items():
        assert looked_up.sub("", text) == looked_up.sub("", after[name])
        assert [*map(seconds, windows(after[name]))] == [seconds(each) / FACTOR for each in windows(text)]


def test_all_windows_are_those_that_a_sidecar_is_told_of() -> None:
    found = {window for _, quick in PAIRS for window in windows(quick.expression)}
    assert found == {Duration.parse(window).divided(FACTOR) for window in ("5m", "1h", "24h")} == {"5s", "1m", "24m"}


@pytest.mark.servers
def test_what_is_written_is_what_prometheus_and_alertmanager_take(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path), "--hurry", str(FACTOR)]).exit_code == 0
    files = sorted(tmp_path.glob("*.yaml"))
    assert len(files) == len(FILES)
    command = [require("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    assert min(seconds(group["interval"]) for group in groups) == LEAST_INTERVAL.seconds
    made = tmp_path / "alertmanager" / "alertmanager.yml"
    done = subprocess.run([require("amtool"), "check-config", made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_tells_the_same_people_sooner(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path), "--hurry", str(FACTOR)]).exit_code == 0
    made = yaml.safe_load((tmp_path / "alertmanager" / "alertmanager.yml").read_text())
    shipped = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    all_of = ((each["route"], *each["route"]["routes"]) for each in (made, shipped))
    for quick, route in zip(*all_of, strict=True):
        for name in ("group_wait", "group_interval", "repeat_interval"):
            assert (name in quick) == (name in route)
            if name in route:
                assert seconds(quick.pop(name)) == pytest.approx(seconds(route.pop(name)) / FACTOR, abs=0.001)
    assert made == shipped


def test_without_a_hurry_alertmanager_s_configuration_is_the_one_that_is_there(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path)]).exit_code == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".yaml"}


@pytest.mark.parametrize("factor", ["7", "0", "-60"])
def test_an_hour_is_divided_into_whole_seconds(factor: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--hurry", factor])
    assert done.exit_code == 2
    assert f"expected a divisor of 3600 such as 60, got {factor}" in done.output
