"""The history of a simulated fleet in a Prometheus: the metrics of two real sidecars, repeated for a hundred pods.

Series that no dashboard queries, and those of windows other than the hour's, have only two samples: queries meet them
in the index, but read none of their samples.
"""

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

from exporter.units import Duration
from tests.alerts.rule_files import FILES
from tests.benchmarks.exposition import samples
from tests.benchmarks.remote_write import Writer, labelled
from tests.dashboards.sidecars import CLASSES, VALUES, Record, model
from tests.servers import Prometheus, free_port, prometheus

PODS, MODELS, FEATURES = 100, 10, 20
COUNTRIES = ("DE", "FR", "JP", "US", "BR")
# Every fifth model is a regression.
VALUES_EVERY = 5
PARTS = 3
SPAN_SECONDS, SCRAPE_SECONDS, PIECE_SECONDS = 6 * 3600, 15, 1800
# Seconds of CPU time in two seconds.
IDLE = 0.1
RECORDED = re.compile(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+")
# Each rule's expression and interval in seconds.
RULES = {
    rule["record"]: (rule["expr"], max(int(Duration.parse(group["interval"]).seconds), SCRAPE_SECONDS))
    for file in FILES
    for group in file.groups
    for rule in group["rules"]
    if "record" in rule
}


@dataclass(frozen=True)
class Series:
    """One series: its encoded labels, its last value, whether it grows, and whether it has a sample per scrape."""

    labels: bytes
    value: float
    grows: bool
    dense: bool

    def over(self, elapsed: np.ndarray) -> np.ndarray:
        """Return its values, float64[samples], at shares of the span; whole numbers that do not grow are constant."""
        if self.grows:
            return np.floor(self.value * (0.2 + elapsed))
        if math.isnan(self.value) or self.value == int(self.value):
            return np.full(len(elapsed), self.value)
        return self.value * (1 + 0.1 * np.sin(self.value + 40 * elapsed))


@contextmanager
def fleet(folder: Path, queried: Collection[str]) -> Iterator[tuple[Prometheus, float]]:
    """Run a Prometheus with six hours of the fleet; also yield the Unix time at which they end.

    `queried` are the names of metrics in queries, including those of recording rules.
    """
    series = [*_series(_expositions(folder), queried)]
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
                for name in _needed(queried):
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
    """Return the times of evaluations at an interval in seconds, including the last time."""
    step = interval // SCRAPE_SECONDS
    return seconds[step - 1 :: step]


def _decision(rng: random.Random, *, drifted: bool) -> Record:
    """Return a classification and its ground truth, with 19 numbers, some of them missing, and a country."""
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


def _expositions(folder: Path) -> tuple[str, str]:
    """Return the metrics of a classifier's sidecar with everything configured, and of a regression's sidecar."""
    ports = {"tcp": free_port(), "udp": free_port()}
    with (
        model(folder / "classes", _decision, CLASSES, **ports) as classifier,
        model(folder / "values", _estimate, VALUES) as regression,
    ):
        for served in (classifier, regression):
            for _ in range(PARTS):
                served.serve()
            served.wait()
        return classifier.sidecar.get("/metrics"), regression.sidecar.get("/metrics")


def _series(expositions: tuple[str, str], queried: Collection[str]) -> Iterator[Series]:
    found = [[*samples(exposition)] for exposition in expositions]
    for pod in range(PODS):
        number = pod * MODELS // PODS
        target = {
            "instance": f"10.0.0.{pod}:9465",
            "job": "prediction-exporter",
            "namespace": "ml",
            "pod": f"pod-{pod}",
        }
        yield Series(labelled({"__name__": "up", **target}), 1, grows=False, dense=True)
        for sample in found[number % VALUES_EVERY == VALUES_EVERY - 1]:
            labels = {**sample.labels, **target}
            if "model_name" in labels:
                labels["model_name"] = f"model{number}"
            yield Series(
                labelled({"__name__": sample.name, **labels}),
                sample.value,
                grows=sample.grows,
                dense=sample.name in queried and sample.labels.get("window", "1h") == "1h",
            )
    for number in range(MODELS):
        alert = {"alertname": "ModelFeatureDrift", "alertstate": "firing", "severity": "warning", "namespace": "ml"}
        labels = {"__name__": "ALERTS", **alert, "model_name": f"model{number}", "model_version": "3"}
        yield Series(labelled(labels), 1, grows=False, dense=True)


def _needed(queried: Collection[str]) -> list[str]:
    """Return the recording rules that are queried, and those that they read, in the order of evaluation."""
    needed, todo = set[str](), {name for name in queried if name in RULES}
    while todo:
        name = todo.pop()
        needed.add(name)
        todo |= {*RECORDED.findall(RULES[name][0])} - needed
    return [name for name in RULES if name in needed]


def _evaluated(server: Prometheus, name: str, expression: str, at: float) -> Iterator[Series]:
    """Yield what a rule records at one time, as constant series."""
    for labels, value in server.labelled(expression, at):
        yield Series(labelled({**labels, "__name__": name}), value, grows=False, dense=True)


def wait_until_idle(server: Prometheus) -> None:
    """Wait until compaction is over."""
    before = math.inf
    while not 0 <= (now := _cpu_seconds(server)) - before < IDLE:
        before = now
        time.sleep(2)


def _cpu_seconds(server: Prometheus) -> float:
    with urllib.request.urlopen(f"{server.address}/metrics", timeout=60) as response:
        (seconds,) = re.findall(r"^process_cpu_seconds_total (\S+)$", response.read().decode(), re.MULTILINE)
    return float(seconds)
