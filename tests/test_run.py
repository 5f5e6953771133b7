"""`prediction-exporter run` as a user has it: started, fed, stopped, started again."""

import json
import platform
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from exporter import __version__
from tests.process import Exporter, command, exporter, wait_until

LINES = "prediction_exporter_source_lines_total"
PREDICTIONS = "model_predictions_total"
SEGMENT_PREDICTIONS = "model_segment_predictions_total"


def lines(count: int, label: str = "approve") -> str:
    return f'{{"prediction": "{label}", "latency_ms": 12}}\n' * count


def configure(folder: Path, *more: str) -> Path:
    path = folder / "config.yaml"
    path.write_text("\n".join(["listen: 127.0.0.1:0", "state_dir: state", "sources: ['*.jsonl']", *more, ""]))
    return path


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_it_runs_on_a_source_without_any_file(tmp_path: Path) -> None:
    append(tmp_path / "log.jsonl", lines(3))
    with exporter("--source", f"file://{tmp_path}/*.jsonl", "--listen", "127.0.0.1:0") as running:
        assert running.samples(PREDICTIONS) == {("approve",): 3}
        assert running.entries("no reference profile; drift is disabled")


@pytest.mark.parametrize("forked", [True, False], ids=["fork", "new interpreter"])
def test_lines_written_before_sigterm_are_counted_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, forked: bool
) -> None:
    if not forked:
        monkeypatch.setattr(Exporter, "forks", None)
    config = configure(tmp_path)
    append(tmp_path / "log.jsonl", lines(1))
    with exporter("--config", config) as running:
        assert running.total(LINES) == 1
        append(tmp_path / "log.jsonl", lines(50_000))
        assert running.stop(signal.SIGTERM) == 0
        assert running.entries("stopping")
    (tmp_path / "log.jsonl").unlink()
    with exporter("--config", config) as running:
        assert running.samples(PREDICTIONS) == {("approve",): 50_001}


def test_what_a_scrape_showed_survives_kill_9_although_the_log_is_gone(tmp_path: Path) -> None:
    config = configure(tmp_path)
    with exporter("--config", config) as running:
        append(tmp_path / "log.jsonl", lines(30_000))
        running.wait_for(LINES, 30_000)
        running.stop(signal.SIGKILL)
    (tmp_path / "log.jsonl").unlink()
    with exporter("--config", config) as running:
        assert running.samples(PREDICTIONS) == {("approve",): 30_000}
        assert running.total("prediction_exporter_checkpoint_recoveries_total") == 1


def test_segments_survive_kill_9_and_go_on(tmp_path: Path) -> None:
    def of(*channels: str | None) -> str:
        return "".join(json.dumps({"prediction": "approve", "request": {"channel": name}}) + "\n" for name in channels)

    config = configure(tmp_path, "segments: [{name: channel, path: request.channel}]", "limits: {segment_values: 2}")
    with exporter("--config", config) as running:
        append(tmp_path / "log.jsonl", of("web", "app", "tv", None) * 5000)
        running.wait_for(LINES, 20_000)
        before = running.samples(SEGMENT_PREDICTIONS)
        running.stop(signal.SIGKILL)
    assert before == {("approve", "channel", value): 5000 for value in ("web", "app", "other", "missing")}
    with exporter("--config", config) as running:
        append(tmp_path / "log.jsonl", of("tv", "app"))
        running.wait_for(LINES, 20_002)
        after = running.samples(SEGMENT_PREDICTIONS)
        assert after == before | {("approve", "channel", value): 5001 for value in ("app", "other")}
        assert running.samples("prediction_exporter_capped_labels_total")[("segment_value",)] == 5001
        assert sum(running.samples(PREDICTIONS).values()) == 20_002


