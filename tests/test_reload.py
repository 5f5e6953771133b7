"""The configuration read again by a running sidecar: what is as before goes on, and a bad file changes nothing."""

import signal
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.reference import profile_file
from tests.process import DEADLINE_SECONDS, Exporter, exporter, wait_until
from tests.records import numeric, reference
from tests.servers import free_port

LINES = "prediction_exporter_source_lines_total"
SUCCESSFUL = "prediction_exporter_config_last_reload_successful"
LINE = '{"prediction": "approve", "latency_ms": 12, "features": {"age": 41}}\n'


def configure(folder: Path, *lines: str, sources: str = "[log.jsonl]") -> Path:
    path = folder / "config.yaml"
    path.write_text("\n".join(["listen: 127.0.0.1:0", "state_dir: state", f"sources: {sources}", *lines, ""]))
    return path


def append(folder: Path, text: str, name: str = "log.jsonl") -> None:
    with (folder / name).open("a") as file:
        file.write(text)


def reload(running: Exporter) -> None:
    """Send SIGHUP and wait until it has been seen to."""
    before = reloads(running)
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: reloads(running) > before)


def reloads(running: Exporter) -> int:
    """Return how many times the configuration has been read again, with success or without."""
    return len(running.entries("configuration loaded")) + len(running.entries("configuration not loaded"))


def test_a_good_file_keeps_all_that_it_leaves_as_it_was(tmp_path: Path) -> None:
    config = configure(tmp_path)
    append(tmp_path, LINE * 10 + LINE[:20])
    with exporter("--config", config) as running:
        running.wait_for(LINES, 10)
        before = running.samples("model_prediction_latency_seconds_bucket")
        configure(tmp_path, "thresholds: {accuracy: 0.9}")
        reload(running)
        assert running.samples("model_threshold")[("accuracy",)] == 0.9
        assert running.samples("model_prediction_latency_seconds_bucket") == before
        append(tmp_path, LINE[20:] + LINE)
        running.wait_for(LINES, 12)
        assert running.samples("model_predictions_total") == {("approve",): 12}
        assert running.total(SUCCESSFUL) == 1


def test_a_statistic_that_has_changed_begins_at_zero_and_the_others_go_on(tmp_path: Path) -> None:
    config = configure(tmp_path)
    append(tmp_path, LINE * 10)
    with exporter("--config", config) as running:
        running.wait_for(LINES, 10)
        configure(tmp_path, "buckets: {latency_seconds: [0.02, 0.2]}", "windows: [1m]")
        reload(running)
        append(tmp_path, LINE)
        running.wait_for(LINES, 11)
        assert running.samples("model_predictions_total") == {("approve",): 11}
        assert running.samples("model_prediction_latency_seconds_count") == {(): 1}
        assert running.samples("model_window_samples") == {("1m",): 1}
        running.stop(signal.SIGKILL)
    with exporter("--config", config) as running:
        assert running.samples("model_predictions_total") == {("approve",): 11}
        assert running.samples("model_prediction_latency_seconds_count") == {(): 1}


@pytest.mark.parametrize(
    ("exported", "bins"),
    [("[age]", {"age"}), ("[]", set()), ("[age, income]", {"age", "income"})],
)
def test_only_chosen_features_bins_are_exported_and_choosing_others_keeps_their_counts(
    tmp_path: Path, exported: str, bins: set[str]
) -> None:
    known = {"age": numeric([30.0, 50.0]), "income": numeric([0.5])}
    (tmp_path / "reference.json").write_bytes(profile_file.dump(reference(known)))
    config = configure(tmp_path, "reference: reference.json", f"exported_bins: {exported}")
    append(tmp_path, LINE * 100)
    with exporter("--config", config) as running:
        running.wait_for(LINES, 100)
        for name in ("model_feature_bin_total", "model_feature_reference_bin"):
            assert {feature for _, feature in running.samples(name)} == bins
        assert {feature for feature, _ in running.samples("model_feature_drift_psi")} == {*known}
        assert {feature for _, feature in running.samples("model_feature_quality_total")} == {*known}
        assert running.total("model_reference_info") == 1
        configure(tmp_path, "reference: reference.json")
        reload(running)
        assert running.samples("model_feature_bin_total")["1: [30, 50)", "age"] == 100
        assert running.samples("model_feature_bin_total")["missing", "income"] == 100


