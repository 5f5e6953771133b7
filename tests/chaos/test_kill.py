"""Killed with -9 at random moments while its log is written and rotated, and while Prometheus scrapes it.

A log is also disturbed: rewritten with the same content, copied to names that the pattern matches, and written to after
its rotation; and each start spells the source differently.

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
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.reference import profile_file
from tests.process import DEADLINE_SECONDS, Exporter, exporter, samples_of, wait_until
from tests.records import numeric, reference
from tests.rewrites import edit, rename_a_copy, synchronize, write_over
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
)
# By source, whose name changes with its spelling.
DURABLE_BY_SOURCE = (
    "prediction_exporter_source_lines_total",
    "prediction_exporter_source_bytes_total",
    "prediction_exporter_source_records_total",
    "prediction_exporter_source_rejected_lines_total",
)
RECORDS_COUNTED = ("model_predictions_total", "model_prediction_errors_total")

REWRITES = (rename_a_copy, synchronize, edit, write_over)
COPIES = ("log.1.jsonl", "log-20261130.jsonl", "log copy.jsonl", "0-log.jsonl")
LATE_SECONDS = 3.0
SPELLINGS = ("logs/{}", "./logs/{}", "logs//{}", "{folder}/logs/{}", "file://{folder}/logs/{}", "link/{}")


@dataclass(frozen=True)
class Rotation:
    """How a log is rotated: to the name `rotated` with a number, by renaming it, or by copying and truncating it."""

    rotated: str
    pattern: str
    is_copied: bool = False
    is_disturbed: bool = False

    def rotate(self, log: Path, number: int) -> Path:
        """Rotate a log; return the path of the rotated file."""
        path = log.with_name(self.rotated.format(number))
        if self.is_copied:
            shutil.copyfile(log, path)
            os.truncate(log, 0)
        else:
            log.rename(path)
        return path


ROTATIONS = [
    pytest.param(Rotation("log.jsonl.{}", "log.jsonl*"), id="rename"),
    pytest.param(Rotation("copy.{}", "log.jsonl", is_copied=True), id="copy"),
    pytest.param(Rotation("log-{}.jsonl", "*", is_disturbed=True), id="rename-disturbed"),
    pytest.param(Rotation("log-{}.jsonl", "*.jsonl", is_copied=True, is_disturbed=True), id="copy-disturbed"),
]


class Writer(threading.Thread):
    """Writes a log in uneven pieces, rotates it now and then, and counts what it wrote in plain Python.

    `counted` returns how many records are counted; a copy is known by the part of it that was counted.
    """

    def __init__(self, log: Path, rotation: Rotation, counted: Callable[[], float], seed: int) -> None:
        super().__init__()
        self._log = log
        self._rotation = rotation
        self._counted = counted
        self._random = random.Random(seed)
        self.stop = threading.Event()
        self.lines = 0
        self.bad = 0
        self.classes: Counter[str] = Counter()
        self.errors = 0
        self.latency: Counter[float] = Counter()
        self.bins: Counter[str] = Counter()
        # How many records must be counted for one of the log itself to be counted.
        self._records_before = 0
        self._rotations = 0
        self._rotated: tuple[Path, float] | None = None

    @property
    def records(self) -> int:
        return self.lines - self.bad

    def run(self) -> None:
        while not self.stop.is_set():
            with self._log.open("ab", buffering=0) as file:
                for _ in range(self._random.randint(1, 30)):
                    self._write(file.write)
            if self._rotation.is_disturbed:
                self._disturb()
            if self._random.random() < 0.1 and (not self._rotation.is_copied or self._is_known):
                self._rotate()

    @property
    def _is_known(self) -> bool:
        return self._counted() > self._records_before

    def _rotate(self) -> None:
        self._rotations += 1
        path = self._rotation.rotate(self._log, self._rotations)
        self._records_before = self.records
        if not self._rotation.is_copied:
            self._rotated = path, time.monotonic()

    def _disturb(self) -> None:
        if self._random.random() < 0.1:
            self._random.choice(REWRITES)(self._log)
        if self._random.random() < 0.1 and self._is_known:
            shutil.copyfile(self._log, self._log.with_name(self._random.choice(COPIES)))
        if self._rotated and time.monotonic() < self._rotated[1] + LATE_SECONDS and self._random.random() < 0.5:
            before = self.records
            with self._rotated[0].open("ab", buffering=0) as file:
                self._write(file.write)
            self._records_before += self.records - before

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
            return b'{"error_type": "timeout", "request_id": "%d"}\n' % self.lines
        label = self._random.choice(["approve", "deny", "review"])
        latency = self._random.choice([5, 10, 30, 400, 1500])
        age = self._random.choice([None, "old", -5, 25, 49.5, 74.999, 75])
        self.classes[label] += 1
        self.latency[next((bound for bound in BOUNDS if latency / 1000 <= bound), float("inf"))] += 1
        if age is None or isinstance(age, str):
            self.bins["missing" if age is None else "other"] += 1
        else:
            self.bins[BINS[bisect_left(EDGES, age + 1e-9)]] += 1
        record = {"prediction": label, "latency_ms": latency, "features": {"age": age}, "request_id": str(self.lines)}
        return json.dumps(record).encode() + b"\n"


class Scraper(threading.Thread):
    """Scrapes as often as it can, and notes each durable counter that steps back."""

    def __init__(self, address: str, durable: tuple[str, ...]) -> None:
        super().__init__()
        self._address = address
        self._durable = durable
        self.stop = threading.Event()
        self.scrapes = 0
        self.records = 0.0
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
            self.records = sum(sum(samples_of(page, name).values()) for name in RECORDS_COUNTED)

    def _look_at(self, page: str) -> None:
        for family in text_string_to_metric_families(page):
            if family.type not in ("counter", "histogram"):
                continue
            for sample in family.samples:
                if not sample.name.startswith(self._durable):
                    continue
                key = (sample.name, tuple(sorted(sample.labels.items())))
                if sample.value < self._before.get(key, 0):
                    self.steps_back.append(f"{key} from {self._before[key]} to {sample.value}")
                self._before[key] = sample.value


@pytest.mark.servers
@pytest.mark.parametrize("rotation", ROTATIONS)
def test_no_line_is_lost_or_counted_twice_and_no_counter_steps_back(tmp_path: Path, rotation: Rotation) -> None:
    port, chance = free_port(), random.Random(1)
    (tmp_path / "logs").mkdir()
    (tmp_path / "link").symlink_to("logs")
    (tmp_path / "reference.json").write_bytes(profile_file.dump(reference({"age": numeric(EDGES)})))
    config = tmp_path / "config.yaml"
    durable = DURABLE if rotation.is_disturbed else DURABLE + DURABLE_BY_SOURCE
    scraper = Scraper(f"http://127.0.0.1:{port}", durable)
    writer = Writer(tmp_path / "logs" / "log.jsonl", rotation, lambda: scraper.records, seed=1)
    kills = 0
    with prometheus(tmp_path, f"127.0.0.1:{port}", interval="200ms") as server:
        began = time.perf_counter()
        configure(config, port, rotation, kills)
        with exporter("--config", config) as first:
            first.get("/metrics")
        # Some die before their first scrape, and some after several, however slow the machine is.
        start = time.perf_counter() - began
        writer.start()
        scraper.start()
        try:
            while kills < KILLS or writer.lines < RECORDS:
                assert writer.is_alive()
                configure(config, port, rotation, kills)
                doomed = Exporter("--config", config)
                time.sleep(start * chance.uniform(0.3, 2.5))
                doomed.close()
                kills += 1
            writer.stop.set()
            writer.join()
            with exporter("--config", config) as survivor:
                wait_until(lambda: scraper.records >= writer.records, "all records counted")
                wait_until(lambda: scraper.scrapes > KILLS, "enough scrapes")
                page = survivor.get("/metrics")
                check(page, writer, is_one_source=not rotation.is_disturbed)
                server.wait_for(f"sum(model_predictions_total) == {sum(writer.classes.values())}")
                names = {line.split("{")[0] for line in page.splitlines() if line.startswith(durable)}
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


def configure(config: Path, port: int, rotation: Rotation, start: int) -> None:
    """Write the configuration for a start; each spells the source of a disturbed log differently."""
    spelling = SPELLINGS[start % len(SPELLINGS) if rotation.is_disturbed else 0]
    source = spelling.format(rotation.pattern, folder=config.parent)
    config.write_text(
        f"listen: 127.0.0.1:{port}\nstate_dir: state\nreference: reference.json\nsources: ['{source}']\nwindows: [5m]\n"
    )


def check(page: str, writer: Writer, *, is_one_source: bool) -> None:
    """Assert that a page of metrics counts what was written, and by source if there was only one."""
    classes = {(label,): count for label, count in writer.classes.items()}
    assert samples_of(page, "model_predictions_total") == classes
    assert samples_of(page, "model_prediction_errors_total") == {("timeout",): writer.errors}
    if is_one_source:
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
    predictions = sum(writer.classes.values())
    assert samples_of(page, "model_prediction_latency_seconds_count") == {(): predictions}
