"""Arrow that is sent to a running sidecar: over unix and TCP streams, and by POST."""

import gzip
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pytest

from exporter.configuration import loading
from exporter.decoding.decode import MAX_CELLS
from exporter.sidecar import Sidecar
from tests.formats.arrow.streams import stream
from tests.in_process import serve
from tests.process import DEADLINE_SECONDS, Exporter, exporter
from tests.servers import free_port
from tests.sources.test_http import listening as posting
from tests.sources.test_http import post

KIND = "application/vnd.apache.arrow.stream"
LINES = "prediction_exporter_source_lines_total"
REFUSED = "prediction_exporter_source_refused_connections_total"
TABLE = pa.table({"prediction": ["approve"] * 1000, "latency_ms": [12.0] * 1000})
GOOD = stream(TABLE)
MIXED = stream(TABLE, pa.table({"prediction": ["approve", None, "deny"], "latency_ms": [1.0, 1.0, -1.0]}))

Address = str | tuple[str, int]


@contextmanager
def listening(folder: Path, url: str) -> Iterator[Exporter]:
    config = folder / "config.yaml"
    config.write_text(f"listen: 127.0.0.1:0\nstate_dir: state\nsources: [{{url: '{url}', format: arrow}}]\n")
    with exporter("--config", config) as running:
        assert running.address
        yield running


@contextmanager
def client(address: Address) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as made:
        made.settimeout(DEADLINE_SECONDS)
        made.connect(address)
        yield made


@pytest.fixture(params=["unix", "tcp"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Address]:
    """A URL to listen on, and the address that a client connects to."""
    if request.param == "unix":
        return f"unix://{tmp_path}/model.sock", str(tmp_path / "model.sock")
    port = free_port()
    return f"tcp://127.0.0.1:{port}", ("127.0.0.1", port)


def reasons(running: Exporter) -> dict[str, float]:
    rejected = running.samples("prediction_exporter_source_rejected_lines_total")
    return {reason: count for (reason, _), count in rejected.items() if count}


def loads_pyarrow(running: Exporter) -> bool:
    return "libarrow" in Path(f"/proc/{running.process.pid}/maps").read_text()


def test_a_client_streams_batches_one_by_one_and_starts_another_stream(
    tmp_path: Path, place: tuple[str, Address]
) -> None:
    url, address = place
    with listening(tmp_path, url) as running, client(address) as one:
        with one.makefile("wb") as file:
            for _ in range(2):
                with pa.ipc.new_stream(file, TABLE.schema) as writer:
                    writer.write_table(TABLE, max_chunksize=100)
        running.wait_for("model_predictions_total", 2000)
        assert running.total("prediction_exporter_source_bytes_total") > 16_000
        assert reasons(running) == {}
        assert running.total("prediction_exporter_source_open_connections") == 1


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param(b'{"prediction": "approve"}\n', "invalid_arrow", id="JSON"),
        pytest.param(GOOD[:-8] + b"garbage", "invalid_arrow", id="garbage behind batches"),
        pytest.param(b"\xff" * 4 + b"\xff\xff\xff\x7f", "oversize", id="a length of 2 GiB"),
    ],
)
def test_a_client_that_sends_no_arrow_is_disconnected_and_others_are_not(
    tmp_path: Path, place: tuple[str, Address], sent: bytes, reason: str
) -> None:
    url, address = place
    with listening(tmp_path, url) as running, client(address) as other:
        with client(address) as one:
            one.sendall(sent)
            with pytest.raises((ConnectionError, AssertionError)):
                assert one.recv(1)
        other.sendall(GOOD)
        running.wait_for("model_predictions_total", 1000 * (1 + sent.startswith(GOOD[:-8])))
        assert reasons(running) == {reason: 1}
        assert running.samples(REFUSED) == {("invalid", url): 1}
        assert running.total("prediction_exporter_source_open_connections") == 1
        (told,) = running.entries("line rejected")
        assert (told["reason"], told["offset"]) == (reason, len(GOOD) - 8 if sent.startswith(GOOD[:-8]) else 0)


def test_a_client_that_vanishes_within_a_message_loses_only_that_message(
    tmp_path: Path, place: tuple[str, Address]
) -> None:
    url, address = place
    with listening(tmp_path, url) as running:
        with client(address) as one:
            one.sendall(MIXED[:-20])
        running.wait_for(LINES, 1001)
        assert reasons(running) == {"incomplete": 1}


