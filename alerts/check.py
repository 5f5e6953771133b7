"""Mistakes in rule files, each as one line: FILE:LINE: RULE: KEY: what is wrong; what was expected."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from re import fullmatch
from typing import Any

import yaml

from alerts.links import GRAFANA, RUNBOOKS
from alerts.rule_files import FOLDER, RECORDED, Group, Rule, RuleFile
from exporter.units import Duration

KIND = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule"}
GROUP_KEYS = ("name", "interval", "limit", "rules")
RECORDING_KEYS = ("record", "expr")
ALERT_KEYS = ("alert", "expr", "for", "labels", "annotations")
SEVERITIES = ("critical", "warning", "info")
# For the retrain trigger: start a training, or delay it.
ACTIONS = ("retrain", "hold")
ANNOTATIONS = ("summary", "description", "runbook_url", "dashboard_url")
# The routes and inhibitions of Alertmanager concern alerts with this label only.
RULESET = "prediction-exporter"
ALERT_NAME = r"(Model|PredictionExporter)([A-Z][a-z]+)+"

# The path of a key, joined with dots, and what is wrong with its value.
Found = Iterator[tuple[str, str]]


def mistakes(files: Sequence[RuleFile], parse: Callable[[str], object] | None = None) -> list[str]:
    """Return all mistakes, sorted by file and line. `parse` raises ValueError if an expression is not PromQL."""
    found = {file.name: [*_object(file)] for file in files}
    whole = [file for file in files if not found[file.name]]
    names = Counter(_name(rule) for file in whole for group in file.groups for rule in group["rules"])
    known = _Known(names, {file.name for file in files}, complete=len(whole) == len(files))
    for file in whole:
        for position, group in enumerate(file.groups):
            place = ("spec", "groups", position)
            found[file.name] += [_line(file, place, group["name"], *each) for each in _group(group)]
            for number, rule in enumerate(group["rules"]):
                later = {_name(other) for other in group["rules"][number:] if "record" in other}
                checks = [*_rule(rule, known, later), *_expression(rule, parse)]
                place_of_rule = (*place, "rules", number)
                found[file.name] += [_line(file, place_of_rule, _name(rule), *each) for each in checks]
    return [line for lines in found.values() for line in sorted(lines, key=lambda line: int(line.split(":")[1]))]


@dataclass(frozen=True)
class _Known:
    """The number of rules with each name, the names of the files, and whether all files could be read."""

    names: Counter[str]
    files: set[str]
    complete: bool


def _name(rule: Rule) -> str:
    return str(rule.get("alert") or rule.get("record") or "rule")


def _line(file: RuleFile, place: Sequence[str | int], name: str, key: str, wrong: str) -> str:
    """Return the message for a mistake, with the line of the key, or of its parent if the key is missing."""
    node = yaml.compose(file.text, yaml.CSafeLoader)
    line = 0
    for step in (*place, *key.split(".")):
        if isinstance(node, yaml.SequenceNode):
            node = node.value[int(step)]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode):
            pairs = {found.value: (found, value) for found, value in node.value}
            if step not in pairs:
                break
            line = pairs[step][0].start_mark.line
            node = pairs[step][1]
    return f"alerts/{file.name}.yaml:{line + 1}: {name}: {key}: {wrong}"


def _object(file: RuleFile) -> Iterator[str]:
    """Yield the reasons why a file is not a PrometheusRule with groups of rules."""
    where = f"alerts/{file.name}.yaml"
    try:
        document = file.document
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        yield f"{where}:{line}: not YAML: {error.problem}"
        return
    if not isinstance(document, dict):
        yield f"{where}:1: expected a PrometheusRule object"
        return
    for key, value in KIND.items():
        if document.get(key) != value:
            yield f"{where}:1: {key}: expected {value}, got {document.get(key)!r}"
    name = f"prediction-exporter-{file.name}"
    if _mapping(document, "metadata").get("name") != name:
        yield f"{where}:1: metadata.name: expected {name}"
    groups = _mapping(document, "spec").get("groups")
    if not isinstance(groups, list) or "\nspec:\n" not in file.text:
        yield f"{where}:1: spec.groups: expected a list of groups"
        return
    for number, group in enumerate(groups, start=1):
        if not isinstance(group, dict) or group.keys() != {*GROUP_KEYS}:
            yield f"{where}:1: group {number}: expected the keys {', '.join(GROUP_KEYS)}"
        elif not isinstance(group["rules"], list) or not all(isinstance(rule, dict) for rule in group["rules"]):
            yield f"{where}:1: group {number}: rules: expected a list of rules"


def _group(group: Group) -> Found:
    yield from _duration(group, "interval")
    if not isinstance(group["limit"], int):
        yield "limit", f"expected a number of series, got {group['limit']!r}"


def _rule(rule: Rule, known: _Known, later: set[str]) -> Found:
    kind = "alert" if "alert" in rule else "record"
    if kind == "alert":
        yield from _keys(rule, ALERT_KEYS, "keep_firing_for")
        yield from _alert(rule, known)
    else:
        yield from _keys(rule, RECORDING_KEYS, "labels")
    if known.names[_name(rule)] > 1:
        yield kind, "another rule has the same name"
    texts = (rule.get("expr"), *_mapping(rule, "annotations").values())
    used = {name for text in texts for name in RECORDED.findall(str(text))}
    for series in sorted(used - known.names.keys()) if known.complete else ():
        yield "expr", f"no rule records {series}"
    for series in sorted(used & later):
        # A rule may read its own past.
        if series != _name(rule) or str(rule["expr"]).count(series) > str(rule["expr"]).count(f"over_time({series}["):
            yield "expr", f"{series} is recorded later in the same group; move that rule up"


def _keys(rule: Rule, required: Sequence[str], optional: str) -> Found:
    for key in required:
        if key not in rule:
            yield key, "missing"
    for key in sorted(rule.keys() - {*required, optional}):
        yield key, f"unknown key; expected {', '.join(required)} or {optional}"


def _alert(alert: Rule, known: _Known) -> Found:
    if not fullmatch(ALERT_NAME, _name(alert)):
        yield "alert", "expected a name such as ModelLatencyHigh or PredictionExporterDown"
    for key in ("for", "keep_firing_for"):
        if key in alert:
            yield from _duration(alert, key)
    yield from _labels(_mapping(alert, "labels"), known)
    yield from _annotations(_name(alert), _mapping(alert, "annotations"))


def _labels(labels: dict[str, Any], known: _Known) -> Found:
    if (severity := labels.get("severity")) not in SEVERITIES:
        yield "labels.severity", f"expected critical, warning or info, got {severity!r}"
    if (theme := labels.get("theme")) not in known.files:
        yield "labels.theme", f"expected the name of a rule file such as serving, got {theme!r}"
    if (ruleset := labels.get("ruleset")) != RULESET:
        yield "labels.ruleset", f"expected {RULESET}, got {ruleset!r}"
    if (action := labels.get("action", "hold")) not in ACTIONS:
        yield "labels.action", f"expected retrain or hold, got {action!r}"
    for label, value in labels.items():
        if not isinstance(value, str) or "{{" in value:
            yield f"labels.{label}", f"expected text without a template, got {value!r}"


def _annotations(name: str, annotations: dict[str, Any]) -> Found:
    for annotation in ANNOTATIONS:
        if annotation not in annotations:
            yield f"annotations.{annotation}", "missing"
    for annotation, text in annotations.items():
        if not isinstance(text, str):
            yield f"annotations.{annotation}", f'expected text, got {text!r}; put it in quotes: "{text}"'
    runbook, dashboard = f"{RUNBOOKS}/{name}.md", f"{GRAFANA}/d/prediction-exporter-"
    if annotations.get("runbook_url", runbook) != runbook:
        yield "annotations.runbook_url", f"expected {runbook}"
    elif not (FOLDER / "runbooks" / f"{name}.md").exists():
        yield "annotations.runbook_url", f"alerts/runbooks/{name}.md does not exist"
    if not str(annotations.get("dashboard_url", dashboard)).startswith(dashboard):
        yield "annotations.dashboard_url", f"expected {dashboard}..."


def _expression(rule: Rule, parse: Callable[[str], object] | None) -> Found:
    if parse and "expr" in rule:
        try:
            parse(str(rule["expr"]))
        except ValueError as error:
            yield "expr", f"not PromQL: {' '.join(str(error).split())}"


def _mapping(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _duration(parent: dict[str, Any], key: str) -> Found:
    try:
        Duration.parse(parent[key])
    except ValueError as error:
        yield key, str(error)
