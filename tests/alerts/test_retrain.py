"""The retrain trigger: it starts a training once, and then not again before its time, whatever it is told."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.retrain import __main__ as retrain
from alerts.retrain.__main__ import BODY_BYTES, CONNECTIONS, Server, Trigger
from alerts.retrain.dispatch import Target, target_of
from alerts.retrain.throttle import Throttle, requests
from tests.alerts.alertmanager import http_inbox
from tests.process import DEADLINE_SECONDS, peak_bytes

HOUR = 3600.0
ROOT = Path(__file__).parent.parent.parent
LABELS = {"alertname": "ModelAccuracyLow", "action": "retrain", "model_name": "credit", "model_version": "3"}


def notification(*, status: str = "firing", **labels: str) -> dict[str, Any]:
    alert = {"status": status, "labels": {**LABELS, **labels}, "annotations": {"description": "It is wrong."}}
    return {"alerts": [alert | {"startsAt": "2026-01-05T10:00:00Z"}]}


def test_a_model_is_trained_once_in_the_cooldown_and_so_often_in_the_period() -> None:
    throttle = Throttle(cooldown=24 * HOUR, most=3, period=168 * HOUR)
    started: list[float] = []
    # An alert that no training helps, told every hour for two weeks.
    for hour in range(14 * 24):
        if not throttle.refusal(started, hour * HOUR):
            started = [*started, hour * HOUR]
    assert [time / HOUR for time in started] == [0, 24, 48, 168, 192, 216]
    assert throttle.refusal([0.0], 23 * HOUR) == "cooldown"
    assert throttle.refusal([0.0, 24 * HOUR, 48 * HOUR], 80 * HOUR) == "too many"


@pytest.mark.parametrize(
    "labels", [{"status": "resolved"}, {"action": ""}, {"model_name": ""}], ids=["resolved", "other", "nameless"]
)
def test_what_asks_for_no_training(labels: dict[str, str]) -> None:
    assert requests(notification(**labels)) == {}
    assert [*requests(notification())] == ["//credit"]


@contextmanager
def running(trigger: Trigger, secret_file: Path | None = None) -> Iterator[str]:
    with Server(trigger, "127.0.0.1", 0, secret_file) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS) as client:
        yield client


def post(url: str, body: bytes) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=DEADLINE_SECONDS) as answer:
        return json.load(answer)


def test_github_is_asked_as_it_wants_and_a_new_version_or_a_restart_is_no_reason_to_ask_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    with http_inbox() as inbox:
        target = Target(f"{inbox.address}/dispatches", token, repository_dispatch=True)
        trigger = Trigger(target, Throttle(), tmp_path / "state.json")
        with running(trigger) as address:
            body = json.dumps(notification()).encode()
            assert post(f"{address}/alerts", body) == {"//credit": "started"}
            assert post(f"{address}/alerts", body) == {"//credit": "cooldown"}
        again = Trigger(target, Throttle(), tmp_path / "state.json")
        with running(again) as address:
            newer = json.dumps(notification(model_version="4")).encode()
            assert post(f"{address}/alerts", newer) == {"//credit": "cooldown"}
            another = json.dumps(notification(model_name="fraud")).encode()
            assert post(f"{address}/alerts", another) == {"//fraud": "started"}
        first, second = inbox.of("/dispatches")
    assert first == {
        "event_type": "retrain",
        "client_payload": {
            "cluster": "",
            "namespace": "",
            "model_name": "credit",
            "model_version": "3",
            "reason": "ModelAccuracyLow",
            "description": "It is wrong.",
            "since": "2026-01-05T10:00:00Z",
        },
    }
    assert second["client_payload"]["model_name"] == "fraud"


def test_broken_data_holds_a_training_back_until_it_is_mended() -> None:
    trigger = Trigger(Target("http://127.0.0.1:1/"), Throttle())
    asked, broken = notification(), notification(action="hold", alertname="ModelFeatureMissing")
    of_another = notification(action="hold", model_name="fraud")
    both = {"alerts": [*asked["alerts"], *broken["alerts"]]}
    assert trigger.take(broken, 0.0) == {}
    assert trigger.take(both, 0.0) == {"//credit": "held by ModelFeatureMissing"}
    assert not trigger.started
    mended = {"alerts": [*asked["alerts"], *of_another["alerts"], {**broken["alerts"][0], "status": "resolved"}]}
    assert trigger.take(mended, HOUR)["//credit"].startswith("failed: ")
    assert [*trigger.started] == ["//credit"]


@pytest.mark.parametrize(("sent", "status"), [("Bearer s3cret", 200), ("Bearer other", 401), ("", 401)])
def test_only_who_knows_the_secret_is_heard(tmp_path: Path, sent: str, status: int) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    trigger = Trigger(Target("http://127.0.0.1:1/"), Throttle())
    with running(trigger, tmp_path / "secret") as address:
        request = urllib.request.Request(f"{address}/alerts", b"{}", {"Authorization": sent} if sent else {})
        if status == 200:
            urllib.request.urlopen(request, timeout=DEADLINE_SECONDS).close()
        else:
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=DEADLINE_SECONDS)
            refused.value.close()
            assert refused.value.code == status


def test_a_training_that_could_not_be_started_is_not_tried_without_end() -> None:
    trigger = Trigger(Target("http://127.0.0.1:1/"), Throttle())
    assert trigger.take(notification(), 0.0)["//credit"].startswith("failed: ")
    assert trigger.take(notification(), HOUR) == {"//credit": "cooldown"}


@pytest.mark.parametrize(("path", "body", "status"), [("/alerts", b"[]", 400), ("/alerts", b"{", 400), ("/", b"", 404)])
def test_what_is_no_notification_is_refused(path: str, body: bytes, status: int) -> None:
    with running(Trigger(Target("http://127.0.0.1:1/"), Throttle())) as address:
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(address + path, body)
        refused.value.close()
        assert refused.value.code == status


MALFORMED: dict[str, Any] = {
    "alerts as text": "firing",
    "an alert that is a number": [1],
    "labels as a list": [{"labels": []}],
    "a label that is a list": [{"status": "firing", "labels": {"action": "retrain", "model_name": []}}],
    "annotations as text": [{"annotations": "It is wrong."}],
    "a start that is a number": [{"startsAt": 1}],
}


@pytest.mark.parametrize("alerts", MALFORMED.values(), ids=MALFORMED)
def test_malformed_alerts_are_rejected(alerts: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with running(Trigger(Target("http://127.0.0.1:1/"), Throttle())) as address:
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(address + "/alerts", json.dumps({"alerts": alerts}).encode())
        refused.value.close()
        assert refused.value.code == 400
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("length", "status"),
    [("-1", 400), ("1e3", 400), ("", 400), ("0x10", 400), ("\xb2", 400), (f"{BODY_BYTES + 1}", 413), ("9" * 5000, 413)],
)
def test_a_wrong_length_is_rejected_before_anything_is_read(length: str, status: int) -> None:
    with running(Trigger(Target("http://127.0.0.1:1/"), Throttle())) as address, connected(address) as client:
        client.sendall(f"POST /alerts HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode("latin-1"))
        assert client.recv(100).split()[1] == str(status).encode()


def test_requests_that_do_not_arrive_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrain, "ARRIVAL_SECONDS", 0.5)
    with running(Trigger(Target("http://127.0.0.1:1/"), Throttle())) as address, ExitStack() as stack:
        slow = [stack.enter_context(connected(address)) for _ in range(3 * CONNECTIONS)]
        for client in slow:
            with suppress(OSError):
                client.sendall(b"POST /alerts HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        deadline = time.monotonic() + DEADLINE_SECONDS
        status = 0
        while status != 200 and time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{address}/-/healthy", timeout=5) as response:
                status = response.status
        assert status == 200


def test_hostile_requests_take_little_memory() -> None:
    """As the deployment limits it to 64 MiB; without any, it takes some 30 MiB."""
    with subprocess.Popen(
        [sys.executable, "-m", "alerts.retrain", "--to", "http://127.0.0.1:1/", "--listen", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        address = f"http://{process.stderr.readline().split()[-1]}"
        idle = peak_bytes(process.pid)
        bombs = [
            b"[" * BODY_BYTES,
            b"[" + b'{"":{}},' * (BODY_BYTES // 8 - 1) + b"{}]",
            b'{"alerts":[' + b"[]," * 170_000,
        ]
        for bomb in bombs:
            with pytest.raises(urllib.error.HTTPError) as refused:
                post(address + "/alerts", bomb[:BODY_BYTES])
            refused.value.close()
        with connected(address) as client, suppress(OSError):
            client.sendall(b"POST /alerts HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
            for _ in range(100):
                client.sendall(b"x" * 2**20)
        assert peak_bytes(process.pid) - idle < 32 * 2**20
        process.kill()


@pytest.mark.parametrize("to", ["github:owner", "github:owner/repository", "ftp://host", "host"])
def test_a_wrong_target_is_told_in_one_line(to: str) -> None:
    command = [sys.executable, "-m", "alerts.retrain", "--to", to, "--listen", "127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)
    assert done.returncode == 2
    assert done.stderr.startswith(f"retrain: {to}: expected github:OWNER/REPOSITORY")
    assert done.stderr.count("\n") == 1


def test_github_s_address_is_that_of_its_api(tmp_path: Path) -> None:
    target = target_of("github:owner/models", tmp_path)
    assert target.url == "https://api.github.com/repos/owner/models/dispatches"


def test_the_examples_take_what_is_sent() -> None:
    """Argo's sensor and GitHub's workflow read fields that the trigger sends."""
    plain = Target("http://x").body(notification()["alerts"][0])
    source, sensor = yaml.safe_load_all((ROOT / "alerts" / "retrain" / "argo-events.yaml").read_text())
    (trigger,) = sensor["spec"]["triggers"]
    read = [one["src"]["dataKey"] for one in trigger["template"]["argoWorkflow"]["parameters"]]
    assert {key.removeprefix("body.") for key in read} <= plain.keys()
    assert source["spec"]["webhook"][sensor["spec"]["dependencies"][0]["eventName"]]["endpoint"] == "/retrain"
    workflow = yaml.safe_load((ROOT / "alerts" / "retrain" / "github-workflow.yaml").read_text())
    # YAML 1.1 takes the key `on` for true.
    assert workflow[True] == {"repository_dispatch": {"types": ["retrain"]}}
    steps = json.dumps(workflow["jobs"]["train"]["steps"])
    assert "${{" not in steps
