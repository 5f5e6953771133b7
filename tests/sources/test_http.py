"""Records that are POSTed to a running sidecar: acknowledged once committed, and counted once."""

import gzip
import json
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.process import DEADLINE_SECONDS, Exporter, exporter, wait_until
from tests.servers import free_port

PATH = "/v1/predictions"
LINES = "prediction_exporter_source_lines_total"
REQUESTS = "prediction_exporter_source_requests_total"
GOOD = '{"prediction": "approve", "latency_ms": 12}'
NDJSON = "application/x-ndjson"


@contextmanager
def listening(folder: Path, *options: str, port: int = 0, more: str = "") -> Iterator[Exporter]:
    source = f"{{{', '.join((f'url: http://{PATH}', *options))}}}"
    config = folder / "config.yaml"
    config.write_text(f"listen: 127.0.0.1:{port}\nstate_dir: state\nsources: [{source}]\n{more}\n")
    with exporter("--config", config) as running:
        assert running.address
        yield running


def post(running: Exporter, body: str | bytes, kind: str = NDJSON, **headers: str) -> tuple[int, dict[str, Any]]:
    """Return the status of the response, and its document."""
    data = body.encode() if isinstance(body, str) else body
    spelt = {name.replace("_", "-"): value for name, value in headers.items() if name != "chunked"}
    sent = iter([data]) if "chunked" in headers else data
    request = urllib.request.Request(running.address + PATH, sent, {"Content-Type": kind, **spelt})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """A sidecar for tests that compare what it counted before and after."""
    with listening(tmp_path_factory.mktemp("shared")) as running:
        yield running


def test_a_request_answered_with_200_survives_kill_9(tmp_path: Path) -> None:
    with listening(tmp_path) as running:
        assert post(running, f"{GOOD}\n" * 100) == (200, {"accepted": 100})
        running.stop(signal.SIGKILL)
    with listening(tmp_path) as running:
        assert running.samples("model_predictions_total") == {("approve",): 100}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(f"{GOOD}\n{GOOD}", NDJSON, id="lines, the last without its newline"),
        pytest.param(f"{GOOD}\r\n{GOOD}\r\n", "text/plain; charset=utf-8", id="lines as text"),
        pytest.param(f"[{GOOD}, {GOOD}]", "application/json", id="array"),
        pytest.param(json.dumps([json.loads(GOOD)] * 2, indent=2), "application/json", id="array over many lines"),
        pytest.param(f'\n [{GOOD}, {{"prediction": "approve", "x": NaN}}]', "application/json", id="array with NaN"),
    ],
)
def test_a_body_contains_lines_or_an_array(shared: Exporter, body: str, kind: str) -> None:
    before = shared.total("model_predictions_total")
    assert post(shared, body, kind) == (200, {"accepted": 2})
    assert post(shared, gzip.compress(body.encode()), kind, Content_Encoding="gzip") == (200, {"accepted": 2})
    assert shared.samples("model_predictions_total") == {("approve",): before + 4}


@pytest.mark.parametrize("name", ["GZIP", "x-gzip"])
def test_gzip_has_several_names(shared: Exporter, name: str) -> None:
    assert post(shared, gzip.compress(GOOD.encode()), Content_Encoding=name) == (200, {"accepted": 1})


def test_an_idempotency_key_may_be_any_bytes(shared: Exporter) -> None:
    for accepted in ({"accepted": 1}, {"accepted": 0, "repeated": True}):
        assert post(shared, GOOD, Idempotency_Key="\xff\xfe") == (200, accepted)
    assert post(shared, GOOD, Idempotency_Key="\xff\xff") == (200, {"accepted": 1})


def test_a_body_may_be_a_single_object_or_empty(shared: Exporter) -> None:
    assert post(shared, json.dumps(json.loads(GOOD), indent=2), "application/json") == (200, {"accepted": 1})
    for kind in (NDJSON, "application/json"):
        assert post(shared, "", kind) == (200, {"accepted": 0})


