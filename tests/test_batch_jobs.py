"""Batch jobs: read what is there, commit and exit; metrics for a textfile collector or a Pushgateway."""

import json
import signal
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.process import DEADLINE_SECONDS, command, exporter, samples_of
from tests.servers import free_port, prometheus, require, wait_until_ready

PREDICTIONS = "model_predictions_total"


def records(count: int, first: int = 0) -> str:
    return "".join(
        json.dumps({"request_id": str(number), "prediction": "yes" if number % 3 else "no", "latency_ms": 20}) + "\n"
        for number in range(first, first + count)
    )


def configure(folder: Path, *lines: str) -> Path:
    file = folder / "config.yaml"
    file.write_text("\n".join(["state_dir: state", "model: {name: nightly}", "sources: ['log*.jsonl']", *lines]))
    return file


def counted(text: str) -> float:
    return sum(samples_of(text, PREDICTIONS).values())


def test_each_run_counts_what_is_new_and_totals_go_on(tmp_path: Path) -> None:
    config, output = configure(tmp_path), tmp_path / "predictions.prom"
    for night in range(3):
        (tmp_path / f"log-{night}.jsonl").write_text(records(300, 300 * night))
        done = command("run", "--config", config, "--once", "--textfile", output)
        assert done.returncode == 0, done.stderr
        # The last values are not held back.
        assert counted(output.read_text()) == 300 * (night + 1)
    assert output.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.glob("predictions*")] == ["predictions.prom"]
    again = command("run", "--config", config, "--once", "--textfile", output)
    assert (again.returncode, counted(output.read_text())) == (0, 900)


def test_it_ends_without_a_port_or_an_output(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(records(10))
    config = configure(tmp_path, "listen: 203.0.113.1:1")
    assert command("run", "--config", config, "--once").returncode == 0
    output = tmp_path / "x.prom"
    command("run", "--config", config, "--once", "--textfile", output)
    assert counted(output.read_text()) == 10


def test_much_is_read_and_joined_with_a_database(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(records(60_000))
    with sqlite3.connect(tmp_path / "labels.db") as database:
        database.execute("CREATE TABLE labels (id INTEGER PRIMARY KEY, request_id TEXT, actual TEXT)")
        rows = ((str(number), "yes") for number in range(60_000))
        database.executemany("INSERT INTO labels (request_id, actual) VALUES (?, ?)", rows)
    query = "query: 'SELECT id, request_id, actual FROM labels WHERE id > :mark ORDER BY id', mark: id, initial: 0"
    labels = f"ground_truth: {{sources: [{{url: 'sqlite:///{tmp_path}/labels.db', {query}}}], waiting: 1000000}}"
    output = tmp_path / "x.prom"
    done = command("run", "--config", configure(tmp_path, labels), "--once", "--textfile", output)
    assert done.returncode == 0, done.stderr
    assert sum(samples_of(output.read_text(), "model_outcomes_total").values()) == 60_000


def test_a_database_that_cannot_be_read_fails_the_job(tmp_path: Path) -> None:
    query = "query: 'SELECT id, request_id, actual FROM labels WHERE id > :mark', mark: id, initial: 0"
    config = configure(tmp_path, f"ground_truth: {{sources: [{{url: 'sqlite:///{tmp_path}/none.db', {query}}}]}}")
    done = command("run", "--config", config, "--once")
    assert done.returncode == 2
    assert "none.db" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--once", "--textfile", "x.txt"], "--textfile x.txt: expected a name that ends in .prom"),
        (["--once", "--textfile", "no/x.prom"], "--textfile no/x.prom: no such folder"),
        (["--once", "--push", "pushgateway:9091"], "--push: expected a URL such as http://pushgateway:9091"),
        (
            ["--once", "--push", "http://127.0.0.1:1/x"],
            "--push: expected a path such as /metrics/job/NAME/instance/NAME",
        ),
    ],
)
def test_mistakes_are_one_line_before_anything_is_read(tmp_path: Path, options: list[str], problem: str) -> None:
    done = command("run", "--config", configure(tmp_path), *options)
    assert done.returncode == 2
    assert problem in done.stderr
    assert not (tmp_path / "state" / "checkpoint").exists()


def test_a_source_without_an_end_is_a_mistake(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("sources: ['log.jsonl', 'udp://127.0.0.1:0']\n")
    done = command("run", "--config", config, "--once")
    assert done.returncode == 2
    assert "udp://127.0.0.1:0 has no end; with --once, expected files and databases only" in done.stderr


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    program = [require("prometheus-pushgateway"), f"--web.listen-address={address}", "--persistence.file="]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path) as process:
        try:
            wait_until_ready(f"http://{address}")
            yield address
        finally:
            process.terminate()


def pushed(gateway: str) -> dict[tuple[str, str], float]:
    """Return the predictions in a gateway by job and instance."""
    with urllib.request.urlopen(f"http://{gateway}/metrics", timeout=DEADLINE_SECONDS) as answer:
        text = answer.read().decode()
    found: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == PREDICTIONS:
                found[sample.labels["job"], sample.labels["instance"]] += int(sample.value)
    return dict(found)


@pytest.mark.servers
def test_metrics_are_pushed_to_a_gateway_and_scraped_from_it(tmp_path: Path, gateway: str) -> None:
    config = configure(tmp_path)
    for night in range(2):
        (tmp_path / f"log-{night}.jsonl").write_text(records(300, 300 * night))
        target = f"http://{gateway}/metrics/job/nightly/instance/a"
        done = command("run", "--config", config, "--once", "--push", target)
        assert done.returncode == 0, done.stderr
        assert pushed(gateway) == {("nightly", "a"): 300 * (night + 1)}
    (tmp_path / "prometheus").mkdir()
    with prometheus(tmp_path / "prometheus", gateway) as server:
        server.wait_for(f"sum({PREDICTIONS}) == 600")
    # Another group beside it, with the default name.
    other = tmp_path / "other"
    other.mkdir()
    (other / "log.jsonl").write_text(records(7))
    assert command("run", "--config", configure(other), "--once", "--push", f"http://{gateway}").returncode == 0
    assert pushed(gateway) == {("nightly", "a"): 600, ("prediction-exporter", ""): 7}


def test_a_gateway_that_cannot_be_reached_fails_the_job_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(records(50))
    config = configure(tmp_path)
    done = command("run", "--config", config, "--once", "--push", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "--push" in line]
    assert "Connection refused" in line
    output = tmp_path / "x.prom"
    command("run", "--config", config, "--once", "--textfile", output)
    assert counted(output.read_text()) == 50


@pytest.mark.servers
def test_a_pod_that_ends_pushes_its_last_counts_and_is_not_scraped(tmp_path: Path, gateway: str) -> None:
    (tmp_path / "log.jsonl").write_text(records(20))
    config = configure(tmp_path, "listen: 127.0.0.1:0")
    with exporter("--config", config, "--push", f"http://{gateway}") as running:
        with pytest.raises(urllib.error.HTTPError) as refused:
            running.get("/metrics")
        assert refused.value.code == 404
        assert "healthy" in running.get("/-/healthy").lower()
        with (tmp_path / "log.jsonl").open("a") as file:
            file.write(records(5, 20))
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(DEADLINE_SECONDS) == 0
    assert pushed(gateway) == {("prediction-exporter", ""): 25}
