"""`--check`: the shipped rules have no mistakes, and each mistake is one line with file, line, rule and key."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import promql_parser
import pytest
from click.testing import CliRunner

from alerts import rule_files
from alerts.__main__ import main
from alerts.check import mistakes
from alerts.rule_files import RuleFile
from tests.alerts.rule_files import ALERTS, FILES

LATENCY = "        - alert: ModelLatencyHigh\n"
RUNBOOKS = "https://github.com/prediction-exporter/prediction-exporter/blob/main/alerts/runbooks"


def changed(before: str, after: str, *, since: str = "") -> list[RuleFile]:
    """Return all files after a change of serving.yaml, at the first place after `since`."""
    (file,) = (file for file in FILES if file.name == "serving")
    head, mark, text = file.text.partition(since) if since else ("", "", file.text)
    assert before in text
    broken = replace(file, text=head + mark + text.replace(before, after, 1))
    return [broken if file.name == "serving" else file for file in FILES]


def found(files: Sequence[RuleFile]) -> list[tuple[str, str]]:
    """Return the line that each mistake names, and what is said of it."""
    (lines,) = (file.text.splitlines() for file in files if file.name == "serving")
    said = [re.fullmatch(r"alerts/serving\.yaml:(\d+): (.*)", line) for line in mistakes(files, promql_parser.parse)]
    return [(lines[int(each[1]) - 1].strip(), each[2]) for each in said]


def test_the_shipped_rules_have_no_mistakes() -> None:
    done = CliRunner().invoke(main, ["--check"])
    assert (done.exit_code, done.output) == (0, f"{len(FILES)} files, {len(ALERTS)} alerts: no mistakes\n")


@pytest.mark.parametrize(
    ("before", "after", "key", "said"),
    [
        ("for: 5m", "for: 5 minutes", "for", "expected a duration such as 30s, 5m or 24h, got '5 minutes'"),
        ("keep_firing_for: 5m", "keep_firing_for: 5", "keep_firing_for", "expected a duration such as 30s, .*, got 5"),
        ("severity: warning", "severity: warn", "labels.severity", "expected critical, warning or info, got 'warn'"),
        ("theme: serving", "theme: service", "labels.theme", "expected the name of a rule file .*, got 'service'"),
        ("theme: serving", "theme: serving\n            action: go", "labels.action", "expected retrain or hold, .*"),
        ("theme: serving", "theme: serving\n            at: '{{ $value }}'", "labels.at", "expected text without .*"),
        ("ruleset: prediction-exporter", "ruleset: ours", "labels.ruleset", "expected prediction-exporter, got 'ours'"),
        (
            "annotations:\n",
            "annotations:\n            at: 5\n",
            "annotations.at",
            "expected text, got 5; put it in quotes.*",
        ),
        (f"runbook_url: {RUNBOOKS}", "runbook_url: /", "annotations.runbook_url", f"expected {RUNBOOKS}/Mod.*High.md"),
        ("dashboard_url: http://local", "dashboard_url: http://", "annotations.dashboard_url", "expected http://loc.*"),
        ("> on (", "> no (", "expr", "not PromQL: .*"),
        ("seconds:p99_rate5m\n", "seconds:p99\n", "expr", "no rule records model_version:model_.*_seconds:p99"),
    ],
)
def test_a_mistake_is_told_by_line_rule_and_key(before: str, after: str, key: str, said: str) -> None:
    ((line, told),) = found(changed(before, after, since=LATENCY))
    assert line.startswith(f"{key.rpartition('.')[2]}:")
    assert re.fullmatch(rf"ModelLatencyHigh: {re.escape(key)}: {said}", told)


def test_mistakes_are_in_the_order_of_lines() -> None:
    files = changed("for: 5m", "fore: 5m", since=LATENCY)
    files = [replace(file, text=file.text.replace("severity: info", "severity: none")) for file in files]
    lines = [re.fullmatch(r"alerts/([a-z-]+)\.yaml:(\d+): .*", line).groups() for line in mistakes(files)]
    places = [(name, int(number)) for name, number in lines]
    assert len({name for name, _ in places}) > 1
    assert [place for name in dict(places) for place in sorted(places) if place[0] == name] == places


def test_names_are_given_once_and_are_those_of_runbooks() -> None:
    copied = changed("ModelErrorRatioHigh", "ModelLatencyHigh")
    same = ("- alert: ModelLatencyHigh", "ModelLatencyHigh: alert: another rule has the same name")
    own = f"annotations.runbook_url: expected {RUNBOOKS}/ModelLatencyHigh.md"
    address = (f"runbook_url: {RUNBOOKS}/ModelErrorRatioHigh.md", f"ModelLatencyHigh: {own}")
    assert found(copied) == [same, same, address]
    odd = found(changed("ModelLatencyHigh", "latency"))[0]
    assert odd == (
        "- alert: latency",
        "latency: alert: expected a name such as ModelLatencyHigh or PredictionExporterDown",
    )


def test_what_is_missing_or_unknown_is_told() -> None:
    alert = "- alert: ModelLatencyHigh"
    known = "expected alert, expr, for, labels, annotations or keep_firing_for"
    assert found(changed("for: 5m", "four: 5m", since=LATENCY)) == [
        (alert, "ModelLatencyHigh: for: missing"),
        ("four: 5m", f"ModelLatencyHigh: four: unknown key; {known}"),
    ]
    runbook = f"            runbook_url: {RUNBOOKS}/ModelLatencyHigh.md\n"
    assert found(changed(runbook, "", since=LATENCY)) == [
        ("annotations:", "ModelLatencyHigh: annotations.runbook_url: missing")
    ]
    assert found(changed("theme: serving\n", "team: ml\n", since=LATENCY)) == [
        ("labels:", "ModelLatencyHigh: labels.theme: expected the name of a rule file such as serving, got None")
    ]


def test_an_alert_without_a_runbook_is_told() -> None:
    files = changed("ModelLatencyHigh.md", "ModelSlow.md", since=LATENCY)
    files = [replace(file, text=file.text.replace("alert: ModelLatencyHigh", "alert: ModelSlow")) for file in files]
    (line, said), *others = found(files)
    assert line.startswith("runbook_url: ")
    assert (said, others) == ("ModelSlow: annotations.runbook_url: alerts/runbooks/ModelSlow.md does not exist", [])


def test_a_rule_that_reads_what_is_recorded_later_is_told() -> None:
    later, own = "model:model_requests:avg_rate1h", "model:model_requests:avg_rate15m"
    read = "avg_over_time(model:model_requests:rate5m[15m])"
    assert found(changed(read, f"{read} or last_over_time({own}[10m])")) == []
    for name in (later, own):
        move = f"{own}: expr: {name} is recorded later in the same group; move that rule up"
        assert found(changed(read, f"{read} + {name}")) == [("expr: |", move)]


def test_a_file_of_another_shape_is_told() -> None:
    wrong = [
        ("kind: PrometheusRule", "kind: Rule", "kind: expected PrometheusRule, got 'Rule'"),
        (
            "  name: prediction-exporter-serving",
            "  name: serving",
            "metadata.name: expected prediction-exporter-serving",
        ),
        ("      limit: 50000\n", "", "group 1: expected the keys name, interval, limit, rules"),
        ("      interval: 30s\n", "      interval: often\n", "model-serving: interval: expected a duration such as"),
        ("spec:\n", "specification:\n", "spec.groups: expected a list of groups"),
        ("          expr: |\n", "          expr: |\n        - [\n", "not YAML: "),
    ]
    for before, after, said in wrong:
        ((_, told),) = found(changed(before, after))
        assert told.startswith(said)
    (broken,) = (replace(file, text="rules") for file in FILES if file.name == "serving")
    assert mistakes([broken]) == ["alerts/serving.yaml:1: expected a PrometheusRule object"]


@pytest.mark.parametrize("arguments", [["--check"], ["OUT"], ["OUT", "--speedup", "60"]])
def test_with_a_mistake_nothing_is_written(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_files, "load", lambda: changed("for: 5m", "for: soon", since=LATENCY))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert re.fullmatch(
        r"alerts/serving.yaml:\d+: ModelLatencyHigh: for: expected a duration .*, got 'soon'\n", done.stderr
    )
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("arguments", [[], ["OUT", "--check"]])
def test_a_folder_or_check_is_given(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] == "Error: expected either a folder OUT or --check"
