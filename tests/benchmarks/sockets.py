"""CPU time a record that comes over a socket, against the same records in a file."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.exporter import cpu_seconds, running, wait_for_records
from tests.benchmarks.log import write_log
from tests.process import Exporter
from tests.servers import free_port

SMALL, LARGE = 20_000, 200_000
ROUNDS = 2
SEND_BYTES = 64 * 1024


def measure(folder: Path, reference: Path) -> dict[str, float]:
    """Return microseconds of CPU time a record by the way that it came: the least of several rounds.

    The first SMALL records are left out, so that starting up is.
    """
    folder.mkdir()
    small, large = folder / "small", folder / "large"
    write_log(small, SMALL)
    write_log(large, LARGE, seed=1)
    costs: dict[str, float] = {}
    for attempt in range(ROUNDS):
        port = free_port()
        places = {
            "file": (str(folder / f"{attempt}.jsonl"), _append),
            "unix": (f"unix://{folder}/{attempt}.sock", _to_unix),
            "tcp": (f"tcp://127.0.0.1:{port}", _to_tcp),
        }
        for kind, (place, send) in places.items():
            state = folder / f"{kind}{attempt}"
            state.mkdir()
            with running(state, place, reference) as sidecar:
                cost = _cost(sidecar, place, send, small, large)
            costs[kind] = min(cost, costs.get(kind, cost))
    return costs


def _cost(sidecar: Exporter, place: str, send: Callable[[str, Path], None], small: Path, large: Path) -> float:
    assert sidecar.address
    send(place, small)
    wait_for_records(sidecar, SMALL)
    before = cpu_seconds(sidecar)
    send(place, large)
    wait_for_records(sidecar, SMALL + LARGE)
    return (cpu_seconds(sidecar) - before) * 1e6 / LARGE


def _append(place: str, log: Path) -> None:
    with Path(place).open("ab") as file:
        file.write(log.read_bytes())


def _to_unix(place: str, log: Path) -> None:
    _send(socket.AF_UNIX, place.removeprefix("unix://"), log)


def _to_tcp(place: str, log: Path) -> None:
    host, port = place.removeprefix("tcp://").split(":")
    _send(socket.AF_INET, (host, int(port)), log)


def _send(family: int, address: str | tuple[str, int], log: Path) -> None:
    with socket.socket(family) as client, log.open("rb") as file:
        client.connect(address)
        while data := file.read(SEND_BYTES):
            client.sendall(data)