def test_rejected_lines_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    body = "\n".join([GOOD, "not json", GOOD, '{"latency_ms": 1}', "nor this", "x" * 3000, GOOD])
    with listening(tmp_path, more="limits: {line_bytes: 2KiB}") as running:
        status, told = post(running, body)
        assert status == 400
        assert told["accepted"] == 3
        assert {bad["reason"]: (bad["count"], bad["first_line"]) for bad in told["rejected"]} == {
            "invalid_json": (2, 2),
            "missing_field": (1, 4),
            "oversize": (1, 6),
        }
        assert running.samples("model_predictions_total") == {("approve",): 3}
        assert running.total(LINES) == 7


def test_a_repeated_request_is_acknowledged_and_not_counted_again(tmp_path: Path) -> None:
    with listening(tmp_path) as running:
        assert post(running, GOOD, Idempotency_Key="a") == (200, {"accepted": 1})
        assert post(running, GOOD, Idempotency_Key="a") == (200, {"accepted": 0, "repeated": True})
        assert post(running, GOOD, Idempotency_Key="b") == (200, {"accepted": 1})
        running.stop(signal.SIGKILL)
    with listening(tmp_path) as running:
        assert post(running, GOOD, Idempotency_Key="b") == (200, {"accepted": 0, "repeated": True})
        assert running.samples("model_predictions_total") == {("approve",): 2}


def test_clients_that_retry_are_counted_once_across_kills(tmp_path: Path) -> None:
    """Eight clients with a key for each batch, and a sidecar that is killed again and again."""
    port, batches = free_port(), 40
    stop = threading.Event()
    answered: list[str] = []

    def send(client: int) -> None:
        for batch in range(batches):
            headers = {"Content-Type": NDJSON, "Idempotency-Key": f"{client}-{batch}"}
            request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", f"{GOOD}\n".encode() * 7, headers)
            while not stop.is_set():
                try:
                    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
                        assert answer.status == 200
                        answered.append(f"{client}-{batch}")
                        break
                except OSError:
                    time.sleep(0.02)

    with ThreadPoolExecutor(8) as clients:
        try:
            sending = [clients.submit(send, client) for client in range(8)]
            while not all(one.done() for one in sending):
                with listening(tmp_path, port=port) as doomed:
                    goal = min(len(answered) + 60, 8 * batches)
                    wait_until(lambda goal=goal: len(answered) >= goal)
                    doomed.stop(signal.SIGKILL)
        finally:
            stop.set()
    with listening(tmp_path, port=port) as running:
        assert running.samples("model_predictions_total") == {("approve",): 8 * batches * 7}


def test_a_body_that_is_too_large_as_sent_or_unpacked_is_rejected(tmp_path: Path) -> None:
    with listening(tmp_path, "body_bytes: 1MiB") as running:
        assert post(running, f"{GOOD}\n" * 30_000)[0] == 413
        before = psutil.Process(running.process.pid).memory_info().rss
        bomb = gzip.compress(b" " * 500_000_000, 9)
        assert len(bomb) < 2**20
        assert post(running, bomb, Content_Encoding="gzip")[0] == 413
        assert psutil.Process(running.process.pid).memory_info().rss - before < 20 * 2**20
        assert running.total(LINES) == 0


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param("<a/>", {"kind": "application/xml"}, 415, id="XML"),
        pytest.param(GOOD, {"Content_Encoding": "br"}, 415, id="brotli"),
        pytest.param(GOOD, {"Content_Encoding": "gzip"}, 400, id="no gzip"),
        pytest.param(gzip.compress(GOOD.encode())[:-9], {"Content_Encoding": "gzip"}, 400, id="half of a gzip"),
        pytest.param(f"[{GOOD}", {"kind": "application/json"}, 400, id="half of an array"),
        pytest.param(GOOD, {"Origin": "http://a.page"}, 403, id="from a web page"),
        pytest.param(GOOD, {"Idempotency_Key": "x" * 500}, 400, id="long key"),
        pytest.param("[" * 100_000, {"kind": "application/json"}, 400, id="deep array"),
        pytest.param(f'[{{"x": {"[" * 9999}{"]" * 9999}}}]', {"kind": "application/json"}, 400, id="deep record"),
        pytest.param(gzip.compress(b"") * 500_000, {"Content_Encoding": "gzip", "chunked": "yes"}, 413, id="gzip of 0"),
    ],
)
def test_an_unreadable_request_gets_an_error(
    shared: Exporter, body: str | bytes, headers: dict[str, str], status: int
) -> None:
    lines, requests = shared.total(LINES), Counter(shared.samples(REQUESTS))
    got, told = post(shared, body, **headers)
    assert got == status
    assert told["error"]
    assert shared.total(LINES) == lines
    assert Counter(shared.samples(REQUESTS)) - requests == {(str(status), f"http://{PATH}"): 1}


