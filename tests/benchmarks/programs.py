"""The programs that are compared: each follows a log, and exports at least its latency histogram and class counters."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import psutil

from tests.benchmarks.exporter import write_config
from tests.benchmarks.exposition import samples
from tests.benchmarks.log import Predictions
from tests.servers import free_port, require, wait_until_ready

DEADLINE_SECONDS = 600.0
IDLE_SECONDS, IDLE_CORES = 0.3, 0.1

Command = Callable[[Path, int, Path], Sequence[str | Path]]


class Run(NamedTuple):
    """CPU seconds of a program, on an empty log and on what followed, and the predictions that it counted."""

    start_seconds: float
    log_seconds: float
    predictions: Predictions


def _prediction_exporter(log: Path, port: int, reference: Path) -> Sequence[str | Path]:
    config = write_config(log.parent, log, reference, listen=f"127.0.0.1:{port}")
    return [sys.executable, "-m", "exporter", "run", "--config", config]


def _mtail(log: Path, port: int, _reference: Path) -> Sequence[str | Path]:
    programs = log.parent / "programs"
    programs.mkdir()
    shutil.copy(Path(__file__).with_name("predictions.mtail"), programs)
    options = ["--address", "127.0.0.1", "--port", str(port), "--logtostderr"]
    return [require("mtail"), "--progs", programs, "--logs", log, *options]


def _orjson(log: Path, port: int, _reference: Path) -> Sequence[str | Path]:
    return [sys.executable, "-m", "tests.benchmarks.orjson_exporter", log, str(port)]


OURS, MTAIL, ORJSON = "prediction-exporter", "mtail", "orjson + prometheus_client"
PROGRAMS: dict[str, Command] = {OURS: _prediction_exporter, MTAIL: _mtail, ORJSON: _orjson}


def run(program: str, reference: Path, blocks: Iterable[bytes], predictions: int) -> Run:
    """Run a program on a log to which `blocks` of lines are appended, until it has counted so many predictions.

    The log is empty when the program starts, because mtail starts at its end. Raises TimeoutError.
    """
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-bench-") as folder:
        log, port = Path(folder) / "log.jsonl", free_port()
        log.touch()
        command = PROGRAMS[program](log, port, reference)
        with psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                return _follow(process, f"http://127.0.0.1:{port}", log, blocks, predictions)
            finally:
                process.terminate()


def _follow(process: psutil.Popen, address: str, log: Path, blocks: Iterable[bytes], predictions: int) -> Run:
    wait_until_ready(address, "/metrics")
    start_seconds = _cpu_seconds_when_idle(process)
    with log.open("ab", buffering=0) as file:
        for block in blocks:
            file.write(block)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        # Scrapes cost CPU time too: there is more than one only if the first was too early.
        _cpu_seconds_when_idle(process)
        counted = _predictions(f"{address}/metrics")
        if counted.total() >= predictions:
            return Run(start_seconds, _cpu_seconds(process) - start_seconds, counted)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{counted.total()} of {predictions} predictions were counted")


def _cpu_seconds_when_idle(process: psutil.Popen) -> float:
    before = -math.inf
    # A process that gets no CPU because others have it is not idle: it is running.
    while (
        spent := _cpu_seconds(process)
    ) - before > IDLE_SECONDS * IDLE_CORES or process.status() == psutil.STATUS_RUNNING:
        before = spent
        time.sleep(IDLE_SECONDS)
    return spent


def _cpu_seconds(process: psutil.Popen) -> float:
    """Return the user and system time of the whole process."""
    times = process.cpu_times()
    return times.user + times.system


def _predictions(address: str) -> Predictions:
    with urlopen(address, timeout=60) as response:
        exposition = response.read().decode()
    return Predictions(
        {
            (sample.labels["model_version"], sample.labels["prediction_class"]): int(sample.value)
            for sample in samples(exposition)
            if sample.name == "model_predictions_total"
        }
    )
