"""How long each panel's query takes on a Prometheus with a hundred pods: `python -m tests.benchmarks.dashboards`."""

from __future__ import annotations

import re
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.benchmarks.fleet import (
    COUNTRIES,
    FEATURES,
    MODELS,
    PODS,
    SCRAPE_SECONDS,
    SPAN_SECONDS,
    fleet,
    wait_until_idle,
)
from tests.dashboards.grafana import EXAMPLE, NAMES, fill_in, macros, panels, read, step_of, variables
from tests.dashboards.test_dashboard_house import shown
from tests.servers import Prometheus

LIMIT_SECONDS = 0.2
RUNS = 3
ANNOTATION_SECONDS = 60.0
SHOWN = 15
# An hour ago and not a week, because the history is shorter.
CHOSEN = EXAMPLE | {"feature": "feature0", "figure": "amount", "against": "1h"}


class Timed(NamedTuple):
    """One query: how long it takes, how many series it returns, and which query it is."""

    seconds: float
    series: int
    where: str


def measure(server: Prometheus, end: float) -> list[Timed]:
    """Return all queries, the slowest first, over a dashboard's default time range with all values chosen.

    Slow queries are measured a second time, because Prometheus may have been compacting.
    """
    (process,) = (found for found in psutil.Process().children() if found.name() == "prometheus")
    times = []
    for query in _queries():
        timed = _timed(server, process, end, *query)
        if timed.seconds > LIMIT_SECONDS:
            wait_until_idle(server)
            timed = min(timed, _timed(server, process, end, *query))
        times.append(timed)
    return sorted(times, reverse=True)


def _queries() -> Iterator[tuple[str, str, float | None]]:
    """Yield the queries of panels, annotations and variables: a title, the expression, and a step in seconds."""
    for name in NAMES:
        dashboard = read(name)
        for panel in panels(dashboard):
            step = step_of(panel, SPAN_SECONDS, SCRAPE_SECONDS)
            for target in panel["targets"]:
                where = f"{name}: {panel['title']} {target['refId']}"
                yield where, target["expr"], None if target["instant"] else step
        for annotation in dashboard["annotations"]["list"]:
            if "expr" in annotation:
                yield f"{name}: annotation {annotation['name']}", annotation["expr"], ANNOTATION_SECONDS
        for variable in variables(dashboard):
            if found := re.fullmatch(r"query_result\((.+)\)", variable["query"]):
                yield f"{name}: ${variable['name']}", found[1], None


def _timed(
    server: Prometheus, process: psutil.Process, end: float, where: str, expression: str, step: float | None
) -> Timed:
    """Return the best of several runs: the elapsed time or Prometheus's CPU time, whichever is less.

    On a busy machine the elapsed time is longer than the CPU time; on an idle one it is not, with one core per query.
    """
    filled = CHOSEN | macros(scrape=SCRAPE_SECONDS, step=step or SCRAPE_SECONDS, span=SPAN_SECONDS)
    parameters = {"query": fill_in(expression, filled)}
    if step is None:
        path, parameters["time"] = "query", str(end)
    else:
        path, times = "query_range", {"start": end - SPAN_SECONDS, "end": end, "step": step}
        parameters |= {name: str(value) for name, value in times.items()}
    seconds = []
    for _ in range(RUNS):
        passed, computed = time.perf_counter(), sum(process.cpu_times()[:2])
        url = f"{server.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=120) as response:
            body = response.read()
        seconds += [time.perf_counter() - passed, sum(process.cpu_times()[:2]) - computed]
    return Timed(min(seconds), body.count(b'"metric":'), where)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-bench-") as name, fleet(Path(name), shown()) as made:
        found = measure(*made)
    slow = [one for one in found if one.seconds > LIMIT_SECONDS]
    print(
        f"{PODS} pods of {MODELS} models, {FEATURES} features, {len(COUNTRIES)} segments; {SPAN_SECONDS // 3600} hours"
    )
    print(f"{len(found)} queries, {len(slow)} over {LIMIT_SECONDS * 1e3:.0f} ms")
    for one in found[: max(SHOWN, len(slow))]:
        print(f"{one.seconds * 1e3:5.0f} ms {one.series:5} series  {one.where}")
    for one in found:
        if not one.series:
            print(f"no data  {one.where}")
    sys.exit(bool(slow))


if __name__ == "__main__":
    main()
