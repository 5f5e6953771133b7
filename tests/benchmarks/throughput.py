"""CPU time per record, compared with other programs on the same logs in the same run."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tests.benchmarks import programs
from tests.benchmarks.arrival import paced, stamped
from tests.benchmarks.exporter import make_reference
from tests.benchmarks.log import LOGS, Log, generate, write_log
from tests.benchmarks.programs import MTAIL, ORJSON, OURS, PROGRAMS

TRAINING_RECORDS = 20_000
# Records per second, by their timestamps.
LIVE_RATE, BACKLOG_RATE = 10_000, 10
SEED = 1
PEERS = (MTAIL, ORJSON)
HEAD = ["CPU per record, µs", *PROGRAMS, *(f"÷ {peer}" for peer in PEERS)]


@dataclass
class Cost:
    """CPU time of a program, run by run: with an empty log in seconds, and then per record in microseconds."""

    start_seconds: list[float] = field(default_factory=list)
    record_us: list[float] = field(default_factory=list)

    @property
    def median_us(self) -> float:
        return statistics.median(self.record_us)

    def __str__(self) -> str:
        return f"{self.median_us:.1f} ({min(self.record_us):.1f} to {max(self.record_us):.1f})"


Costs = Mapping[str, Cost]  # by program


def measure(names: Sequence[str], records: int, rounds: int) -> dict[str, Costs]:
    """Return the costs of all programs on each named log of LOGS.

    Logs and programs take turns, so that other load on the machine affects all alike. Raises ValueError unless every
    program counts every prediction once.
    """
    costs: dict[str, Costs] = {name: {program: Cost() for program in PROGRAMS} for name in names}
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-bench-") as folder:
        references = {name: write_reference(Path(folder) / name, LOGS[name]) for name in names}
        for turn, name in product(range(rounds), names):
            print(f"round {turn + 1} of {rounds}: {name}", file=sys.stderr)
            lines, predictions = generate(LOGS[name], records, SEED)
            for program, cost in costs[name].items():
                run = programs.run(program, references[name], blocks(LOGS[name], lines), predictions.total())
                if run.predictions != predictions:
                    raise ValueError(f"{program} counted {run.predictions}; expected {predictions}")
                cost.start_seconds.append(run.start_seconds)
                cost.record_us.append(run.log_seconds / predictions.total() * 1e6)
    return costs


def write_reference(folder: Path, log: Log) -> Path:
    """Write a reference, from training data whose features are like the log's; return its path."""
    folder.mkdir(exist_ok=True)
    training, reference = folder / "training.jsonl", folder / "reference.json"
    write_log(training, TRAINING_RECORDS, log.training)
    make_reference(training, reference)
    return reference


def blocks(log: Log, lines: list[bytes]) -> Iterator[bytes]:
    """Yield the lines with their timestamps: the lines of a live log as they become due, those of a backlog at once."""
    now, rate = time.time(), LIVE_RATE if log.is_live else BACKLOG_RATE
    arriving = iter(lines)
    if log.timestamps:
        start = now if log.is_live else now - len(lines) / rate
        arriving = stamped(lines, start, rate, log.timestamps)
    if log.is_live:
        yield from paced(arriving, rate)
    else:
        yield b"".join(arriving)


def row(title: str, costs: Costs) -> list[str]:
    """Return a row of a table with HEAD: medians, each with its minimum and maximum, and ratios of medians."""
    ratios = [f"{costs[OURS].median_us / costs[peer].median_us:.2f}" for peer in PEERS]
    return [title, *(str(costs[program]) for program in PROGRAMS), *ratios]
