"""Run the measurements and print their tables: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import json
import logging
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from exporter import logs
from tests.benchmarks import memory, scrape, sockets, throughput, wide, writing
from tests.benchmarks.figure import Figure, print_head, print_row
from tests.benchmarks.log import IDEAL, LOGS

# Takes a folder to work in, and the reference of the ideal log.
Measure = Callable[[Path, Path], list[Figure]]
SECTIONS: dict[str, Measure] = {
    "sockets": sockets.measure,
    "scrape": scrape.measure,
    "writing": lambda _folder, _reference: writing.measure(),
    "memory": memory.measure,
    "wide": lambda folder, _reference: wide.measure(folder),
}
THROUGHPUT = "throughput"
COUNT = click.IntRange(min=1)


@click.command()
@click.argument("sections", nargs=-1, type=click.Choice([THROUGHPUT, *SECTIONS]), metavar="[SECTION]...")
@click.option("--log", "names", multiple=True, type=click.Choice([*LOGS]), help="Only this log; may be repeated.")
@click.option("--records", type=COUNT, default=200_000, show_default=True, help="The lines per log.")
@click.option("--rounds", type=COUNT, default=5, show_default=True, help="The runs of each program.")
@click.option("--json", "output", type=click.File("w"), help="Write the figures to this file too.")
def main(sections: tuple[str, ...], names: tuple[str, ...], records: int, rounds: int, output: Any) -> None:
    """Measure sections, or everything, and print Markdown tables.

    Sections: throughput, sockets, scrape, writing, memory, wide. --log, --records and --rounds are for throughput.
    """
    logs.configure(level=logging.ERROR)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores", flush=True)
    chosen = sections or (THROUGHPUT, *SECTIONS)
    results: dict[str, Any] = {"python": platform.python_version(), "cores": os.cpu_count()}
    if THROUGHPUT in chosen:
        results[THROUGHPUT] = _throughput(names or [*LOGS], records, rounds)
    if chosen_sections := [name for name in SECTIONS if name in chosen]:
        print_head(["measured", "figure", "limit"])
        results |= {name: _figures(SECTIONS[name]) for name in chosen_sections}
    if output:
        json.dump(results, output)


def _throughput(names: Sequence[str], records: int, rounds: int) -> dict[str, Any]:
    costs = throughput.measure(names, records, rounds)
    print_head(throughput.HEAD)
    for name, of_log in costs.items():
        print_row(throughput.row(f"{LOGS[name].title} (`{name}`)", of_log))
    return {name: {program: asdict(cost) for program, cost in of_log.items()} for name, of_log in costs.items()}


def _figures(measure: Measure) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-bench-") as name:
        folder = Path(name)
        figures = measure(folder, throughput.write_reference(folder, IDEAL))
    for figure in figures:
        print_row(figure.row)
    return [figure._asdict() for figure in figures]


if __name__ == "__main__":
    main()
