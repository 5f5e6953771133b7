"""A fleet in a Prometheus: the pages of two real sidecars, as a hundred pods of ten models would have served them.

Of what no dashboard asks, and of other windows than the hour's, the series are there but have two samples alone: a
query passes them in the index, and reads none of theirs.
"""

from __future__ import annotations

import math
import random
import re
import time
import urllib.request
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alerts.__main__ import EVERY
from exporter.configuration.units import Duration
from tests.alerts.rule_files import FILES
from tests.benchmarks.remote_write import Writer, labelled
from tests.dashboards.sidecars import CLASSES, VALUES, Record, model
from tests.servers import Prometheus, free_port, prometheus

PODS, MODELS, FEATURES = 100, 10, 20
COUNTRIES = ("DE", "FR", "JP", "US", "BR")
# Every fifth model predicts a value.
VALUES_EVERY = 5
PARTS = 3
SPAN_SECONDS, SCRAPE_SECONDS, PIECE_SECONDS = 6 * 3600, 15, 1800
# Seconds of CPU time in two.
IDLE = 0.1
SAMPLE = re.compile(r"^([\w:]+)(?:{(.*)})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
COUNTER = re.compile(r"_(total|bucket|sum|count)$")
RECORDED = re.compile(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+")
# What each rule asks, and every how many seconds; what is counted since the time before, from scrape to scrape.
RULES = {
    rule["record"]: (rule["expr"], max(int(Duration.parse(group["interval"]).seconds), SCRAPE_SECONDS))
    for file in FILES
    for group in file.with_interval(EVERY, f"{SCRAPE_SECONDS}s").groups
    for rule in group["rules"]
    if "record" in rule
}


@dataclass(frozen=True)
class Series:
    """One series: its labels as they are written, its last value, and whether it grows and is asked for."""

    labels: bytes
    value: float
    grows: bool
    dense: bool

    def over(self, elapsed: np.ndarray) -> np.ndarray:
        """Return its values, float64[samples], at shares of the span; what is whole and no counter is constant."""
        if self.grows:
            return np.floor(self.value * (0.2 + elapsed))
        if math.isnan(self.value) or self.value == int(self.value):
            return np.full(len(elapsed), self.value)
        return self.value * (1 + 0.1 * np.sin(self.value + 40 * elapsed))


@contextmanager
def fleet(folder: Path, asked: Collection[str]) -> Iterator[tuple[Prometheus, float]]:
    """Run a Prometheus with six hours of the fleet; also yield the time at which they end.

    `asked` are the names of series that queries have, recorded ones among them.
    """
    series = [*_series(_pages(folder), asked)]
    dense, sparse = ([each for each in series if each.dense is is_dense] for is_dense in (True, False))
    with prometheus(folder, options=["--web.enable-remote-write-receiver"]) as server:
        end = float(int(time.time()))
        recorded: dict[int, list[Series]] = {}
        for begin in np.arange(end - SPAN_SECONDS, end, PIECE_SECONDS):
            seconds = np.arange(begin, begin + PIECE_SECONDS, SCRAPE_SECONDS) + SCRAPE_SECONDS
            _write(server, dense, seconds, end)
            if begin in (end - SPAN_SECONDS, end - PIECE_SECONDS):
                _write(server, sparse, seconds[-1:], end)
            for every, found in recorded.items():
                _write(server, found, _every(every, seconds), end)
            if not recorded:
                for name in _needed(asked):
                    expression, every = RULES[name]
                    found = [*_evaluated(server, name, expression, seconds[-1])]
                    _write(server, found, _every(every, seconds), end)
                    recorded.setdefault(every, []).extend(found)
        wait_until_idle(server)
        yield server, end


def _write(server: Prometheus, series: Iterable[Series], seconds: np.ndarray, end: float) -> None:
    elapsed = (seconds - end) / SPAN_SECONDS + 1
    Writer(server.address, seconds).write((each.labels, each.over(elapsed)) for each in series)


def _every(interval: int, seconds: np.ndarray) -> np.ndarray:
    """Return the times at which what is evaluated at an interval is there; the last always."""
    step = interval // SCRAPE_SECONDS
    return seconds[step - 1 :: step]


def _decision(rng: random.Random, *, drifted: bool) -> Record:
    """Return a prediction of a class and its truth: 19 numbers and a country, some missing."""
    shift = 1.0 if drifted else 0.0
    features: Record = {f"feature{i}": rng.gauss(shift * (i < 4), 1) for i in range(FEATURES - 1)}
    features["feature18"] = None if rng.random() < 0.05 else features["feature18"]
    features["country"] = rng.choice(COUNTRIES)
    classes = ("approve", "deny", "review")
    return {
        "features": features,
        "prediction": rng.choice(classes),
        "probability": rng.uniform(0.4, 1),
        "attributions": {name: rng.gauss(0, 1) for name in features},
        "actual": rng.choice(classes),
    }


def _estimate(rng: random.Random, *, drifted: bool) -> Record:
    made = _decision(rng, drifted=drifted)
    return {"features": made["features"], "prediction": rng.gauss(900, 99.5), "actual": rng.gauss(900, 99.5)}


def _pages(folder: Path) -> tuple[str, str]:
    """Return the page of a sidecar of classes with all that can be configured, and of one of values."""
    ports = {"tcp": free_port(), "udp": free_port()}
    with (
        model(folder / "classes", _decision, CLASSES, **ports) as first,
        model(folder / "values", _estimate, VALUES) as second,
    ):
        for served in (first, second):
            for _ in range(PARTS):
                served.serve()
            served.wait()
        return first.sidecar.get("/metrics"), second.sidecar.get("/metrics")


def _series(pages: tuple[str, str], asked: Collection[str]) -> Iterator[Series]:
    found = [[(name, _labels(told), float(value)) for name, told, value in SAMPLE.findall(page)] for page in pages]
    for pod in range(PODS):
        number = pod * MODELS // PODS
        target = {
            "instance": f"10.0.0.{pod}:9465",
            "job": "prediction-exporter",
            "namespace": "ml",
            "pod": f"pod-{pod}",
        }
        yield Series(labelled({"__name__": "up", **target}), 1, grows=False, dense=True)
        for name, told, value in found[number % VALUES_EVERY == VALUES_EVERY - 1]:
            labels = {**told, **target} | ({"model_name": f"model{number}"} if "model_name" in told else {})
            yield Series(
                labelled({"__name__": name, **labels}),
                value,
                grows=bool(COUNTER.search(name)),
                dense=name in asked and told.get("window", "1h") == "1h",
            )
    for number in range(MODELS):
        alert = {"alertname": "ModelFeatureDrift", "alertstate": "firing", "severity": "warning", "namespace": "ml"}
        labels = {"__name__": "ALERTS", **alert, "model_name": f"model{number}", "model_version": "3"}
        yield Series(labelled(labels), 1, grows=False, dense=True)


def _labels(told: str) -> dict[str, str]:
    return {
        name: re.sub(r"\\(.)", lambda found: found[1].replace("n", "\n"), value) for name, value in LABEL.findall(told)
    }


def _needed(asked: Collection[str]) -> list[str]:
    """Return the recorded series that are asked for, and those that they are made of, in the order of the rules."""
    needed, todo = set[str](), {name for name in asked if name in RULES}
    while todo:
        name = todo.pop()
        needed.add(name)
        todo |= {*RECORDED.findall(RULES[name][0])} - needed
    return [name for name in RULES if name in needed]


def _evaluated(server: Prometheus, name: str, expression: str, at: float) -> Iterator[Series]:
    """Yield what a rule records at a time, to be taken for what it records at all times."""
    for labels, value in server.labelled(expression, at):
        yield Series(labelled({**labels, "__name__": name}), value, grows=False, dense=True)


def wait_until_idle(server: Prometheus) -> None:
    """Wait until nothing is compacted any more."""
    before = math.inf
    while not 0 <= (now := _cpu_seconds(server)) - before < IDLE:
        before = now
        time.sleep(2)


def _cpu_seconds(server: Prometheus) -> float:
    with urllib.request.urlopen(f"{server.address}/metrics", timeout=60) as answer:
        (found,) = re.findall(r"^process_cpu_seconds_total (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found)