def test_requests_need_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    with listening(tmp_path, "token_file: token") as running:
        for wrong in ("Bearer wrong", "Basic s3cret", "s3cret", "Bearer", "Bearer \xff", ""):
            assert post(running, GOOD, Authorization=wrong)[0] == 401
        assert post(running, GOOD)[0] == 401
        assert post(running, GOOD, Authorization="Bearer s3cret") == (200, {"accepted": 1})
        (tmp_path / "token").write_text("another")
        assert post(running, GOOD, Authorization="Bearer s3cret")[0] == 401
        assert "s3cret" not in running.said + running.get("/metrics")


def test_without_a_readable_token_all_requests_are_rejected(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    with listening(tmp_path, "token_file: token") as running:
        token.write_text("\n")
        for headers in ({}, {"Authorization": ""}, {"Authorization": "Bearer "}, {"Authorization": "Bearer s3cret"}):
            assert post(running, GOOD, **headers)[0] == 503
        token.unlink()
        assert post(running, GOOD, Authorization="Bearer s3cret")[0] == 503
        token.write_text("s3cret")
        assert post(running, GOOD, Authorization="Bearer s3cret") == (200, {"accepted": 1})
        assert "Traceback" not in running.said


def test_requests_beyond_the_limit_get_429(tmp_path: Path) -> None:
    with listening(tmp_path, "requests: 2") as running:
        host, port = running.address.removeprefix("http://").split(":")
        slow = [socket.create_connection((host, int(port))) for _ in range(2)]
        for one in slow:
            one.sendall(
                f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: {NDJSON}\r\nContent-Length: 9\r\n\r\n".encode()
            )
        wait_until(lambda: post(running, GOOD)[0] == 429)
        for one in slow:
            one.close()
        wait_until(lambda: post(running, GOOD)[0] == 200)


def test_a_failed_commit_is_503_and_a_retry_counts_once(tmp_path: Path) -> None:
    with listening(tmp_path) as running:
        in_the_way = tmp_path / "state" / "checkpoint.new"
        while not in_the_way.is_dir():
            # The commit at the start may be about to write it.
            with suppress(FileExistsError):
                in_the_way.mkdir(parents=True)
        status, told = post(running, GOOD, Idempotency_Key="a")
        assert status == 503
        assert "cannot save the state" in told["error"]
        in_the_way.rmdir()
        assert post(running, GOOD, Idempotency_Key="a") == (200, {"accepted": 0, "repeated": True})
        assert running.samples("model_predictions_total") == {("approve",): 1}


def test_a_request_in_progress_at_sigterm_is_answered(tmp_path: Path) -> None:
    with listening(tmp_path) as running:
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as one:
            head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: {NDJSON}\r\nContent-Length: {len(GOOD)}\r\n\r\n"
            one.sendall((head + GOOD[:10]).encode())
            # A later request is answered after the first has begun.
            assert running.status("/-/healthy") == 200
            running.process.send_signal(signal.SIGTERM)
            wait_until(lambda: running.entries("stopping"))
            one.sendall(GOOD[10:].encode())
            assert one.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert running.wait() == 0
    with listening(tmp_path) as running:
        assert running.samples("model_predictions_total") == {("approve",): 1}
