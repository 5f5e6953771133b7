"""The rules and the Alertmanager configuration in a hurry: every time is divided, so that an incident takes minutes.

What is divided is how long an alert waits and is kept, how often rules are evaluated, all durations in PromQL, and the
windows that series are named by (`window="1h"`): so the sidecar's `windows` are to be divided alike. Names of recorded
series stay, and so does what messages say in words. Counts and rates that a rule asks for stay too: where it wants
500 requests in five minutes it says so many a second, and of these five hurried minutes hold fewer.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import yaml

from alerts.alert import Alert
from alerts.alertmanager_config import SOURCE
from alerts.rules import Group, Recording, RuleFile
from exporter.units import Duration

# In PromQL only: a range, an offset, or the value of a label. Of a recorded name it would follow a letter.
DURATION = re.compile(r"(?<![\w.])(?:[0-9]+(?:ms|[smhdw]))+(?!\w)")
# What texts look up is between these; the rest is for people.
LOOKED_UP = re.compile(r"{{.*?}}")
# As scrapes do in a hurry; more often, a busy machine would miss evaluations.
LEAST_INTERVAL = Duration.parse("1s")
TIMES_OF_ROUTES = ("group_wait", "group_interval", "repeat_interval")


def hurried(file: RuleFile, factor: int) -> RuleFile:
    """Return the same rules with all times divided by a factor."""
    return replace(file, groups=tuple(_group(group, factor) for group in file.groups))


def hurried_alertmanager(factor: int) -> str:
    """Return the shipped configuration of Alertmanager, as YAML, with the times of its routes divided."""
    made = yaml.safe_load(SOURCE.read_text())
    _hurry_route(made["route"], factor)
    return yaml.safe_dump(made, sort_keys=False, width=1000, allow_unicode=True)


def expression(promql: str, factor: int) -> str:
    """Return an expression with every duration in it divided.

    >>> expression('rate(x_total{window="1h"}[5m] offset 1d) > slo:x:rate5m', 60)
    'rate(x_total{window="1m"}[5s] offset 24m) > slo:x:rate5m'
    """
    return DURATION.sub(lambda found: Duration.parse(found[0]).divided(factor), promql)


def _group(group: Group, factor: int) -> Group:
    interval = max(Duration.parse(group.interval).divided(factor), LEAST_INTERVAL, key=lambda each: each.seconds)
    # What is new since the evaluation before is asked of that evaluation's time, also where it cannot be as soon.
    before, now = f" offset {group.interval}", f" offset {interval}"
    asked = (now.join(expression(part, factor) for part in rule.expression.split(before)) for rule in group.rules)
    rules = tuple(_rule(rule, promql, factor) for rule, promql in zip(group.rules, asked, strict=True))
    return replace(group, interval=interval, rules=rules)


def _rule(rule: Recording | Alert, asked: str, factor: int) -> Recording | Alert:
    if isinstance(rule, Recording):
        return replace(rule, expression=asked)
    return replace(
        rule,
        expression=asked,
        pending=Duration.parse(rule.pending).divided(factor),
        keep_firing_for=Duration.parse(rule.keep_firing_for).divided(factor) if rule.keep_firing_for else "",
        **{part: _text(getattr(rule, part), factor) for part in ("says", "first", "value", "limit")},
    )


def _text(template: str, factor: int) -> str:
    return LOOKED_UP.sub(lambda found: expression(found[0], factor), template)


def _hurry_route(route: dict[str, Any], factor: int) -> None:
    for name in TIMES_OF_ROUTES:
        if name in route:
            route[name] = str(Duration.parse(route[name]).divided(factor))
    for each in route.get("routes", ()):
        _hurry_route(each, factor)