def test_data_sent_before_sigterm_is_counted_and_saved(tmp_path: Path, place: tuple[str, Address]) -> None:
    url, address = place
    with listening(tmp_path, url) as running, client(address) as one:
        one.sendall(GOOD * 20)
        assert running.stop() == 0
    with listening(tmp_path, url) as running:
        assert running.samples("model_predictions_total") == {("approve",): 20_000}
        with client(address) as one:
            one.sendall(GOOD)
            running.wait_for(LINES, 21_000)
        running.stop(signal.SIGKILL)
    with listening(tmp_path, url) as running:
        assert running.total(LINES) == 21_000


def test_a_post_of_arrow_is_answered_like_one_of_lines(tmp_path: Path) -> None:
    with posting(tmp_path) as running:
        assert not loads_pyarrow(running)
        assert post(running, b'{"prediction": "approve"}') == (200, {"accepted": 1})
        assert not loads_pyarrow(running)
        assert post(running, GOOD, KIND) == (200, {"accepted": 1000})
        assert loads_pyarrow(running)
        packed = gzip.compress(GOOD)
        for accepted in ({"accepted": 1000}, {"accepted": 0, "repeated": True}):
            assert post(running, packed, KIND, Content_Encoding="gzip", Idempotency_Key="a") == (200, accepted)
        assert post(running, b"", KIND) == (200, {"accepted": 0})
        running.stop(signal.SIGKILL)
    with posting(tmp_path) as running:
        assert running.samples("model_predictions_total") == {("approve",): 2001}


def test_pyarrow_is_imported_in_a_thread_and_not_for_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[int] = []
    monkeypatch.setattr("exporter.sources.http._load_arrow", lambda: loaded.append(threading.get_ident()))
    (tmp_path / "config.yaml").write_text("listen: 127.0.0.1:0\nsources: [http:///v1/predictions]\n")

    async def use(client: aiohttp.ClientSession) -> None:
        for body, kind, times in ((b'{"prediction": "a"}', "text/plain", 0), (GOOD, KIND, 1)):
            async with client.post("/v1/predictions", data=body, headers={"Content-Type": kind}) as answer:
                assert answer.status == 200
            assert len(loaded) == times
        assert threading.get_ident() not in loaded

    serve(Sidecar(loading.load(tmp_path / "config.yaml")), use)


def test_rejected_rows_are_reported_by_number(tmp_path: Path) -> None:
    with posting(tmp_path) as running:
        for body in (MIXED, MIXED + b"{}"):
            status, told = post(running, body, KIND)
            assert (status, told["accepted"]) == (400, 1002)
            assert {bad["reason"]: (bad["count"], bad["first_row"]) for bad in told["rejected"]} == {
                "missing_field": (1, 1002),
            } | ({"invalid_arrow": (1, 1004)} if body is not MIXED else {})
        status, told = post(running, GOOD[:-20], KIND)
        assert [bad["reason"] for bad in told["rejected"]] == ["incomplete"]


def test_rows_of_many_scores_are_decoded_a_part_at_a_time(tmp_path: Path) -> None:
    rows, classes = 5000, 100
    scores = pa.StructArray.from_arrays([pa.array([1] * rows, pa.int8())] * classes, [f"c{n}" for n in range(classes)])
    times = [time.time()] * (rows - 10) + [0.0] * 10
    table = pa.table({"prediction": ["c1"] * rows, "timestamp": times, "probability": scores})
    assert rows > 2 * MAX_CELLS // classes
    with posting(tmp_path) as running:
        status, answer = post(running, stream(table), KIND)
        [rejected] = answer["rejected"]
        assert (status, answer["accepted"]) == (400, rows - 10)
        assert (rejected["count"], rejected["first_row"]) == (10, rows - 9)


@pytest.mark.parametrize(
    ("options", "body", "status"),
    [
        pytest.param((), b"\0" * 9 * 2**20, 413, id="too large"),
        pytest.param(("format: kserve",), GOOD, 415, id="a source of KServe's events"),
        pytest.param((), b'{"prediction": "approve"}', 400, id="JSON"),
    ],
)
def test_unreadable_bodies_are_rejected(tmp_path: Path, options: tuple[str, ...], body: bytes, status: int) -> None:
    with posting(tmp_path, *options) as running:
        told: tuple[int, dict[str, Any]] = post(running, body, KIND)
        assert told[0] == status


def test_a_sidecar_without_a_source_of_arrow_does_not_load_pyarrow(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("listen: 127.0.0.1:0\nsources: [unix://a.sock]\n")
    with exporter("--config", config) as running:
        assert running.address
        assert not loads_pyarrow(running)
    with listening(tmp_path, f"unix://{tmp_path}/b.sock") as running:
        assert loads_pyarrow(running)
