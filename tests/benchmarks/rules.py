"""What the rules cost a Prometheus that scrapes a fleet: `python -m tests.benchmarks.rules --pods 1000 --minutes 15`.

The pods are copies of a real sidecar with 20 features and have the series that rules read; their counters grow at each
scrape. The result for a group is the median duration of its evaluations in the last third of the time. Evaluations are
at least a minute apart, so that none waits for another; the share of a core is for the group's own interval.
"""

from __future__ import annotations

import gzip
import json
import re
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import psutil
import yaml

from alerts.rule_files import Group, RuleFile, load
from exporter.units import Duration
from tests.benchmarks.exporter import make_reference
from tests.benchmarks.exposition import Sample, samples
from tests.benchmarks.log import write_log
from tests.process import exporter
from tests.servers import free_port, require, wait_until_ready

RECORDS = 5000
MODELS = 10
SCRAPE_SECONDS = 15
POLL_SECONDS = 10
SLOW_INTERVAL = "1m"


def exposition(folder: Path, read: str) -> list[Sample]:
    """Return the samples of a sidecar with ground truth, of the metrics that are named in `read`."""
    log, reference = folder / "log.jsonl", folder / "reference.json"
    write_log(log, RECORDS, seed=2)
    make_reference(log, reference)
    records = [json.loads(line) for line in log.read_text().splitlines()]
    (folder / "truth.jsonl").write_text(
        "".join(json.dumps({"request_id": each["request_id"], "actual": each["prediction"]}) + "\n" for each in records)
    )
    config = folder / "config.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nsources: [{log}]\nreference: {reference}\nwindows: [5m, 1h, 24h]\n"
        f"ground_truth: {{sources: [{folder}/truth.jsonl]}}\n"
    )
    with exporter("--config", config) as sidecar:
        sidecar.wait_for("model_outcomes_total", RECORDS)
        text = sidecar.get("/metrics")
    names = set(re.findall(r"\b(?:model|prediction_exporter)_\w+", read))
    return [sample for sample in samples(text) if sample.name in names]


class Fleet:
    """Expositions of models, at `/0`, `/1` and so on; the counters grow by their first values at each scrape."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples
        self._expositions: dict[tuple[str, int], bytes] = {}
        self._began = time.monotonic()

    def exposition(self, model: str) -> bytes:
        turn = 1 + int((time.monotonic() - self._began) / SCRAPE_SECONDS)
        if (model, turn) not in self._expositions:
            lines = (_line(sample, model, turn) for sample in self._samples)
            self._expositions = {key: kept for key, kept in self._expositions.items() if key[1] >= turn}
            self._expositions[model, turn] = gzip.compress("".join(lines).encode(), compresslevel=1)
        return self._expositions[model, turn]

    @contextmanager
    def served(self) -> Iterator[int]:
        """Serve the expositions; yields the port."""
        fleet = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = fleet.exposition(self.path.strip("/"))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                # Prometheus may have stopped.
                with suppress(BrokenPipeError):
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()


def _line(sample: Sample, model: str, turn: int) -> str:
    labels = {**sample.labels, "model_name": f"model{model}"}
    pairs = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    return f"{sample.name}{{{pairs}}} {sample.value * turn if sample.grows else sample.value}\n"


@contextmanager
def watching(folder: Path, port: int, pods: int, files: Sequence[RuleFile]) -> Iterator[tuple[psutil.Popen, str]]:
    """Run a Prometheus with rules that scrapes so many pods; yields its process and its address."""
    (folder / "rules").mkdir()
    for file in files:
        slow = [{**group, "interval": SLOW_INTERVAL} if _seconds(group) < 60 else group for group in file.groups]
        (folder / "rules" / f"{file.name}.yaml").write_text(yaml.safe_dump({"groups": slow}))
    targets = [
        {
            "targets": [f"127.0.0.1:{port}"],
            "labels": {"__metrics_path__": f"/{pod % MODELS}", "instance": f"10.0.0.{pod}:9465", "pod": f"pod-{pod}"},
        }
        for pod in range(pods)
    ]
    (folder / "prometheus.json").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": "10s"},
                "scrape_configs": [{"job_name": "model", "static_configs": targets}],
                "rule_files": [f"{folder}/rules/*.yaml"],
            }
        )
    )
    address = f"127.0.0.1:{free_port()}"
    command = [require("prometheus"), f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/tsdb"]
    with (folder / "prometheus.log").open("w") as log:
        process = psutil.Popen([*command, f"--web.listen-address={address}"], stderr=log)
        try:
            wait_until_ready(f"http://{address}")
            yield process, f"http://{address}"
        finally:
            process.terminate()
            process.wait()


def _seconds(group: Group) -> float:
    return Duration.parse(group["interval"]).seconds


def durations(address: str) -> dict[str, tuple[float, dict[str, float]]]:
    """Return how many seconds each group's last evaluation took, and each of its rules."""
    with urllib.request.urlopen(f"{address}/api/v1/rules", timeout=60) as answer:
        groups = json.load(answer)["data"]["groups"]
    return {
        group["name"]: (
            group["evaluationTime"],
            {rule["name"]: rule["evaluationTime"] for rule in group["rules"]},
        )
        for group in groups
    }


@click.command()
@click.option("--pods", default=100, show_default=True)
@click.option(
    "--minutes", default=6.0, show_default=True, help="How long to scrape; windows of an hour fill meanwhile."
)
@click.option("--rules", "slowest", default=8, show_default=True, help="How many of the slowest rules are listed.")
@click.option("--without", multiple=True, help="A file of rules to leave out, such as feature-drift-instances.")
def main(pods: int, minutes: float, slowest: int, without: tuple[str, ...]) -> None:
    """Print how long each group of rules takes."""
    files = [file for file in load() if file.name not in without]
    intervals = {group["name"]: _seconds(group) for file in files for group in file.groups}
    read = "".join(file.text for file in files)
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-rules-") as name, ExitStack() as stack:
        folder = Path(name)
        pod = exposition(folder, read)
        port = stack.enter_context(Fleet(pod).served())
        process, address = stack.enter_context(watching(folder, port, pods, files))
        group_seconds: dict[str, list[float]] = {}
        rule_seconds: dict[str, list[float]] = {}
        begin = time.monotonic()
        while time.monotonic() < begin + minutes * 60:
            time.sleep(POLL_SECONDS)
            if time.monotonic() < begin + minutes * 40:
                continue
            for group, (took, by_rule) in durations(address).items():
                group_seconds.setdefault(group, []).append(took)
                for rule, part in by_rule.items():
                    rule_seconds.setdefault(rule, []).append(part)
        resident = process.memory_info().rss / 2**20
    seconds_of = {group: statistics.median(each) for group, each in group_seconds.items()}
    print(f"{pods} pods, {len(pod)} series each; after {minutes:g} minutes Prometheus has {resident:.0f} MiB\n")
    print("| group | every | takes | of a core |\n| --- | --- | --- | --- |")
    for group, seconds in sorted(seconds_of.items(), key=lambda item: -item[1] / intervals[item[0]]):
        print(f"| {group} | {intervals[group]:.0f} s | {seconds:.3f} s | {seconds / intervals[group]:.1%} |")
    print(f"| all | | | {sum(seconds / intervals[group] for group, seconds in seconds_of.items()):.1%} |\n")
    medians = {rule: statistics.median(each) for rule, each in rule_seconds.items()}
    for rule in sorted(medians, key=medians.__getitem__, reverse=True)[:slowest]:
        print(f"{medians[rule]:.3f} s {rule}")


if __name__ == "__main__":
    main()