def test_what_it_has_found_at_its_first_start_is_found_again_although_nobody_has_scraped(tmp_path: Path) -> None:
    config = configure(tmp_path)
    log = tmp_path / "log.jsonl"
    append(log, lines(10))
    with exporter("--config", config) as running:
        assert running.address
        wait_until((tmp_path / "state" / "checkpoint").exists)
        running.stop(signal.SIGKILL)
    append(log, lines(10))
    log.rename(tmp_path / "log.jsonl.1")
    append(log, lines(10, "deny"))
    with exporter("--config", config) as running:
        running.wait_for(LINES, 30)
        assert running.samples(PREDICTIONS) == {("approve",): 20, ("deny",): 10}


def test_it_tells_of_its_commits_and_its_configuration(tmp_path: Path) -> None:
    config = configure(tmp_path)
    begin = time.time()
    with exporter("--config", config) as running:

        def told(name: str) -> float:
            return running.total(f"prediction_exporter_{name}")

        assert running.samples("prediction_exporter_build_info") == {(platform.python_version(), __version__): 1}
        commits, renders = told("commit_duration_seconds_count"), told("render_duration_seconds_count")
        assert told("commits_total") > commits > 0
        assert told("render_duration_seconds_count") > renders > 0
        assert told("commit_duration_seconds_sum") > 0
        assert told("render_duration_seconds_sum") > 0
        # The page is that of a commit, and has the size of the one before.
        assert begin < told("checkpoint_timestamp_seconds") <= time.time()
        assert told("checkpoint_bytes") == pytest.approx((tmp_path / "state" / "checkpoint").stat().st_size, rel=0.1)
        loaded = told("config_last_reload_success_timestamp_seconds")
        assert begin < loaded <= time.time()
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: running.entries("configuration loaded"))
        assert loaded < told("config_last_reload_success_timestamp_seconds") <= time.time()


def test_without_a_state_folder_counters_start_at_zero_and_the_log_is_read_anew(tmp_path: Path) -> None:
    append(tmp_path / "log.jsonl", lines(5))
    for _ in range(2):
        with exporter("--source", str(tmp_path / "log.jsonl"), "--listen", "127.0.0.1:0") as running:
            assert running.samples(PREDICTIONS) == {("approve",): 5}
            assert running.stop(signal.SIGINT) == 0


def test_start_end_leaves_out_what_is_there_at_start(tmp_path: Path) -> None:
    append(tmp_path / "log.jsonl", lines(5))
    config = tmp_path / "config.yaml"
    config.write_text("listen: 127.0.0.1:0\nsources: [{url: '*.jsonl', start: end}]\n")
    with exporter("--config", config) as running:
        assert running.total(LINES) == 0
        append(tmp_path / "log.jsonl", lines(2, "deny"))
        append(tmp_path / "later.jsonl", lines(3, "review"))
        running.wait_for(LINES, 5)
        assert running.samples(PREDICTIONS) == {("deny",): 2, ("review",): 3}


@pytest.mark.parametrize("damage", [b"", b"prediction-exporter checkpoint\n\x01", bytes(range(256)) * 16])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_reads_on_from_there(
    tmp_path: Path, damage: bytes
) -> None:
    config = configure(tmp_path)
    with exporter("--config", config) as running:
        for count in (100, 200, 300):
            append(tmp_path / "log.jsonl", lines(100))
            running.wait_for(LINES, count)
        running.stop(signal.SIGKILL)
    (tmp_path / "state" / "checkpoint").write_bytes(damage)
    with exporter("--config", config) as running:
        running.wait_for(LINES, 300)
        assert running.samples(PREDICTIONS) == {("approve",): 300}
        (told,) = running.entries("damaged checkpoint")
        assert told["using"] == "previous"
        assert str(tmp_path / "state" / "checkpoint") in told["problem"]
        assert running.samples("prediction_exporter_checkpoint_recoveries_total")[("previous",)] == 1


def test_two_damaged_generations_start_at_zero_and_read_the_log_again(tmp_path: Path) -> None:
    config = configure(tmp_path)
    with exporter("--config", config) as running:
        append(tmp_path / "log.jsonl", lines(100))
        running.wait_for(LINES, 100)
        running.stop()
    for name in ("checkpoint", "checkpoint.previous"):
        (tmp_path / "state" / name).write_bytes(b"?")
    with exporter("--config", config) as running:
        running.wait_for(LINES, 100)
        assert [entry["using"] for entry in running.entries("damaged checkpoint")] == ["none", "none"]


