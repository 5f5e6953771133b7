"""Records sent over sockets to a running sidecar: unix and TCP streams, unix and UDP datagrams."""

import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.process import DEADLINE_SECONDS, Exporter, command, exporter, wait_until
from tests.servers import free_port

LINES = "prediction_exporter_source_lines_total"
CLIENTS: list[socket.socket] = []
RECORD = b'{"prediction": "approve", "latency_ms": 12}'


def reasons(running: Exporter) -> dict[str, float]:
    """Return how many lines were rejected, by reason."""
    rejected = running.samples("prediction_exporter_source_rejected_lines_total")
    return {reason: count for (reason, _), count in rejected.items() if count}


def of_source(running: Exporter, name: str) -> float:
    return running.total(f"prediction_exporter_source_{name}")


@contextmanager
def listening(folder: Path, url: str, *options: str, more: str = "") -> Iterator[Exporter]:
    config = folder / "config.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nstate_dir: state\n{more}\nsources: [{{{', '.join((f'url: {url}', *options))}}}]\n"
    )
    with exporter("--config", config) as running:
        assert running.address
        yield running


def client(address: str | tuple[str, int], kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """Return a client that waits no longer than the deadline of tests for anything."""
    made = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, kind)
    CLIENTS.append(made)
    made.settimeout(DEADLINE_SECONDS)
    made.connect(address)
    return made


@pytest.fixture(autouse=True)
def _hang_up() -> Iterator[None]:
    yield
    while CLIENTS:
        CLIENTS.pop().close()


