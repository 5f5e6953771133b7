"""CPU time a record, against mtail on the same log in the same run."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from tests.benchmarks.exporter import cpu_seconds, running, wait_for_records
from tests.benchmarks.log import write_log

SMALL, LARGE = 50_000, 450_000
ROUNDS = 3


def measure(folder: Path, reference: Path) -> tuple[float, float]:
    """Return microseconds of CPU time a record: of mtail, and of the exporter.

    Each is the slope between a small and a large log, so that starting up is left out of both; the least of
    several rounds, which other work on the machine has disturbed the least.
    """
    small, large = folder / "small.jsonl", folder / "large.jsonl"
    write_log(small, SMALL)
    write_log(large, LARGE, seed=1)
    costs: dict[str, list[float]] = {"mtail small": [], "mtail large": [], "ours small": [], "ours large": []}
    for attempt in range(ROUNDS):
        for size, log, records in (("small", small, SMALL), ("large", large, LARGE)):
            costs[f"mtail {size}"].append(_mtail(log))
            costs[f"ours {size}"].append(_ours(folder / f"{size}{attempt}", log, records, reference))
    least = {name: min(values) for name, values in costs.items()}
    per_record = 1e6 / (LARGE - SMALL)
    return (
        (least["mtail large"] - least["mtail small"]) * per_record,
        (least["ours large"] - least["ours small"]) * per_record,
    )


def _mtail(log: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    programs = Path(__file__).parent / "predictions.mtail"
    command = ["mtail", "--one_shot", "--one_shot_format=prometheus", "--progs", programs, "--logs", log]
    result = subprocess.run([*command, "--logtostderr"], check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "model_predictions_total" in result.stdout
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def _ours(folder: Path, log: Path, records: int, reference: Path) -> float:
    folder.mkdir()
    with running(folder, str(log), reference) as sidecar:
        wait_for_records(sidecar, records)
        return cpu_seconds(sidecar)