def test_a_new_reference_is_taken_up(tmp_path: Path) -> None:
    config = configure(tmp_path)
    append(tmp_path, LINE * 100)
    with exporter("--config", config) as running:
        running.wait_for(LINES, 100)
        assert running.samples("model_feature_bin_total") == {}
        (tmp_path / "reference.json").write_bytes(profile_file.dump(reference({"age": numeric([30.0, 50.0])})))
        configure(tmp_path, "reference: reference.json")
        reload(running)
        append(tmp_path, LINE * 50)
        running.wait_for(LINES, 150)
        assert running.samples("model_feature_bin_total")[("1: [30, 50)", "age")] == 50
        assert running.samples("model_feature_drift_psi")[("age", "5m")] > 0.25
        assert running.samples("model_predictions_total") == {("approve",): 150}


def test_segments_that_are_as_before_go_on_and_others_begin_at_zero(tmp_path: Path) -> None:
    config = configure(tmp_path, "segments: [{name: a, path: x}, {name: b, path: y}]")
    line = '{"prediction": "approve", "x": 1, "y": 2, "z": 3}\n'
    append(tmp_path, line * 10)
    with exporter("--config", config) as running:
        running.wait_for(LINES, 10)
        configure(tmp_path, "segments: [{name: a, path: x}, {name: b, path: z}]")
        reload(running)
        append(tmp_path, line)
        running.wait_for(LINES, 11)
        expected = {("approve", "a", "1"): 11, ("approve", "b", "3"): 1}
        assert running.samples("model_segment_predictions_total") == expected
        running.stop(signal.SIGKILL)
    with exporter("--config", config) as running:
        assert running.samples("model_segment_predictions_total") == expected


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("windows: [5x]", "windows[0]: expected a duration"),
        ("listn: 1", "listn: unknown key; did you mean `listen`?"),
        ("reference: nowhere.json", "nowhere.json: No such file or directory"),
        ("a: [", ":5:1: expected the node content"),
        ("reload_endpoint: true", "reload_endpoint: changing this key needs a restart"),
    ],
)
def test_a_bad_file_changes_nothing_and_shows(tmp_path: Path, change: str, told: str) -> None:
    config = configure(tmp_path)
    append(tmp_path, LINE * 10)
    with exporter("--config", config) as running:
        running.wait_for(LINES, 10)
        configure(tmp_path, change)
        reload(running)
        (problem,) = running.entries("configuration not loaded")
        assert told in problem["problem"]
        assert running.total(SUCCESSFUL) == 0
        append(tmp_path, LINE)
        running.wait_for(LINES, 11)
        configure(tmp_path)
        reload(running)
        assert running.total(SUCCESSFUL) == 1
        assert running.samples("model_predictions_total") == {("approve",): 11}


def test_sources_come_and_go_and_the_others_keep_their_connections(tmp_path: Path) -> None:
    kept, other = free_port(), free_port()
    config = configure(tmp_path, sources=f"[log.jsonl, 'tcp://127.0.0.1:{kept}', 'tcp://127.0.0.1:{other}']")
    with exporter("--config", config) as running:
        assert running.address
        with (
            socket.create_connection(("127.0.0.1", kept)) as one,
            socket.create_connection(("127.0.0.1", other)) as two,
        ):
            append(tmp_path, LINE * 3)
            one.sendall(LINE.encode() + LINE[:10].encode())
            two.sendall(LINE.encode())
            running.wait_for(LINES, 5)
            append(tmp_path, LINE, "new.jsonl")
            configure(tmp_path, sources=f"[new.jsonl, 'tcp://127.0.0.1:{kept}']")
            reload(running)
            assert two.recv(1) == b""
            append(tmp_path, LINE * 5)
            one.sendall(LINE[10:].encode())
            running.wait_for("model_predictions_total", 5 + 1 + 1)
        # The file that was left goes on from where it was left.
        configure(tmp_path, sources="[log.jsonl]")
        reload(running)
        running.wait_for("model_predictions_total", 7 + 5)


def test_a_source_that_cannot_begin_leaves_all_as_it_was(tmp_path: Path) -> None:
    port = free_port()
    config = configure(tmp_path, sources=f"[log.jsonl, 'tcp://127.0.0.1:{port}']")
    append(tmp_path, LINE)
    with exporter("--config", config) as running, socket.create_server(("127.0.0.1", 0)) as taken:
        running.wait_for(LINES, 1)
        configure(tmp_path, "windows: [1m]", sources=f"[new.jsonl, 'tcp://127.0.0.1:{taken.getsockname()[1]}']")
        reload(running)
        (problem,) = running.entries("configuration not loaded")
        assert "Address already in use" in problem["problem"]
        assert running.samples("model_window_samples").keys() == {("5m",), ("1h",), ("24h",)}
        append(tmp_path, LINE)
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.sendall(LINE.encode())
        running.wait_for("model_predictions_total", 3)


