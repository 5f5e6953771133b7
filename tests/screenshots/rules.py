"""The rules of alerts/ over a history, as Prometheus would have evaluated them at each minute of it.

promtool fills in recordings alone, and none that need each other. Here a rule is asked for the whole range once all
that it names is recorded, and an alert fires once it has been true for as long as its `for` says.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from exporter.units import Duration
from tests.dashboards.asked import Asked
from tests.screenshots.history import SCRAPE_SECONDS, Blocks
from tests.servers import prometheus

Rule = Mapping[str, Any]
RECORDED = re.compile(r"[a-zA-Z_]\w*(?::\w+)+")


def evaluate(folder: Path, end: int, span: int) -> None:
    """Add what the rules record, and `ALERTS`, to `folder`/tsdb."""
    subprocess.run([sys.executable, "-m", "alerts", folder / "rules"], check=True)
    rules = [
        rule
        for file in sorted((folder / "rules").iterdir())
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]
    for number, layer in enumerate(layers(rules)):
        with Blocks(folder, f"rules-{number}") as blocks, prometheus(folder) as server:
            asked = Asked(server.address, end, span, SCRAPE_SECONDS)
            for rule in layer:
                _evaluate(rule, asked, blocks)


def layers(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Yield rules in the order in which they can be evaluated: first those that need no other.

    Rules that need their own earlier values are evaluated without them.
    """
    left = [*rules]
    while left:
        needs = {rule["record"]: {*RECORDED.findall(rule["expr"])} for rule in left if "record" in rule}
        layer = [rule for rule in left if not needs.keys() & {*RECORDED.findall(rule["expr"])} - {rule.get("record")}]
        layer = layer or [next(rule for rule in left if rule.get("record") in _needed(rule, needs))]
        yield layer
        left = [rule for rule in left if rule not in layer]


def _needed(rule: Rule, needs: Mapping[str, set[str]]) -> set[str]:
    """Return everything that a rule needs, also of the rules that it needs."""
    found: set[str] = set()
    new = {*RECORDED.findall(rule["expr"])}
    while new:
        found |= new
        new = {name for each in new for name in needs.get(each, ())} - found
    return found


def _evaluate(rule: Rule, asked: Asked, blocks: Blocks) -> None:
    found = asked.result(rule["expr"], instant=False)
    assert not isinstance(found, str), f"{rule}: {found}"
    for series in found:
        metric = {**series["metric"], **rule.get("labels", {})}
        if "record" in rule:
            metric["__name__"] = rule["record"]
            samples = {int(time): value for time, value in series["values"]}
        else:
            metric |= {"__name__": "ALERTS", "alertname": rule["alert"], "alertstate": "firing"}
            true = [int(time) for time, _ in series["values"]]
            fires = [*firing(true, rule)]
            samples = dict.fromkeys(fires, "1")
            _began(metric, true, fires, blocks)
        _add(metric, samples, blocks)


def _began(alert: Mapping[str, str], true: Sequence[int], fires: Sequence[int], blocks: Blocks) -> None:
    """Add when the condition of a firing alert began to hold, as Prometheus does."""
    metric = {label: value for label, value in alert.items() if label != "alertstate"}
    held = {*true}
    begins = [time for time in true if time - SCRAPE_SECONDS not in held]
    # An alert that is kept firing has the time at which its condition last began to hold.
    starts = {time: str(max(begin for begin in begins if begin <= time)) for time in fires}
    _add(metric | {"__name__": "ALERTS_FOR_STATE"}, starts, blocks)


def _add(metric: Mapping[str, str], samples: Mapping[int, str], blocks: Blocks) -> None:
    labels = ",".join(
        f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in metric.items() if label != "__name__"
    )
    for time, value in samples.items():
        blocks.add(f"{metric['__name__']}{{{labels}}}", value, time)


def firing(times: Sequence[int], rule: Rule) -> Iterator[int]:
    """Yield when an alert fires whose expression is true at `times`."""
    wait, keep = (int(Duration.parse(rule[key]).seconds) if key in rule else 0 for key in ("for", "keep_firing_for"))
    true = {*times}
    since, fires_until = None, -1
    for time in range(times[0], times[-1] + keep + 1, SCRAPE_SECONDS):
        if time in true:
            since = time if since is None else since
            if time - since >= wait or time <= fires_until:
                fires_until = time + keep
                yield time
        else:
            since = None
            if time <= fires_until:
                yield time
