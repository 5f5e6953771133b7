"""Killed with -9 at random moments while its log is written and rotated, and while Prometheus scrapes it.

`make chaos` runs it for long: CHAOS_KILLS and CHAOS_RECORDS say how long at least.
"""

import http.client
import json
import os
import random
import shutil
import threading
import time
import urllib.request
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.reference import profile_file
from tests.process import DEADLINE_SECONDS, Exporter, exporter, samples_of, wait_until
from tests.records import numeric, reference
from tests.servers import free_port, prometheus

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
EDGES = (25.0, 50.0, 75.0)
BINS = ("0: (-inf, 25)", "1: [25, 50)", "2: [50, 75)", "3: [75, +inf)", "missing", "other")
KILLS = int(os.environ.get("CHAOS_KILLS", "4"))
RECORDS = int(os.environ.get("CHAOS_RECORDS", "8000"))
# So many lines at once that the long run is over in minutes.
BURST = max(40, RECORDS // 5000)
# What is counted of the log, and not of the process, must never step back.
DURABLE = (
    "model_prediction",
    "model_feature_bin_total",
    "model_feature_quality_total",
    "model_record_quality_total",
    "prediction_exporter_source_lines_total",
    "prediction_exporter_source_bytes_total",
    "prediction_exporter_source_records_total",
    "prediction_exporter_source_rejected_lines_total",
)

Rotate = Callable[[Path, int], None]


def by_rename(log: Path, number: int) -> None:
    log.rename(log.with_name(f"{log.name}.{number}"))


def by_copy(log: Path, number: int) -> None:
    shutil.copyfile(log, log.with_name(f"copy.{number}"))
    with log.open("r+b") as file:
        file.truncate()


class Writer(threading.Thread):
    """Writes a log in uneven pieces, rotates it now and then, and counts what it wrote in plain Python."""

    def __init__(self, log: Path, rotate: Rotate, may_rotate: Callable[[int], bool], seed: int) -> None:
        super().__init__()
        self._log = log
        self._rotate = rotate
        self._may_rotate = may_rotate
        self._random = random.Random(seed)
        self.stop = threading.Event()
        self.lines = 0
        self.bad = 0
        self.classes: Counter[str] = Counter()
        self.errors = 0
        self.latency: Counter[float] = Counter()
        self.bins: Counter[str] = Counter()

    def run(self) -> None:
        rotations = rotated_at = 0
        while not self.stop.is_set():
            with self._log.open("ab", buffering=0) as file:
                for _ in range(self._random.randint(1, 30)):
                    self._write(file.write)
            if self._random.random() < 0.1 and self._may_rotate(rotated_at):
                rotations += 1
                self._rotate(self._log, rotations)
                rotated_at = self.lines

    def _write(self, write: Callable[[bytes], object]) -> None:
        data = b"".join(self._line() for _ in range(self._random.randint(1, BURST)))
        cut = self._random.randrange(len(data))
        write(data[:cut])
        time.sleep(self._random.choice([0.0, 0.001, 0.01]))
        write(data[cut:])

    def _line(self) -> bytes:
        self.lines += 1
        kind = self._random.random()
        if kind < 0.02:
            self.bad += 1
            return b'{"prediction": "approve", "latency_ms"\n'
        if kind < 0.05:
            self.errors += 1
            return b'{"error_type": "timeout"}\n'
        label = self._random.choice(["approve", "deny", "review"])
        latency = self._random.choice([5, 10, 30, 400, 1500])
        age = self._random.choice([None, "old", -5, 25, 49.5, 74.999, 75])
        self.classes[label] += 1
        self.latency[next((bound for bound in BOUNDS if latency / 1000 <= bound), float("inf"))] += 1
        if age is None or isinstance(age, str):
            self.bins["missing" if age is None else "other"] += 1
        else:
            self.bins[BINS[bisect_left(EDGES, age + 1e-9)]] += 1
        return json.dumps({"prediction": label, "latency_ms": latency, "features": {"age": age}}).encode() + b"\n"


class Scraper(threading.Thread):
    """Scrapes as often as it can, and notes each durable counter that steps back."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self.stop = threading.Event()
        self.scrapes = 0
        self.lines = 0.0
        self.steps_back: list[str] = []
        self._before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with urllib.request.urlopen(self._address + "/metrics", timeout=DEADLINE_SECONDS) as answer:
                    page = answer.read().decode()
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)  # it was killed, maybe in the middle of an answer
                continue
            self.scrapes += 1
            self._look_at(page)
            self.lines = sum(samples_of(page, "prediction_exporter_source_lines_total").values())

    def _look_at(self, page: str) -> None:
        for family in text_string_to_metric_families(page):
            if family.type not in ("counter", "histogram"):
                continue
            for sample in family.samples:
                if not sample.name.startswith(DURABLE):
                    continue
                key = (sample.name, tuple(sorted(sample.labels.items())))
                if sample.value < self._before.get(key, 0):
                    self.steps_back.append(f"{key} from {self._before[key]} to {sample.value}")
                self._before[key] = sample.value


@pytest.mark.servers
@pytest.mark.parametrize(("rotate", "pattern"), [(by_rename, "log.jsonl*"), (by_copy, "log.jsonl")])
def test_no_line_is_lost_or_counted_twice_and_no_counter_steps_back(
    tmp_path: Path, rotate: Rotate, pattern: str
) -> None:
    log, port, chance = tmp_path / "log.jsonl", free_port(), random.Random(1)
    (tmp_path / "reference.json").write_bytes(profile_file.dump(reference({"age": numeric(EDGES)})))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{port}\nstate_dir: state\nreference: reference.json\n"
        f"sources: ['{pattern}']\nwindows: [5m]\n"
    )
    scraper = Scraper(f"http://127.0.0.1:{port}")
    # A copy is known again by what was read of it: some of it has to be.
    writer = Writer(log, rotate, lambda lines: rotate is by_rename or scraper.lines > lines, seed=1)
    kills = 0
    with prometheus(tmp_path, f"127.0.0.1:{port}", interval="200ms") as server:
        began = time.perf_counter()
        with exporter("--config", config) as first:
            first.get("/metrics")
        # Some die before their first scrape, and some after several, however slow the machine is.
        start = time.perf_counter() - began
        writer.start()
        scraper.start()
        try:
            while kills < KILLS or writer.lines < RECORDS:
                doomed = Exporter("--config", config)
                time.sleep(start * chance.uniform(0.3, 2.5))
                doomed.close()
                kills += 1
            writer.stop.set()
            writer.join()
            with exporter("--config", config) as survivor:
                survivor.wait_for("prediction_exporter_source_lines_total", writer.lines)
                wait_until(lambda: scraper.scrapes > KILLS)
                page = survivor.get("/metrics")
                server.wait_for(f"sum(prediction_exporter_source_lines_total) == {writer.lines}")
                names = {line.split("{")[0] for line in page.splitlines() if line.startswith(DURABLE)}
                assert names
                resets = {name: server.query(f"resets({name}[1h]) > 0") for name in names}
        finally:
            writer.stop.set()
            scraper.stop.set()
            writer.join()
            scraper.join()
    print(f"{writer.lines} lines, {kills} kills, {scraper.scrapes} scrapes")

    assert {name: found for name, found in resets.items() if found} == {}

    assert scraper.steps_back == []
    classes = {(label,): count for label, count in writer.classes.items()}
    assert samples_of(page, "model_predictions_total") == classes
    assert samples_of(page, "model_prediction_errors_total") == {("timeout",): writer.errors}
    rejected = samples_of(page, "prediction_exporter_source_rejected_lines_total")
    assert {reason: count for (reason, _), count in rejected.items() if count} == {"invalid_json": writer.bad}
    seen = {label: count for (label, _), count in samples_of(page, "model_feature_bin_total").items()}
    assert seen == {label: writer.bins[label] for label in BINS}
    buckets = {
        float(bound): count for (bound,), count in samples_of(page, "model_prediction_latency_seconds_bucket").items()
    }
    assert buckets == {
        bound: sum(count for value, count in writer.latency.items() if value <= bound)
        for bound in (*BOUNDS, float("inf"))
    }
    survivor_total = sum(writer.classes.values())
    assert samples_of(page, "model_prediction_latency_seconds_count") == {(): survivor_total}
