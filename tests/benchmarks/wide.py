"""What 500 features in three windows cost: a scrape and the page from full windows, memory, and the CPU of a record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exporter.assembly import config, planning
from exporter.counting.engine import Engine
from exporter.derived.view import View
from exporter.status import rendering
from exporter.status.document import StatusQuery, status
from exporter.status.operation import Operation
from exporter.tallies.snapshot import Stream
from tests.benchmarks.exporter import make_reference, resident_mib, running, wait_for_records

WIDE, NARROW, NORMAL = 500, 50, 20
RECORDS = 3000
READ_BYTES = 256 * 1024
SCRAPES = 20
WINDOWS = (300.0, 3600.0, 86400.0)
PANES = 60


class Width(NamedTuple):
    """Milliseconds of CPU to derive a scrape of WIDE features, and for the page of them and of NORMAL.

    MiB resident, and microseconds a record and feature.
    """

    derive_ms: float
    page_ms: float
    normal_page_ms: float
    resident_mib: float
    wide_us: float
    narrow_us: float


def measure(folder: Path) -> Width:
    folder.mkdir()
    costs = {}
    for features in (WIDE, NARROW, NORMAL):
        log, reference = folder / f"{features}.jsonl", folder / f"{features}.json"
        # Panes of all windows are full.
        log.write_bytes(b"".join(_lines(features, RECORDS // len(WINDOWS), spread=window) for window in WINDOWS))
        make_reference(log, reference)
        costs[features] = _in_process(features, reference)
    state = folder / "state"
    state.mkdir()
    with running(state, str(folder / f"{WIDE}.jsonl"), folder / f"{WIDE}.json") as sidecar:
        wait_for_records(sidecar, RECORDS)
        resident = resident_mib(sidecar)
    wide, narrow = costs[WIDE], costs[NARROW]
    return Width(wide[1], wide[2], costs[NORMAL][2], resident, wide[0] / WIDE, narrow[0] / NARROW)


def _in_process(features: int, reference: Path) -> tuple[float, float, float]:
    """Return the microseconds of a record, and the milliseconds of deriving a scrape, and of the page."""
    settings = config.from_options("/log", str(reference), None)
    plan, collector = planning.plan(settings, config.read_reference(settings))
    engine = Engine(plan)
    stream = Stream(next(iter(plan.decoders)), "/log", 1, 1)
    engine.open(stream)
    now = time.time()
    for window in reversed(WINDOWS):
        engine.feed(stream, _lines(features, 10 * PANES, spread=window * 0.99, end=now), now)
        engine.fold()
    # As they come in traffic: all at once, and so in one pane.
    lines = _lines(features, RECORDS, spread=1.0, end=now)
    begin = time.process_time()
    for start in range(0, len(lines), READ_BYTES):
        engine.feed(stream, lines[start : start + READ_BYTES], now)
    engine.fold()
    record_us = (time.process_time() - begin) / RECORDS * 1e6
    snapshot = engine.snapshot(now)
    operation = Operation()

    def page() -> bytes:
        view = View(snapshot, collector.windows)
        return rendering.page(status(collector.measures, view, StatusQuery(), operation))

    # A snapshot of its own each time, because a collector keeps what it has derived of the last one.
    return record_us, _median_ms(lambda: [*collector.collect(replace(snapshot))]), _median_ms(page)


def _median_ms(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(SCRAPES):
        begin = time.process_time()
        assert work()
        spent.append(time.process_time() - begin)
    return sorted(spent)[SCRAPES // 2] * 1e3


def _lines(features: int, records: int, *, spread: float, end: float | None = None) -> bytes:
    """Return records at even times over `spread` seconds before `end`."""
    rng = np.random.default_rng(features)
    end = time.time() if end is None else end
    values = rng.normal(size=(records, features)).round(5).tolist()
    lines = (
        json.dumps(
            {
                "timestamp": end - spread + spread * number / records,
                "prediction": "yes" if row[0] > 0 else "no",
                "features": {f"feature{i}": value for i, value in enumerate(row)},
            },
            separators=(",", ":"),
        )
        for number, row in enumerate(values)
    )
    return ("\n".join(lines) + "\n").encode()