@pytest.fixture(params=["unix", "tcp"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str | tuple[str, int]]:
    """A URL to listen on, and the address that a client connects to."""
    if request.param == "unix":
        return f"unix://{tmp_path}/model.sock", str(tmp_path / "model.sock")
    port = free_port()
    return f"tcp://127.0.0.1:{port}", ("127.0.0.1", port)


Place = tuple[str, str | tuple[str, int]]


def test_many_clients_with_half_written_lines(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url) as running:
        clients = [client(address) for _ in range(50)]
        for part in (RECORD[:10], RECORD[10:] + b"\n" + RECORD[:30], RECORD[30:] + b"\n"):
            for one in clients:
                one.sendall(part)
        running.wait_for(LINES, 100)
        assert of_source(running, "open_connections") == 50
        assert reasons(running) == {}
        for one in clients:
            one.close()
        running.wait_for("prediction_exporter_source_open_connections", 0)
        assert of_source(running, "connections_total") == 50


def test_a_client_that_vanishes_within_a_record_loses_only_that_record(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url) as running, client(address) as other:
        with client(address) as vanishing:
            vanishing.sendall(RECORD + b"\n" + RECORD[:20])
        other.sendall(RECORD + b"\n")
        running.wait_for(LINES, 3)
        assert running.samples("model_predictions_total") == {("approve",): 2}
        assert reasons(running) == {"invalid_json": 1}


def test_a_last_record_without_a_newline_counts_when_its_client_closes(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url) as running:
        with client(address) as one:
            one.sendall(RECORD)
        running.wait_for("model_predictions_total", 1)


def test_an_oversize_line_is_skipped_and_the_connection_continues(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url, more="limits: {line_bytes: 1KiB}") as running, client(address) as one:
        for _ in range(100):
            one.sendall(b"x" * 10_000)
        one.sendall(b"\n" + RECORD + b"\n")
        running.wait_for(LINES, 2)
        assert reasons(running) == {"oversize": 1}


def test_length_prefixed_records_may_contain_line_breaks(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url, "format: length_prefixed") as running:
        record = RECORD.replace(b", ", b",\n  ")
        data = len(record).to_bytes(4) + record
        with client(address) as one:
            for cut in range(len(data)):
                one.sendall(data[:cut])
                one.sendall(data[cut:])
            one.sendall(data[:-3])
        running.wait_for(LINES, len(data) + 1)
        assert running.samples("model_predictions_total") == {("approve",): len(data)}
        assert reasons(running) == {"incomplete": 1}


def test_a_false_length_allocates_nothing(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url, "format: length_prefixed") as running:
        before = psutil.Process(running.process.pid).memory_info().rss
        clients = [client(address) for _ in range(20)]
        for one in clients:
            one.sendall(b"\xff\xff\xff\xff" + b"x" * 100_000)
        running.wait_for(LINES, 20)
        assert reasons(running) == {"oversize": 20}
        assert psutil.Process(running.process.pid).memory_info().rss - before < 20 * 2**20


def test_connections_beyond_the_limit_are_closed(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url, "connections: 2") as running:
        first, second = client(address), client(address)
        first.sendall(RECORD + b"\n")
        second.sendall(RECORD + b"\n")
        running.wait_for(LINES, 2)
        third = client(address)
        with pytest.raises((ConnectionError, AssertionError)):
            assert third.recv(1)
        refused = running.samples("prediction_exporter_source_refused_connections_total")
        assert refused == {("limit", url): 1}
        second.close()
        running.wait_for("prediction_exporter_source_open_connections", 1)
        client(address).sendall(RECORD + b"\n")
        running.wait_for(LINES, 3)


def test_unfinished_lines_of_many_clients_take_bounded_memory(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url) as running:
        before = psutil.Process(running.process.pid).memory_info().rss
        for _ in range(60):
            with suppress(ConnectionError):
                client(address).sendall(b"x" * 1_000_000)
        refused = "prediction_exporter_source_refused_connections_total"
        wait_until(lambda: running.samples(refused).get(("memory", url), 0) >= 20)
        assert psutil.Process(running.process.pid).memory_info().rss - before < 60 * 2**20
        while CLIENTS:
            CLIENTS.pop().close()
        running.wait_for("prediction_exporter_source_open_connections", 0)
        client(address).sendall(RECORD + b"\n")
        running.wait_for("model_predictions_total", 1)


def test_an_idle_connection_is_closed(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url, "idle_timeout: 1s") as running, client(address) as one:
        with pytest.raises((ConnectionError, AssertionError)):
            assert one.recv(1)
        refused = running.samples("prediction_exporter_source_refused_connections_total")
        assert refused == {("idle", url): 1}


def test_data_sent_before_sigterm_is_counted_and_saved(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url) as running:
        one = client(address)
        one.sendall((RECORD + b"\n") * 20_000)
        assert running.stop() == 0
    with listening(tmp_path, url) as running:
        assert running.samples("model_predictions_total") == {("approve",): 20_000}


@pytest.mark.parametrize("pause", [0, 0.005], ids=["as fast as it can", "now and then"])
def test_a_client_that_keeps_sending_at_sigterm_is_disconnected(tmp_path: Path, pause: float) -> None:
    path, sent = str(tmp_path / "model.sock"), 0

    def send(one: socket.socket) -> None:
        nonlocal sent
        with suppress(ConnectionError):
            while True:
                one.sendall(RECORD + b"\n")
                sent += 1
                time.sleep(pause)

    with listening(tmp_path, f"unix://{path}") as running:
        one = client(path)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sender = threading.Thread(target=send, args=[one])
        sender.start()
        running.wait_for("prediction_exporter_source_open_connections", 1)
        assert running.stop() == 0
        sender.join()
    with listening(tmp_path, f"unix://{path}") as running:
        # The kernel buffers what was sent and not read.
        assert sent - 200 < running.total(LINES) <= sent + 1


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_datagrams_that_keep_arriving_at_sigterm_do_not_delay_the_exit(tmp_path: Path, kind: str) -> None:
    port, path = free_port(), str(tmp_path / "model.sock")
    url = f"unixgram://{path}" if kind == "unix" else f"udp://127.0.0.1:{port}"
    stop = threading.Event()

    def send(one: socket.socket) -> None:
        with suppress(OSError):
            while not stop.is_set():
                one.send(RECORD)
                time.sleep(0.005)

    with listening(tmp_path, url) as running:
        one = client(path if kind == "unix" else ("127.0.0.1", port), socket.SOCK_DGRAM)
        sender = threading.Thread(target=send, args=[one])
        sender.start()
        try:
            assert running.stop() == 0
        finally:
            stop.set()
            sender.join()


def test_counters_do_not_decrease_after_kill_9_and_the_address_is_reused(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url) as running:
        with client(address) as one:
            one.sendall((RECORD + b"\n") * 1000)
            running.wait_for(LINES, 1000)
        running.stop(signal.SIGKILL)
    with listening(tmp_path, url) as running:
        assert running.total(LINES) == 1000
        with client(address) as one:
            one.sendall(RECORD + b"\n")
            running.wait_for(LINES, 1001)


def test_clients_of_a_stopped_sidecar_wait_and_nothing_is_lost(tmp_path: Path, place: Place) -> None:
    url, address = place
    with listening(tmp_path, url) as running, client(address) as one:
        one.sendall(RECORD + b"\n")
        running.wait_for(LINES, 1)
        running.process.send_signal(signal.SIGSTOP)
        one.settimeout(0.5)
        line, sent = RECORD + b"\n", 0
        with suppress(TimeoutError):
            while sent < 100 * 2**20:
                sent += one.send(line * 1000)
        assert sent < 100 * 2**20
        running.process.send_signal(signal.SIGCONT)
        one.settimeout(DEADLINE_SECONDS)
        rest = -sent % len(line)
        one.sendall(line[len(line) - rest :])
        running.wait_for(LINES, 1 + (sent + rest) // len(line))


def test_a_unix_socket_has_the_configured_permissions(tmp_path: Path) -> None:
    path = tmp_path / "model.sock"
    for options, mode in (((), 0o660), (("mode: '0600'",), 0o600)):
        with listening(tmp_path, f"unix://{path}", *options) as running:
            assert stat.S_IMODE(path.stat().st_mode) == mode
            assert path.stat().st_uid == os.getuid()
            running.stop()
        assert not path.exists()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_text("mine"), "a file of this name exists and is not a socket"),
        (lambda path: path.mkdir(), "a file of this name exists and is not a socket"),
    ],
)
def test_a_file_at_the_path_of_a_unix_socket_is_kept(tmp_path: Path, make: Callable[[Path], object], told: str) -> None:
    path = tmp_path / "model.sock"
    make(path)
    done = command("run", "--source", f"unix://{path}", "--listen", "127.0.0.1:0")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"prediction-exporter: sources: unix://{path}: {told}"
    assert path.exists()