def post(running: Exporter, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(running.address + "/-/reload", b"", headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_over_http_it_is_off_unless_it_is_turned_on(tmp_path: Path) -> None:
    config = configure(tmp_path)
    with exporter("--config", config) as running:
        assert post(running)[0] == 403
        running.stop()
    configure(tmp_path, "reload_endpoint: true")
    with exporter("--config", config) as running:
        assert post(running) == (200, "")
        assert post(running, Origin="http://a.page")[0] == 403
        assert running.status("/-/reload") == 404
        configure(tmp_path, "reload_endpoint: true", "windows: []")
        status, told = post(running)
        assert (status, "windows: expected at least one duration" in told) == (400, True)


def test_scrapes_during_many_reloads_are_whole(tmp_path: Path) -> None:
    config = configure(tmp_path)
    append(tmp_path, LINE * 100)
    with exporter("--config", config) as running:
        running.wait_for(LINES, 100)
        for number in range(10):
            buckets = "0.02" if number % 2 else "0.02, 0.3"
            configure(tmp_path, f"buckets: {{latency_seconds: [{buckets}]}}")
            running.process.send_signal(signal.SIGHUP)
            for _ in range(5):
                assert running.samples("model_predictions_total") == {("approve",): 100}
        assert running.status("/-/ready") == 200


POST = b"POST /v1/predictions HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"


def test_a_request_that_has_begun_when_its_source_goes_is_told_to_try_again(tmp_path: Path) -> None:
    record = b'{"prediction": "approve"}\n'
    head = POST % len(record) + b"Idempotency-Key: a\r\n\r\n"
    config = configure(tmp_path, sources="[log.jsonl, {url: http:///v1/predictions}]")
    with exporter("--config", config) as running:
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS) as one:
            one.sendall(head + record[:9])
            # A later request is answered after the first has begun.
            assert running.status("/-/healthy") == 200
            configure(tmp_path)
            reload(running)
            one.sendall(record[9:])
            assert one.recv(1000).startswith(b"HTTP/1.1 503 ")
        configure(tmp_path, sources="[log.jsonl, {url: http:///v1/predictions}]")
        reload(running)
        with socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS) as one:
            one.sendall(head + record)
            assert one.recv(1000).endswith(b'{"accepted": 1}')


def test_nothing_is_lost_or_repeated_while_all_sources_have_traffic(tmp_path: Path) -> None:
    tcp, udp = free_port(), free_port()
    sources = f"log.jsonl, unix://s.sock, tcp://127.0.0.1:{tcp}, udp://127.0.0.1:{udp}, {{url: http:///v1/predictions}}"
    config = configure(tmp_path, sources=f"[{sources}]")
    with exporter("--config", config) as running, ExitStack() as stack:
        host, port = running.address.removeprefix("http://").split(":")
        one, other, web, datagram = (
            stack.enter_context(socket.socket(family, kind))
            for family, kind in (
                (socket.AF_UNIX, socket.SOCK_STREAM),
                (socket.AF_INET, socket.SOCK_STREAM),
                (socket.AF_INET, socket.SOCK_STREAM),
                (socket.AF_INET, socket.SOCK_DGRAM),
            )
        )
        one.connect(str(tmp_path / "s.sock"))
        other.connect(("127.0.0.1", tcp))
        web.connect((host, int(port)))
        datagram.connect(("127.0.0.1", udp))
        rounds = 0
        for number in range(1, 9):
            windows = f"windows: [{number}m, 1h]" if number % 4 else "windows: ["
            configure(tmp_path, windows, sources=f"[{sources}{', other.jsonl' if number % 2 else ''}]")
            running.process.send_signal(signal.SIGHUP)
            while reloads(running) < number:
                rounds += 1
                records = {name: f'{{"prediction": "{name}"}}\n' for name in ("file", "unix", "tcp", "udp", "http")}
                append(tmp_path, records["file"])
                for stream, name in ((one, "unix"), (other, "tcp")):
                    stream.sendall(records[name][:9].encode())
                    stream.sendall(records[name][9:].encode())
                datagram.send(records["udp"].encode())
                web.sendall(POST % len(records["http"]) + b"\r\n" + records["http"].encode())
                assert web.recv(1000).endswith(b'{"accepted": 1}')
        running.wait_for("model_predictions_total", 5 * rounds)
        assert running.samples("model_predictions_total") == dict.fromkeys(
            (("file",), ("unix",), ("tcp",), ("udp",), ("http",)), rounds
        )