def test_a_second_process_on_the_same_state_is_refused_in_one_line(tmp_path: Path) -> None:
    config = configure(tmp_path)
    with exporter("--config", config) as running:
        assert running.status("/-/ready") == 200
        second = command("run", "--config", config)
    assert second.returncode == 2
    assert second.stderr == f"prediction-exporter: state_dir: another prediction-exporter uses {tmp_path / 'state'}\n"


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = command("run", "--source", tmp_path / "*.jsonl", "--listen", address)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"prediction-exporter: listen: {address}: Address already in use"
    assert "Traceback" not in done.stderr


def test_while_the_state_cannot_be_saved_scrapes_are_refused_and_afterwards_nothing_is_missing(tmp_path: Path) -> None:
    config = configure(tmp_path)
    with exporter("--config", config) as running:
        append(tmp_path / "log.jsonl", lines(10))
        running.wait_for(LINES, 10)
        # As root no permission is in the way; a folder where the new file is to be is.
        (tmp_path / "state" / "checkpoint.new").mkdir()
        append(tmp_path / "log.jsonl", lines(10))
        assert running.status("/metrics") == 503
        assert running.status("/-/healthy") == 200
        assert len(running.entries("checkpoint failed")) == 1
        (tmp_path / "state" / "checkpoint.new").rmdir()
        running.wait_for(LINES, 20)
        assert running.samples("prediction_exporter_commits_total")[("failure",)] >= 1
        assert running.entries("checkpoint succeeded")


def test_a_log_of_another_shape_is_read_by_configuration_alone(tmp_path: Path) -> None:
    record = {
        "timing": {"total": 0.03, "queue": 9},
        "output": {"label": "deny", "scores": {"deny": 0.7, "approve": 0.3}},
        "model.version": 7,
        "age": 41.5,
        "country": "DE",
        "unknown": [1, {"a": "b"}],
    }
    append(tmp_path / "log.jsonl", f"{json.dumps(record)}\n" * 200)
    config = configure(
        tmp_path,
        "reference: reference.json",
        "fields:",
        "  latency_seconds: timing.total",
        "  prediction: output.label",
        "  probability: output.scores",
        "  model_version: [model.version]",
        "  features: .",
    )
    made = command("profile", tmp_path / "log.jsonl", "--output", tmp_path / "reference.json", "--config", config)
    assert made.returncode == 0, made.stderr
    assert command("check", "--config", config).returncode == 0
    with exporter("--config", config) as running:
        running.wait_for(LINES, 200)
        page = running.get("/metrics")
        assert 'model_predictions_total{model_name="unknown",model_version="7",prediction_class="deny"} 200.0' in page
        assert running.samples("model_prediction_latency_seconds_bucket")[("0.025",)] == 0
        assert running.samples("model_prediction_latency_seconds_bucket")[("0.05",)] == 200
        assert running.samples("model_prediction_probability_bucket")[("0.7",)] == 200
        drift = running.samples("model_feature_drift_psi")
        assert drift.keys() == {(name, window) for name in ("age", "country") for window in ("5m", "1h", "24h")}
        assert set(drift.values()) == {0.0}


def test_bad_lines_are_counted_and_told_by_place_but_never_by_content(tmp_path: Path) -> None:
    append(tmp_path / "log.jsonl", lines(3) + '{"prediction": ["secret", "slow"]}\n' + '{"password": 1\n' * 5)
    with exporter("--config", configure(tmp_path)) as running:
        running.wait_for(LINES, 9)
        told = {entry["reason"]: entry for entry in running.entries("line rejected")}
        assert told["wrong_type"]["offset"] == len(lines(3))
        assert told["invalid_json"]["path"] == str(tmp_path / "log.jsonl")
        assert not re.search("secret|slow|password", running.said)
        assert running.samples(PREDICTIONS) == {("approve",): 3}
