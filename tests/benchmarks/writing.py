"""An exposition of 50,000 series, such as 500 features have: written by us and by prometheus_client."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exporter.exposition.exposition import Accept, Writer, complete
from exporter.families import GaugeFamily
from tests.benchmarks.figure import Figure
from tests.benchmarks.lateness import lateness

FEATURES = [f"feature{number}" for number in range(500)]
BINS = [f"{number}: [{number / 7:.3g}, {(number + 1) / 7:.3g})" for number in range(10)]
LABELS = ("model_name", "model_version", "feature_name", "bin")
WRITES = 20


def _data() -> dict[str, list[float]]:
    """Return families' values: small counts, large counts, and drift, whose numbers have many digits."""
    rng = np.random.default_rng(0)
    size = len(FEATURES) * len(BINS)
    small = {f"model_small_{number}": rng.integers(0, 3_000, size) for number in range(4)}
    large = {f"model_large_{number}": rng.integers(0, 10**8, size) for number in range(4)}
    drift = {f"model_drift_{number}": rng.random(size) for number in range(2)}
    return {name: values.astype(float).tolist() for name, values in (small | large | drift).items()}


DATA = _data()
SERIES = sum(map(len, DATA.values()))


def measure() -> list[Figure]:
    """Return the CPU time of an exposition after the first, and how much its thread delays the event loop."""
    writer = Writer()
    if _by_prometheus_client() != _by_us(writer):
        raise AssertionError("the expositions differ")
    return [
        *asyncio.run(_measured("prometheus_client", _by_prometheus_client)),
        *asyncio.run(_measured("prediction-exporter", lambda: _by_us(writer), limit="20 ms")),
    ]


async def _measured(program: str, write: Callable[[], bytes], limit: str = "") -> list[Figure]:
    times = []
    for _ in range(WRITES):
        begin = time.thread_time()
        write()
        times.append(time.thread_time() - begin)
    async with lateness() as late:
        for _ in range(WRITES):
            await asyncio.to_thread(write)
    return [
        Figure(f"CPU of an exposition of {SERIES:,} series: {program}", [statistics.median(times) * 1e3], "ms"),
        Figure(f"Delay of the event loop meanwhile: {program}: median, p99, maximum", late.milliseconds, "ms", limit),
    ]


def _by_us(writer: Writer) -> bytes:
    families = []
    for name, values in DATA.items():
        family = GaugeFamily(name, "Help.", LABELS)
        for labels, value in zip(_label_values(), values, strict=True):
            family.add(labels, value)
        families.append(family)
    return complete(writer.write(families, Accept()), CollectorRegistry(), Accept(), 0).body


def _by_prometheus_client() -> bytes:
    metrics = []
    for name, values in DATA.items():
        metric = GaugeMetricFamily(name, "Help.", labels=LABELS)
        for labels, value in zip(_label_values(), values, strict=True):
            metric.add_metric(labels, value)
        metrics.append(metric)
    return generate_latest(_Collected(metrics))


def _label_values() -> Iterator[tuple[str, ...]]:
    return (("credit", "3", feature, bin_) for feature in FEATURES for bin_ in BINS)


@dataclass(frozen=True)
class _Collected(Collector):
    metrics: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.metrics
