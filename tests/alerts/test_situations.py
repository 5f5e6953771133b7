"""Ordinary and bad situations over days, by promtool: which alerts fire, and when.

Each situation is a model in a namespace of its own, so that promtool evaluates the rules once for all of them.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alerts.rule_files import RECORDED, Rule, rules
from tests.alerts.rule_files import FILES
from tests.alerts.timeline import STEP, evaluate

HOUR, DAY = 60, 24 * 60
MINUTES = DAY + 18 * HOUR
STEPS = MINUTES // STEP
# The alerts that concern traffic, errors, targets and ground truth.
JUDGED = re.compile("ModelErrorRatioHigh|ModelTraffic.*|Model.*Stopped|PredictionExporter(Absent|.*Down)")
# The number of requests, errors or outcomes at a minute.
Number = Callable[[int], float]


def none(_minute: int) -> float:
    return 0


def always(_minute: int) -> bool:
    return True


@dataclass(frozen=True)
class Pod:
    """A sidecar, and what its model does per minute. It is a target while `exists`, and responds while `up`."""

    requests: Number
    errors: Number = none
    outcomes: Number = none
    exists: Callable[[int], bool] = always
    up: Callable[[int], bool] = always
    version: str = "3"
    idle_seconds: int = 0

    def series(self, name: str, namespace: str) -> Iterator[tuple[str, str]]:
        target = f'namespace="{namespace}",job="model",pod="{name}",instance="{name}:9465"'
        version = f'{target},model_name="credit",model_version="{self.version}"'
        times = range(0, MINUTES, STEP)
        scraped = [self.exists(minute) and self.up(minute) for minute in times]

        def samples(values: list[Any]) -> str:
            gone = ["stale" if before else "_" for before in (False, *scraped)]
            return " ".join(
                str(value) if here else end for value, here, end in zip(values, scraped, gone, strict=False)
            )

        def counter(number: Number) -> str:
            totals, total = [], 0.0
            for minute, here in zip(times, scraped, strict=True):
                total += sum(map(number, range(minute - STEP, minute))) if here else 0
                totals.append(round(total, 3))
            return samples(totals)

        up = [("1" if self.up(minute) else "0") if self.exists(minute) else "_" for minute in times]
        yield f"up{{{target}}}", " ".join(up)
        yield f'model_threshold{{{version},metric="feature_drift_psi"}}', samples([0.25] * STEPS)
        yield f'model_reference_info{{{version},reference_id="r1"}}', samples([1] * STEPS)
        if self.idle_seconds:
            yield f'model_threshold{{{version},metric="idle_seconds"}}', samples([self.idle_seconds] * STEPS)
        yield f'model_predictions_total{{{version},prediction_class="approve"}}', counter(self.requests)
        yield f'model_prediction_errors_total{{{version},error_type="timeout"}}', counter(self.errors)
        if self.outcomes is not none:
            yield f'model_outcomes_total{{{version},predicted="a",actual="a"}}', counter(self.outcomes)


@dataclass(frozen=True)
class Firing:
    """An alert that fires at some time between two minutes, and at no time outside of them."""

    alert: str
    between: tuple[int, int]
    version: str = ""


@dataclass(frozen=True)
class Situation:
    """Pods, and all alerts that fire. None of them fires twice."""

    name: str
    pods: tuple[Pod, ...]
    firing: tuple[Firing, ...] = ()


def steady(number: float = 60) -> Number:
    return lambda _minute: number


def until(end: int, number: float = 60) -> Number:
    return lambda minute: number if minute < end else 0


def every(hours: int, lasting: int, number: float = 500) -> Number:
    return lambda minute: number if minute % (hours * HOUR) < lasting else 0


def by_day(begin: int, end: int, number: float = 60) -> Number:
    return lambda minute: number if begin <= minute % DAY / HOUR < end else 0


def before(end: int) -> Callable[[int], bool]:
    return lambda minute: minute < end


def since(begin: int) -> Callable[[int], bool]:
    return lambda minute: minute >= begin


def at_day(begin: int, end: int) -> Callable[[int], bool]:
    return lambda minute: begin <= minute % DAY / HOUR < end


def quiet_nights(end: int = MINUTES) -> Number:
    """Three requests an hour from midnight to six, and 200 a minute by day."""
    draw = random.Random(2)
    night = [int(draw.random() < 3 / HOUR) for _ in range(MINUTES + STEP)]
    return lambda minute: 0 if minute >= end else night[minute] if minute % DAY < 6 * HOUR else 200


def poisson(mean: float, end: int) -> Number:
    draw = random.Random(4)
    drawn = [sum(draw.random() < mean / 20 for _ in range(20)) for _ in range(MINUTES + STEP)]
    return lambda minute: drawn[minute] if minute < end else 0


NIGHT, NOON = DAY + 3 * HOUR, DAY + 12 * HOUR
STOPPED, LOW, HIGH = "ModelPredictionsStopped", "ModelTrafficLow", "ModelTrafficHigh"
ABSENT = "PredictionExporterAbsent"

SITUATIONS = [
    Situation("hourly batch", (Pod(every(1, 2)),)),
    Situation("batch every six hours", (Pod(every(6, 30)),)),
    Situation("long batch", (Pod(every(6, 90)),), (Firing(STOPPED, (110, 6 * HOUR)),)),
    Situation("batch that may be idle", (Pod(every(6, 90), idle_seconds=7 * 3600),)),
    Situation(
        "batch that does not run",
        (Pod(lambda minute: every(6, 90)(minute) if minute < DAY else 0, idle_seconds=7 * 3600),),
        (Firing(STOPPED, (DAY + 150, MINUTES)),),
    ),
    Situation("quiet nights", (Pod(quiet_nights()),)),
    Situation("business hours", (Pod(by_day(9, 18)),), (Firing(STOPPED, (18 * HOUR + 20, DAY + 9 * HOUR + 4)),)),
    Situation("pods gone at night", (Pod(steady(), exists=at_day(5, 16)),), (Firing(ABSENT, (16 * HOUR, 18 * HOUR)),)),
    Situation("pods gone at night, as set", (Pod(steady(), exists=at_day(5, 16), idle_seconds=14 * 3600),)),
    Situation("standby", (Pod(until(12 * HOUR)),), (Firing(STOPPED, (12 * HOUR + 20, 36 * HOUR)),)),
    Situation("retired", (Pod(steady(), exists=before(NOON)),), (Firing(ABSENT, (NOON + 15, NOON + 2 * HOUR)),)),
    Situation(
        "rolling deployment", (Pod(steady(), exists=before(NOON + 4)), Pod(steady(), exists=since(NOON), version="4"))
    ),
    Situation(
        "blue and green",
        (Pod(until(NOON), exists=before(NOON + HOUR)), Pod(lambda minute: 60 if minute >= NOON else 0, version="4")),
    ),
    Situation(
        "failing canary",
        (Pod(steady(200)), Pod(none, errors=steady(2), exists=since(NOON), version="4")),
        (Firing("ModelErrorRatioHigh", (NOON + 8, MINUTES), version="4"),),
    ),
    Situation(
        "half-failing canary",
        (Pod(steady(200)), Pod(steady(1), errors=steady(1), exists=since(NOON), version="4")),
        (Firing("ModelErrorRatioHigh", (NOON + 12, MINUTES), version="4"),),
    ),
    Situation("canary within its limit", (Pod(steady(200)), Pod(steady(2), errors=steady(0.08), version="4"))),
    Situation(
        "scaled out",
        (Pod(steady(40)), Pod(lambda minute: 400 if NOON <= minute < NOON + 4 * HOUR else 0)),
        (Firing(HIGH, (NOON + 15, NOON + 6 * HOUR)),),
    ),
    Situation("scrape gap", (Pod(steady(), exists=lambda minute: not NOON <= minute < NOON + 12),)),
    Situation("restarts", (Pod(steady(), up=lambda minute: not (NOON <= minute < NOON + 300 and minute % 20 < STEP)),)),
    Situation("daily ground truth", (Pod(steady(), outcomes=every(24, 5, 1000)),)),
    Situation(
        "ground truth stops",
        (Pod(steady(), outcomes=until(DAY + 9 * HOUR, 10)),),
        (Firing("ModelGroundTruthStopped", (DAY + 15 * HOUR, MINUTES)),),
    ),
    Situation("outage", (Pod(until(NIGHT, 200)),), (Firing(STOPPED, (NIGHT + 20, NIGHT + DAY + 8)),)),
    Situation("outage of one per minute", (Pod(poisson(1, NOON)),), (Firing(STOPPED, (NOON + 12, NOON + DAY)),)),
    Situation(
        "outage at a quiet hour", (Pod(quiet_nights(NIGHT)),), (Firing(STOPPED, (DAY + 6 * HOUR + 20, NIGHT + DAY)),)
    ),
    Situation("outage on the first day", (Pod(until(7 * HOUR)),), (Firing(STOPPED, (7 * HOUR + 20, 31 * HOUR + 8)),)),
    Situation(
        "outage after a deployment",
        (Pod(until(NOON), exists=before(NOON + 8)), Pod(until(NOON + 30), exists=since(NOON - 8), version="4")),
        (Firing(STOPPED, (NOON + 50, NOON + 30 + DAY)),),
    ),
    Situation(
        "traffic falls slowly",
        (Pod(lambda minute: 200 if minute < DAY else max(20, 200 - (minute - DAY) / 4)),),
        (Firing(LOW, (DAY + 7 * HOUR, MINUTES)),),
    ),
]


def judging_rules() -> list[Rule]:
    """Return the alerts without their texts, and the rules that they read."""
    named = {str(rule.get("alert") or rule["record"]): rule for rule in rules(FILES)}
    needed: set[str] = set()
    found = {name for name in named if JUDGED.fullmatch(name)}
    while found:
        needed |= found
        found = {read for name in found for read in RECORDED.findall(named[name]["expr"])} - needed
    kept = [rule for name, rule in named.items() if name in needed]
    return [{key: value for key, value in rule.items() if key != "annotations"} for rule in kept]


def expectation(situation: Situation) -> dict[str, Any]:
    """Expect these alerts and no others, each within its time."""
    ever = f'ALERTS{{alertstate="firing", namespace="{situation.name}"}}[{MINUTES}m]'
    samples = [
        f'{{alertname="{firing.alert}"' + (f', model_version="{firing.version}"' if firing.version else "") + "}"
        for firing in situation.firing
    ]
    by = "alertname, model_version" if any(firing.version for firing in situation.firing) else "alertname"
    return {
        "eval_time": f"{MINUTES}m",
        "expr": f"count by ({by}) (count_over_time({ever}))",
        "exp_samples": [{"labels": labels, "value": 1} for labels in samples],
    }


def times(situation: Situation) -> Iterator[dict[str, Any]]:
    """Expect that each alert begins within 40 minutes of the first minute, and ends by the last one."""
    for firing in situation.firing:
        alerts = f'ALERTS{{alertstate="firing", namespace="{situation.name}", alertname="{firing.alert}"}}'
        begin, end = firing.between
        for minute, expected in ((begin - STEP, 0), (begin + 40, 1), (end + STEP, 0)):
            if minute < MINUTES:
                yield {
                    "eval_time": f"{minute}m",
                    "expr": f"count by (alertname) ({alerts})",
                    "exp_samples": [{"labels": f'{{alertname="{firing.alert}"}}', "value": 1}] if expected else [],
                }
        yield {
            "eval_time": f"{MINUTES}m",
            "expr": f"max(resets((sum({alerts}) or vector(0))[{MINUTES}m:{STEP}m])) <= bool 1",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }


@pytest.mark.servers
def test_situations_fire_what_they_should(tmp_path: Path) -> None:
    series = {
        name: values
        for situation in SITUATIONS
        for number, pod in enumerate(situation.pods)
        for name, values in pod.series(f"p{number}", situation.name)
    }
    tests = [test for situation in SITUATIONS for test in (expectation(situation), *times(situation))]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "situations", "rules": judging_rules()}]}))
    wrong = evaluate(tmp_path, [file], ["situations"], STEP, series, {"promql_expr_test": tests})
    assert not wrong, wrong
