"""Divide all durations in the rules and the Alertmanager configuration, so that an incident takes minutes.

These durations are divided:

- the intervals of groups, `for` and `keep_firing_for`;
- durations in PromQL, also in the queries of annotations;
- the windows that select series, such as `window="1h"`. Divide the sidecar's `windows` by the same factor.

The names of recorded series and the prose of annotations stay the same. So do counts and rates: a rule that needs 500
requests in five minutes compares with a rate per second, so it needs fewer requests in the shortened five minutes.
"""

import re
from typing import Any

import yaml

from alerts.rule_files import FOLDER, Group, Rule
from exporter.units import Duration

# In PromQL: a range, an offset or a label value. In the name of a recorded series, a letter comes before it.
DURATION = re.compile(r"(?<![\w.])(?:[0-9]+(?:ms|[smhdw]))+(?!\w)")
# Queries are inside the actions of a template. The rest is prose.
ACTION = re.compile(r"{{.*?}}")
# The shortest practical scrape interval. A busy machine would miss shorter ones.
SHORTEST_INTERVAL = Duration.parse("1s")
ROUTE_DURATIONS = ("group_wait", "group_interval", "repeat_interval")


class _Dumper(yaml.CSafeDumper):
    """Writes text with several lines as a block."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def speed_up(text: str, factor: int) -> str:
    """Return a rule file with all durations divided by a factor. It may be for Prometheus or for the operator."""
    document = yaml.load(text, yaml.CSafeLoader)
    content = document.get("spec", document)
    content["groups"] = [_group(group, factor) for group in content["groups"]]
    return _dump(document)


def alertmanager(factor: int) -> str:
    """Return the shipped Alertmanager configuration with the durations of its routes divided."""
    config = yaml.safe_load((FOLDER / "alertmanager" / "alertmanager.yml").read_text())
    _divide_route(config["route"], factor)
    return _dump(config)


def divide(promql: str, factor: int) -> str:
    """Return an expression with every duration in it divided.

    >>> divide('rate(x_total{window="1h"}[5m] offset 1d) > slo:x:rate5m', 60)
    'rate(x_total{window="1m"}[5s] offset 24m) > slo:x:rate5m'
    """
    return DURATION.sub(lambda found: _divided(found[0], factor), promql)


def _group(group: Group, factor: int) -> Group:
    interval = max(_divided(group["interval"], factor), SHORTEST_INTERVAL, key=lambda each: each.seconds)
    return {**group, "interval": str(interval), "rules": [_rule(rule, factor) for rule in group["rules"]]}


def _rule(rule: Rule, factor: int) -> Rule:
    faster = {**rule, "expr": divide(rule["expr"], factor)}
    for key in rule.keys() & {"for", "keep_firing_for"}:
        faster[key] = str(_divided(rule[key], factor))
    if "annotations" in rule:
        faster["annotations"] = {
            name: ACTION.sub(lambda found: divide(found[0], factor), text) for name, text in rule["annotations"].items()
        }
    return faster


def _divide_route(route: dict[str, Any], factor: int) -> None:
    for key in route.keys() & {*ROUTE_DURATIONS}:
        route[key] = str(_divided(route[key], factor))
    for child in route.get("routes", ()):
        _divide_route(child, factor)


def _divided(duration: str, factor: int) -> Duration:
    return Duration.parse(duration).divided(factor)


def _dump(document: Any) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
