"""Run all measurements and print their table: `python -m tests.benchmarks`."""

from __future__ import annotations

import logging
import os
import platform
import tempfile
from pathlib import Path

from exporter import logs
from tests.benchmarks import memory, scrape, sockets, throughput, wide, writing
from tests.benchmarks.exporter import make_reference
from tests.benchmarks.log import write_log

REFERENCE_RECORDS = 100_000
LOG_RECORDS = 20_000


def main() -> None:
    logs.configure(level=logging.ERROR)
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-bench-") as name:
        folder = Path(name)
        log, reference = folder / "log.jsonl", folder / "reference.json"
        write_log(log, REFERENCE_RECORDS, seed=2)
        make_reference(log, reference)
        write_log(log, LOG_RECORDS, seed=3)

        mtail, ours = throughput.measure(folder, reference)
        rows += [
            ("CPU a record: mtail (latency, classes)", f"{mtail:.1f} µs", ""),
            ("CPU a record: prediction-exporter (and 20 features' bins, PSI in 3 windows)", f"{ours:.1f} µs", ""),
            ("the same, against mtail", f"1/{mtail / ours:.1f}", "1/5"),
        ]
        ways = sockets.measure(folder / "sockets", reference)
        rows.append(
            (
                "CPU a record from a file, over a unix socket, over TCP",
                ", ".join(f"{ways[way].cpu:.1f}" for way in ("file", "unix", "tcp")) + " µs",
                "5/3 of a file's",
            )
        )
        arrow = [ways[f"arrow {size}"] for size in sockets.BATCHES]
        rows += [
            (
                "CPU a record over a unix socket as Arrow, in batches of " + ", ".join(map(str, sockets.BATCHES)),
                ", ".join(f"{cost.cpu:.1f}" for cost in arrow) + " µs",
                "1/2 of JSON's, of 1000",
            ),
            ("Resident memory with Arrow", f"{max(cost.resident_mib for cost in arrow):.0f} MiB", "150 MiB"),
        ]
        starts = scrape.first_scrape(folder, log, reference)
        rows.append(
            ("Start to first scrape, median and worst", f"{starts[len(starts) // 2]:.2f} s, {starts[-1]:.2f} s", "1 s")
        )
        write_log(folder / "log-4.jsonl", LOG_RECORDS, version="4")
        stall = scrape.stall(str(folder / "log*.jsonl"), reference)
        rows += [
            (f"Scrape of {stall.series} series", f"{stall.scrape_ms:.0f} ms", ""),
            ("Event loop late during it: p50, p99, worst", stall.late, "20 ms"),
        ]
        theirs, ours_written = writing.measure()
        rows += [
            (f"CPU a page of {writing.SERIES:,} series: prometheus_client", f"{theirs.cpu_ms:.0f} ms", ""),
            ("the same: prediction-exporter", f"{ours_written.cpu_ms:.0f} ms", ""),
            ("Event loop late meanwhile: p50, p99, worst: prometheus_client", theirs.late, ""),
            ("the same: prediction-exporter", ours_written.late, "20 ms"),
        ]
        sizes = memory.measure(folder / "memory", reference)
        rows.append(
            (
                "Resident memory after 1 million records, and 10 million",
                f"{sizes[0]:.0f} MiB, {sizes[-1]:.0f} MiB",
                "90 MiB",
            )
        )
        width = wide.measure(folder / "wide")
        rows += [
            (f"CPU of deriving a scrape of {wide.WIDE} features in 3 windows", f"{width.derive_ms:.0f} ms", "50 ms"),
            (
                f"CPU of the page of {wide.NORMAL} features, and of {wide.WIDE}",
                f"{width.normal_page_ms:.0f}, {width.page_ms:.0f} ms",
                "50 ms, of 20",
            ),
            (f"Resident memory with {wide.WIDE} features", f"{width.resident_mib:.0f} MiB", "200 MiB"),
            (
                f"CPU a record and feature, of {wide.NARROW} features and of {wide.WIDE}",
                f"{width.narrow_us:.2f}, {width.wide_us:.2f} µs",
                "no more",
            ),
        ]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print("| measured | figure | limit |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
