"""Whatever is POSTed takes little memory, leaves the event loop free, and counts as a whole."""

import gzip
import io
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pytest

from exporter.engine.engine import MAX_REQUEST_MESSAGES, MAX_REQUEST_RECORDS
from exporter.serving.connections import MAX_CONNECTIONS
from tests.process import DEADLINE_SECONDS, Exporter, exporter, peak_bytes, reset_peak
from tests.sources.test_http import GOOD, NDJSON, PATH, REQUESTS, listening, post

MIB = 2**20
BODY_BYTES = 8 * MIB
JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"
LINE = b'{"prediction":"a"}\n'
FEW = MAX_REQUEST_RECORDS - 1000


def full_of(text: bytes) -> bytes:
    return text * (BODY_BYTES // len(text) - 10)


def arrow(batches: int, rows: int) -> bytes:
    schema = pa.schema({"prediction": pa.string()})
    file = io.BytesIO()
    with pa.ipc.new_stream(file, schema) as writer:
        batch = pa.RecordBatch.from_pylist([{"prediction": "a"}] * rows, schema)
        for _ in range(batches):
            writer.write_batch(batch)
    return file.getvalue()


def scores_by_class(classes: int, kind: pa.DataType, rows: int = 60_000) -> bytes:
    scores = pa.nulls(rows, kind) if pa.types.is_null(kind) else pa.array([1] * rows, kind)
    names = [f"c{number}" for number in range(classes)]
    columns = {
        "prediction": pa.array(["c0"] * rows),
        "probability": pa.StructArray.from_arrays([scores] * classes, names),
    }
    batch = pa.record_batch(columns)
    file = io.BytesIO()
    with pa.ipc.new_stream(file, batch.schema) as writer:
        writer.write_batch(batch)
    return file.getvalue()


BODIES: dict[str, tuple[bytes, str, int]] = {
    "empty objects": (full_of(b"{}\n"), NDJSON, 413),
    "newlines": (full_of(b"\n"), NDJSON, 413),
    "numbers": (full_of(b"0\n"), NDJSON, 413),
    "brackets": (full_of(b"[\n"), NDJSON, 413),
    "white space": (full_of(b"   \n"), NDJSON, 413),
    "small records": (full_of(LINE), NDJSON, 413),
    "as many small records as are allowed": (LINE * FEW, NDJSON, 200),
    "as many newlines as are allowed": (b"\n" * FEW, NDJSON, 400),
    "as many empty objects as are allowed": (b"{}\n" * FEW, NDJSON, 400),
    "distinct junk": (b"".join(b"%x{\n" % number for number in range(50_000)), NDJSON, 400),
    "one line": (full_of(b"x"), NDJSON, 400),
    "not UTF-8": (b"\xff\n" * FEW, NDJSON, 400),
    "an array of numbers": (b"[" + full_of(b"0,") + b"0]", JSON, 413),
    "an array of arrays": (b"[" + full_of(b"[],") + b"NaN]", JSON, 413),
    "an array of small records": (b"[" + b",".join([LINE.strip()] * FEW) + b"]", JSON, 200),
    "open arrays": (full_of(b"["), JSON, 400),
    "an object with an array": (b'{"a":[' + full_of(b"[],") + b"0]}", JSON, 400),
    "rows": (arrow(4, 65_000), ARROW, 413),
    "as many rows as are allowed": (arrow(3, 65_000), ARROW, 200),
    "batches of a row": (arrow(2000, 1), ARROW, 200),
    "ends of streams": (b"\xff\xff\xff\xff\0\0\0\0" * 100_000, ARROW, 413),
    "batches of a row, and more": (arrow(MAX_REQUEST_MESSAGES, 1), ARROW, 413),
    "a probability per class": (scores_by_class(100, pa.int8()), ARROW, 200),
    "a probability per class, all null": (scores_by_class(5000, pa.null()), ARROW, 200),
}


def post_gzip(running: Exporter, body: bytes, kind: str) -> int:
    return post(running, gzip.compress(body, 1), kind, Content_Encoding="gzip")[0]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    with listening(tmp_path_factory.mktemp("shared")) as running:
        # pyarrow is imported with the first Arrow.
        assert post(running, arrow(1, 1), ARROW) == (200, {"accepted": 1})
        running.get("/metrics")
        yield running


@pytest.mark.parametrize(("body", "kind", "status"), BODIES.values(), ids=BODIES)
def test_any_body_takes_little_memory(shared: Exporter, body: bytes, kind: str, status: int) -> None:
    reset_peak(shared.process.pid)
    before = peak_bytes(shared.process.pid)
    assert post_gzip(shared, body, kind) == status
    assert peak_bytes(shared.process.pid) - before < 64 * MIB


def test_many_bodies_at_once_take_little_memory(tmp_path: Path) -> None:
    with listening(tmp_path) as running, ThreadPoolExecutor(32) as clients:
        running.get("/metrics")
        before = peak_bytes(running.process.pid)
        for body, kind in ((BODIES["an array of arrays"][0], JSON), (LINE * 50_000, NDJSON)):
            statuses = list(clients.map(lambda sent: post_gzip(running, *sent), [(body, kind)] * 32))
            assert set(statuses) <= {200, 413}
        assert peak_bytes(running.process.pid) - before < 128 * MIB
        assert running.samples("model_predictions_total") == {("a",): 32 * 50_000}


def test_no_scrape_and_no_crash_shows_a_part_of_a_body(tmp_path: Path) -> None:
    records = 60_000
    with listening(tmp_path) as running, ThreadPoolExecutor(3) as clients:
        sending = [clients.submit(post, running, LINE * records) for _ in range(6)]
        while not all(one.done() for one in sending):
            assert running.total("model_predictions_total") % records == 0
        assert running.total("model_predictions_total") == 6 * records
        doomed = clients.submit(lambda: suppressed(running, LINE * records))
        time.sleep(0.05)
        running.stop(signal.SIGKILL)
        doomed.result()
    with listening(tmp_path) as running:
        assert running.total("model_predictions_total") in (6 * records, 7 * records)


def suppressed(running: Exporter, body: bytes) -> None:
    with suppress(OSError):
        post(running, body)


def test_a_client_that_disconnects_is_counted_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    records = 60_000
    body = LINE * records
    with listening(tmp_path) as running:
        for sent in (body, body[:-1], body[: len(body) // 2]):
            with connected(running) as client:
                client.sendall(head(len(body)) + sent)
        # In the order of arrival.
        assert post(running, GOOD) == (200, {"accepted": 1})
        assert running.samples("model_predictions_total") == {("a",): records, ("approve",): 1}


def head(length: int) -> bytes:
    return f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: {NDJSON}\r\nContent-Length: {length}\r\n\r\n".encode()


@contextmanager
def connected(running: Exporter, address: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Connect from an address."""
    host, port = running.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), DEADLINE_SECONDS, (address, 0)) as client:
        yield client


@pytest.mark.parametrize("sent", [b"", b"GET / HT", head(10**6) + b"{"], ids=["nothing", "heads", "bodies"])
def test_probes_and_scrapes_get_through_any_number_of_connections(tmp_path: Path, sent: bytes) -> None:
    with listening(tmp_path) as running, connected(running, "127.0.0.9") as other, ExitStack() as stack:
        for _ in range(2):
            other.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")
            assert other.recv(1000).startswith(b"HTTP/1.1 200 ")
            for _ in range(MAX_CONNECTIONS + 50):
                client = stack.enter_context(connected(running))
                with suppress(OSError):
                    client.sendall(sent)
            for path in ("/-/healthy", "/-/ready", "/metrics"):
                assert running.status(path) == 200
        assert running.total("prediction_exporter_http_open_connections") <= MAX_CONNECTIONS
        assert running.samples("prediction_exporter_http_refused_connections_total")[("limit",)] > MAX_CONNECTIONS


def test_slow_bodies_give_way(tmp_path: Path) -> None:
    with listening(tmp_path, "requests: 2") as running, connected(running) as one, connected(running) as two:
        for client in (one, two):
            client.sendall(head(100) + b"{")
        deadline = time.monotonic() + DEADLINE_SECONDS
        statuses = []
        while (status := post(running, GOOD)[0]) != 200 and time.monotonic() < deadline:
            statuses.append(status)
            time.sleep(0.1)
        assert status == 200
        assert set(statuses) == {429}
        assert one.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert running.samples(REQUESTS)["408", f"http://{PATH}"] == 1


def test_records_that_follow_their_length_are_counted(tmp_path: Path) -> None:
    record = GOOD.encode()
    with listening(tmp_path, "format: length_prefixed") as running:
        body = (len(record).to_bytes(4) + record) * 3
        assert post(running, body) == (200, {"accepted": 3})
        assert post(running, b"\0\0\0\2{}" * (MAX_REQUEST_RECORDS + 1))[0] == 413


@pytest.mark.parametrize(
    ("junk", "format_"),
    [
        (b"\n", "json_lines"),
        (b"{}\n", "json_lines"),
        (b"a b P x\n", "cri"),
        (b'{"log":"\\n"}\n', "docker"),
        (b"[]\n", "kserve"),
    ],
    ids=["newlines", "empty objects", "parts", "docker", "events"],
)
def test_a_followed_file_of_junk_takes_little_memory(tmp_path: Path, junk: bytes, format_: str) -> None:
    log, config = tmp_path / "log.jsonl", tmp_path / "config.yaml"
    config.write_text(f"listen: 127.0.0.1:0\nsources: [{{url: {log}, format: {format_}}}]\n")
    with exporter("--config", config) as running:
        running.get("/metrics")
        before = peak_bytes(running.process.pid)
        size = 2 * MIB // len(junk) * len(junk)
        log.write_bytes(junk * (size // len(junk)) + GOOD.encode() + b"\n")
        deadline = time.monotonic() + 4 * DEADLINE_SECONDS
        while running.total("prediction_exporter_source_bytes_total") < size and time.monotonic() < deadline:
            time.sleep(0.2)
        assert running.total("prediction_exporter_source_bytes_total") >= size
        assert peak_bytes(running.process.pid) - before < 64 * MIB
