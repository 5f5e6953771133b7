"""Real logrotate, each second in every mode, while lines are written and the sidecar is killed with -9.

`make chaos` runs each mode for CHAOS_SECONDS. Without it, all modes are rotated at once, a few times, and lines are
written between the runs of logrotate, so that nothing depends on the speed of the machine.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

from tests.logrotate import DIRECTIVES, Logrotate, RotatedLog
from tests.numbered_log import configure, counted, ranges
from tests.process import DEADLINE_SECONDS, Exporter, samples_of

SECONDS = int(os.environ.get("CHAOS_SECONDS", "0"))
ROTATIONS = SECONDS or 6
KILLS = 4 if SECONDS else 2
FEW, MANY = 3, 1000  # generations that logrotate keeps
PATTERNS = ("*.jsonl", "*")
RUNS = (
    [pytest.param((mode,), kept, id=f"{mode}-{kept}") for mode, kept in product(DIRECTIVES, (FEW, MANY))]
    if SECONDS
    else [pytest.param(tuple(DIRECTIVES), FEW, id="all")]
)
LINES_PER_SECOND = 200
GAPS = "prediction_exporter_source_gaps_total"


@pytest.mark.servers
@pytest.mark.parametrize(("modes", "generations"), RUNS)
def test_what_logrotate_keeps_is_counted_once(tmp_path: Path, modes: tuple[str, ...], generations: int) -> None:
    logs, sources = [], []
    for mode, pattern in product(modes, PATTERNS):
        folder = tmp_path / "logs" / f"{mode}{len(logs)}"
        logs.append(RotatedLog(folder / "app.jsonl", folder.name, mode=mode, generations=generations))
        sources.append(str(folder / pattern))
    logrotate = Logrotate(tmp_path, logs)
    with killed_sidecar(configure(tmp_path, *sources)) as sidecar:
        sidecar.start()
        # Files that were rotated before the first start are not read.
        for log in logs:
            log.write()
        sidecar.wait_until_counted({log.name: {0} for log in logs})
        with writing(logs):
            rotate_and_kill(logs, logrotate, sidecar, random.Random(generations))
        for _ in range(2):
            sidecar.start()
            sidecar.check(logs)
            sidecar.stop()


def rotate_and_kill(
    logs: list[RotatedLog], logrotate: Logrotate, sidecar: "KilledSidecar", chance: random.Random
) -> None:
    """Rotate logs, and kill the sidecar at some of the rotations, to start it again after none or a few more."""
    kills = set(chance.sample(range(1, ROTATIONS - 1, 2), KILLS))
    most_down = min(logs[0].generations - 2, 3)
    rotations_down = 0
    begin = time.monotonic()
    for number in range(ROTATIONS):
        if not rotations_down:
            sidecar.start()
            # What logrotate removes before it is read is lost, which is another test.
            sidecar.wait_until_counted({log.name: log.removed_next for log in logs})
        kill = chance.choice(["before", "during", "after"]) if number in kills else None
        rotations_down = chance.randint(0, most_down) if kill else max(0, rotations_down - 1)
        write_between_rotations(logs)
        if kill == "before":
            sidecar.kill()
        with logrotate.running():
            if kill == "during":
                time.sleep(chance.uniform(0, 0.03))
                sidecar.kill()
        write_between_rotations(logs)
        if kill == "after":
            time.sleep(chance.uniform(0, 0.3))
            sidecar.kill()
        if SECONDS:
            time.sleep(max(0.0, begin + number + 1 - time.monotonic()))


class KilledSidecar:
    """A sidecar that is started, if it does not run, and killed."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._process: Exporter | None = None

    def start(self) -> None:
        self._process = self._process or Exporter("--config", self._config)

    def stop(self) -> None:
        assert self._process
        assert self._process.stop() == 0
        self.kill()

    def kill(self) -> None:
        if self._process:
            self._process.close()
        self._process = None

    def wait_until_counted(self, lines: Mapping[str, set[int]]) -> None:
        """Wait until some lines of each log are counted. Raises TimeoutError with those that are not."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while left := missing(lines, counted(self._metrics())):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not counted: {left}")
            time.sleep(0.05)

    def check(self, logs: list[RotatedLog]) -> None:
        """Let the sidecar read all there is, and assert that what logrotate has kept is counted once."""
        for _ in range(2):
            # In new files, so that there was a search for files as well.
            for log in logs:
                log.write(to=log.path.with_name(f"end-{log.written}.jsonl"))
            self.wait_until_counted({log.name: {log.written - 1} for log in logs})
        page = self._metrics()
        counts = counted(page)
        repeated = {
            name: ranges(numbers) for name, found in counts.items() if (numbers := [n for n in found if found[n] > 1])
        }
        assert (missing({log.name: log.archived for log in logs}, counts), repeated) == ({}, {})
        # A file that was removed while the sidecar was down may have had lines that were not read.
        if all(log.generations == MANY and len(counts[log.name]) == log.written for log in logs):
            assert sum(samples_of(page, GAPS).values()) == 0

    def _metrics(self) -> str:
        assert self._process
        return self._process.get("/metrics")


def missing(lines: Mapping[str, set[int]], counts: Mapping[str, Counter[int]]) -> dict[str, str]:
    """Return by log the lines that are not counted."""
    return {name: ranges(left) for name, numbers in lines.items() if (left := numbers - counts[name].keys())}


@contextmanager
def killed_sidecar(config: Path) -> Iterator[KilledSidecar]:
    sidecar = KilledSidecar(config)
    try:
        yield sidecar
    finally:
        sidecar.kill()


def write_between_rotations(logs: list[RotatedLog]) -> None:
    if not SECONDS:
        for log in logs:
            log.write(20)


@contextmanager
def writing(logs: list[RotatedLog]) -> Iterator[None]:
    """Write to logs all the time, if this is the long form."""
    stop = threading.Event()

    def write() -> None:
        begin, lines = time.monotonic(), 0
        while SECONDS and not stop.wait(0.005):
            due = int((time.monotonic() - begin) * LINES_PER_SECOND)
            for log in logs:
                log.write(due - lines)
            lines = due

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write)
        try:
            yield
        finally:
            stop.set()
            written.result()
            for log in logs:
                log.close()