def test_an_address_in_use_is_reported_in_one_line(tmp_path: Path, place: Place) -> None:
    url, _ = place
    with listening(tmp_path, url):
        done = command("run", "--source", url, "--listen", "127.0.0.1:0")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"prediction-exporter: sources: {url}: Address already in use"


def test_a_unix_socket_that_nobody_accepts_on_is_in_use(tmp_path: Path) -> None:
    path = str(tmp_path / "model.sock")
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        client(path)
        done = command("run", "--source", f"unix://{path}", "--listen", "127.0.0.1:0")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"prediction-exporter: sources: unix://{path}: Address already in use"


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_a_datagram_contains_one_or_more_whole_lines(tmp_path: Path, kind: str) -> None:
    port, path = free_port(), str(tmp_path / "model.sock")
    url = f"unixgram://{path}" if kind == "unix" else f"udp://127.0.0.1:{port}"
    with listening(tmp_path, url) as running:
        sender = client(path if kind == "unix" else ("127.0.0.1", port), socket.SOCK_DGRAM)
        sender.send(RECORD)
        sender.send(RECORD + b"\n")
        sender.send((RECORD + b"\n") * 3)
        sender.send(RECORD[:20])
        sender.send(RECORD)
        running.wait_for(LINES, 7)
        assert running.samples("model_predictions_total") == {("approve",): 6}
        assert reasons(running) == {"invalid_json": 1}
        assert of_source(running, "datagrams_total") == 5


