"""What a running sidecar shows to a Prometheus of new counters, by HTTP."""

import json
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from exporter.serving.server import SCRAPER_HEADER
from tests.process import DEADLINE_SECONDS, Exporter, Samples, exporter, samples_of, wait_until

LINES = "prediction_exporter_source_lines_total"
CLASSES = "model_predictions_total"


def append(folder: Path, prediction: str, number: int) -> None:
    record = {"timestamp": time.time(), "prediction": prediction, "latency_ms": 5}
    with (folder / "log.jsonl").open("a") as file:
        file.write((json.dumps(record) + "\n") * number)


def scrape(running: Exporter, name: str) -> Samples:
    """Return a metric's values as a Prometheus at our address is shown them."""
    request = urllib.request.Request(f"{running.address}/metrics", headers={SCRAPER_HEADER: "10"})
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as response:
        return samples_of(response.read().decode(), name)


def test_new_counters_are_zero_in_the_first_scrape_of_a_prometheus_and_those_of_a_restart_are_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.yaml").write_text("listen: 127.0.0.1:0\nsources: [log.jsonl]\nstate_dir: state\n")
    arguments = ["--config", tmp_path / "config.yaml"]
    append(tmp_path, "approve", 30)
    with exporter(*arguments) as running:
        # A person sees the values at once.
        running.wait_for(LINES, 30)
        assert [scrape(running, CLASSES) for _ in range(2)] == [{("approve",): 0}, {("approve",): 30}]
        append(tmp_path, "deny", 5)
        running.wait_for(LINES, 35)
        assert scrape(running, CLASSES) == {("approve",): 30, ("deny",): 0}
        assert scrape(running, CLASSES) == {("approve",): 30, ("deny",): 5}
        running.stop(signal.SIGKILL)
    with exporter(*arguments) as running:
        append(tmp_path, "review", 7)
        running.wait_for(LINES, 42)
        assert scrape(running, CLASSES) == {("approve",): 30, ("deny",): 5, ("review",): 0}
        assert scrape(running, CLASSES) == {("approve",): 30, ("deny",): 5, ("review",): 7}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_saved_but_not_scraped_before_a_restart_is_still_new(tmp_path: Path, end: signal.Signals) -> None:
    (tmp_path / "config.yaml").write_text("listen: 127.0.0.1:0\nsources: [log.jsonl]\nstate_dir: state\n")
    arguments = ["--config", tmp_path / "config.yaml"]
    append(tmp_path, "approve", 30)
    for _ in range(2):
        with exporter(*arguments) as running:
            # A person's request saves the state, too.
            running.wait_for(LINES, 30)
            running.stop(end)
    with exporter(*arguments) as running:
        running.wait_for(LINES, 30)
        assert [scrape(running, CLASSES) for _ in range(2)] == [{("approve",): 0}, {("approve",): 30}]
        append(tmp_path, "deny", 5)
        running.wait_for(LINES, 35)
        running.stop(end)
    with exporter(*arguments) as running:
        append(tmp_path, "deny", 2)
        running.wait_for(LINES, 37)
        assert scrape(running, CLASSES) == {("approve",): 30, ("deny",): 0}
        assert scrape(running, CLASSES) == {("approve",): 30, ("deny",): 7}


def test_a_reload_makes_nothing_new_that_was_there_before(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("listen: 127.0.0.1:0\nsources: [log.jsonl]\n")
    append(tmp_path, "approve", 30)
    with exporter("--config", config) as running:
        running.wait_for(LINES, 30)
        assert [scrape(running, CLASSES) for _ in range(2)] == [{("approve",): 0}, {("approve",): 30}]
        config.write_text("listen: 127.0.0.1:0\nsources: [log.jsonl]\nwindows: [2m]\n")
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: running.entries("configuration loaded"), "configuration loaded")
        append(tmp_path, "approve", 3)
        running.wait_for(LINES, 33)
        assert scrape(running, CLASSES) == {("approve",): 33}


def test_openmetrics_has_the_time_at_which_a_counter_was_born(tmp_path: Path) -> None:
    begun = time.time()
    append(tmp_path, "approve", 30)
    with exporter("--source", tmp_path / "log.jsonl", "--listen", "127.0.0.1:0") as running:
        running.wait_for(LINES, 30)
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        request = urllib.request.Request(f"{running.address}/metrics", headers=accept)
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as response:
            (line,) = (
                line for line in response.read().decode().splitlines() if line.startswith("model_predictions_cr")
            )
        assert begun <= float(line.split()[-1]) <= time.time()
        assert "_created" not in running.get("/metrics")
