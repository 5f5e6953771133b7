"""The cost of 500 features in three windows: of a scrape and of the status page, of a record, and of memory."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from exporter.assembly import planning
from exporter.configuration import loading
from exporter.engine.engine import Engine
from exporter.lines.stream import Stream
from exporter.state.snapshot import Snapshot
from exporter.status import rendering
from exporter.status.document import StatusQuery, status
from exporter.status.operation import Operation
from tests.benchmarks.arrival import stamped
from tests.benchmarks.exporter import make_reference, resident_mib, running, wait_for_records
from tests.benchmarks.figure import Figure
from tests.benchmarks.log import Log, generate

WIDE, NARROW, NORMAL = 500, 50, 20
RECORDS = 3000
READ_BYTES = 256 * 1024
REPEATS = 20
WINDOWS = (300.0, 3600.0, 86400.0)
PANES = 60


class Cost(NamedTuple):
    """CPU time: of a record in microseconds, of deriving a scrape and of a status page in milliseconds."""

    record_us: float
    derive_ms: float
    status_page_ms: float


def measure(folder: Path) -> list[Figure]:
    costs = {}
    for features in (WIDE, NARROW, NORMAL):
        log, reference = folder / f"{features}.jsonl", folder / f"{features}.json"
        # Records in all panes of all windows.
        log.write_bytes(b"".join(_lines(features, RECORDS // len(WINDOWS), time.time(), window) for window in WINDOWS))
        make_reference(log, reference)
        costs[features] = _cost(features, reference)
    with running(folder / "wide", folder / f"{WIDE}.jsonl", folder / f"{WIDE}.json") as sidecar:
        wait_for_records(sidecar, RECORDS)
        resident = resident_mib(sidecar)
    wide, narrow, normal = costs[WIDE], costs[NARROW], costs[NORMAL]
    return [
        Figure(f"CPU of deriving a scrape of {WIDE} features in 3 windows", [wide.derive_ms], "ms", "50 ms"),
        Figure(
            f"CPU of the status page with {NORMAL} features, and with {WIDE}",
            (normal.status_page_ms, wide.status_page_ms),
            "ms",
            f"50 ms, with {NORMAL}",
        ),
        Figure(f"Resident memory with {WIDE} features", [resident], "MiB", "200 MiB"),
        Figure(
            f"CPU per record and feature, with {NARROW} features and with {WIDE}",
            (narrow.record_us / NARROW, wide.record_us / WIDE),
            "µs",
            "no more",
        ),
    ]


def _cost(features: int, reference: Path) -> Cost:
    plan, collector = planning.plan(*loading.from_options("/log", str(reference), None))
    engine = Engine(plan)
    stream = Stream(next(iter(plan.pipelines)), "/log", 1, 1)
    engine.open(stream)
    now = time.time()
    for window in reversed(WINDOWS):
        engine.feed(stream, _lines(features, 10 * PANES, now, window * 0.99), now)
        engine.fold()
    # As in traffic: within a second, and so in one pane.
    lines = _lines(features, RECORDS, now, 1.0)
    begin = time.process_time()
    for start in range(0, len(lines), READ_BYTES):
        engine.feed(stream, lines[start : start + READ_BYTES], now)
    engine.fold()
    record_us = (time.process_time() - begin) / RECORDS * 1e6
    snapshot = engine.snapshot(now)
    operation = Operation()

    # The shortest window is judged at each scrape, and the others seldom.
    before = collector.judged(replace(snapshot, time=now - 15), None)
    judged = collector.judged(snapshot, before)

    def scrape() -> list[object]:
        return [*collector.collect(collector.judged(_anew(snapshot), before))]

    def page() -> bytes:
        return rendering.page(status(collector, _anew(judged), StatusQuery(), operation))

    return Cost(record_us, _median_ms(scrape), _median_ms(page))


def _anew(snapshot: Snapshot) -> Snapshot:
    """Return a copy, of which a collector has derived nothing yet."""
    return replace(snapshot, windows=dict(snapshot.windows))


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        assert work()
        times.append(time.process_time() - begin)
    return sorted(times)[REPEATS // 2] * 1e3


def _lines(features: int, records: int, end: float, seconds: float) -> bytes:
    """Return records at even times over so many seconds before `end`."""
    lines = generate(Log(features=features - 1), records, seed=features).lines
    return b"".join(stamped(lines, end - seconds, records / seconds))