def test_every_udp_datagram_is_received_or_counted_as_dropped_by_the_kernel(tmp_path: Path) -> None:
    port = free_port()
    with listening(tmp_path, f"udp://127.0.0.1:{port}") as running:
        sender = client(("127.0.0.1", port), socket.SOCK_DGRAM)
        sender.send(RECORD)
        running.wait_for(LINES, 1)
        running.process.send_signal(signal.SIGSTOP)
        for _ in range(20_000):
            sender.send(RECORD)
        running.process.send_signal(signal.SIGCONT)
        dropped_datagrams = "prediction_exporter_source_dropped_datagrams_total"
        wait_until(lambda: of_source(running, "datagrams_total") + running.total(dropped_datagrams) == 20_001)
        received, dropped = of_source(running, "datagrams_total"), running.samples(dropped_datagrams)
        assert dropped[("udp://127.0.0.1:" + str(port), "kernel")] > 0
        assert running.total(LINES) == received


def test_all_sources_count_the_same_for_the_same_records(tmp_path: Path) -> None:
    port, udp = free_port(), free_port()
    config = tmp_path / "config.yaml"
    config.write_text(
        "listen: 127.0.0.1:0\nsources:\n- log.jsonl\n- unix://model.sock\n"
        f"- tcp://127.0.0.1:{port}\n- udp://127.0.0.1:{udp}\n"
    )
    lines = [
        f'{{"prediction": "{label}", "latency_ms": {i}, "model_version": "{{}}"}}'.encode()
        for i, label in enumerate("ab" * 200)
    ] + [b"not json"]
    with exporter("--config", config) as running:
        assert running.address
        (tmp_path / "log.jsonl").write_bytes(b"".join(line.replace(b"{}", b"file") + b"\n" for line in lines))
        with client(str(tmp_path / "model.sock")) as one, client(("127.0.0.1", port)) as other:
            one.sendall(b"".join(line.replace(b"{}", b"unix") + b"\n" for line in lines))
            other.sendall(b"".join(line.replace(b"{}", b"tcp") + b"\n" for line in lines))
        sender = client(("127.0.0.1", udp), socket.SOCK_DGRAM)
        for line in lines:
            sender.send(line.replace(b"{}", b"udp"))
        running.wait_for(LINES, 4 * len(lines))
        page = running.get("/metrics")
    # A sum of floats depends on their order.
    ours = [line for line in page.splitlines() if line.startswith("model_prediction") and "_sum{" not in line]
    by_version = {
        version: [
            line.replace(f'model_version="{version}"', "") for line in ours if f'model_version="{version}"' in line
        ]
        for version in ("file", "unix", "tcp", "udp")
    }
    assert by_version["file"] == by_version["unix"] == by_version["tcp"] == by_version["udp"] != []


def test_a_thousand_idle_connections_cost_less_than_20_mib(tmp_path: Path) -> None:
    with listening(tmp_path, f"unix://{tmp_path}/model.sock") as running:
        process = psutil.Process(running.process.pid)
        with client(str(tmp_path / "model.sock")) as one:
            one.sendall(RECORD + b"\n")
            running.wait_for(LINES, 1)
        running.wait_for("prediction_exporter_source_open_connections", 0)
        before = process.memory_info().rss
        clients = [client(str(tmp_path / "model.sock")) for _ in range(1000)]
        for one in clients:
            one.sendall(RECORD + b"\n" + RECORD[:10])
        running.wait_for(LINES, 1001)
        assert of_source(running, "open_connections") == 1000
        assert process.memory_info().rss - before < 20 * 2**20
        for one in clients:
            one.close()
