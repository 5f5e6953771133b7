"""CPU time per record over a socket, as JSON and as Arrow, compared with the same records in a file."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.json

from tests.benchmarks.exporter import cpu_seconds, resident_mib, running, wait_for_records
from tests.benchmarks.figure import Figure
from tests.benchmarks.log import write_log
from tests.process import Exporter
from tests.servers import free_port

SMALL, LARGE = 20_000, 200_000
ROUNDS = 2
SEND_BYTES = 64 * 1024
BATCHES = (100, 1000, 10_000)


class Cost(NamedTuple):
    """Microseconds of CPU time per record, and resident memory after LARGE records."""

    cpu: float
    resident_mib: float


def measure(folder: Path, reference: Path) -> list[Figure]:
    costs = _costs(folder, reference)
    arrow = [costs[f"arrow {rows}"] for rows in BATCHES]
    return [
        Figure(
            "CPU per record from a file, over a Unix socket, over TCP",
            [costs[way].cpu for way in ("file", "unix", "tcp")],
            "µs",
            "5/3 of a file's",
        ),
        Figure(
            f"CPU per record over a Unix socket as Arrow, in batches of {', '.join(map(str, BATCHES))}",
            [cost.cpu for cost in arrow],
            "µs",
            "1/2 of JSON's, with 1000",
        ),
        Figure("Resident memory with Arrow", [max(cost.resident_mib for cost in arrow)], "MiB", "150 MiB"),
    ]


def _costs(folder: Path, reference: Path) -> dict[str, Cost]:
    """Return the cost per record for each way of sending: the least of several rounds.

    The first SMALL records are not measured, so that the start is left out. `arrow 100` are record batches of 100 over
    a Unix socket.
    """
    small, large = folder / "small", folder / "large"
    write_log(small, SMALL)
    write_log(large, LARGE, seed=1)
    for log in (small, large):
        for rows in BATCHES:
            _to_arrow(log, rows)
    costs: dict[str, Cost] = {}
    for attempt in range(ROUNDS):
        unix = f"unix://{folder}/{attempt}.sock"
        ways: dict[str, tuple[str, Callable[[str, Path], None], str]] = {
            "file": (str(folder / f"{attempt}.jsonl"), _append, ""),
            "unix": (unix, _to_unix, ""),
            "tcp": (f"tcp://127.0.0.1:{free_port()}", _to_tcp, ""),
            **{f"arrow {rows}": (unix, _to_unix, f".{rows}") for rows in BATCHES},
        }
        for way, (place, send, suffix) in ways.items():
            with running(folder / f"{way}{attempt}", place, reference, "arrow" if suffix else "json_lines") as sidecar:
                logs = (log.with_suffix(suffix) for log in (small, large))
                cost = Cost(_cpu_us(sidecar, place, send, *logs), resident_mib(sidecar))
                sidecar.stop()
            costs[way] = min(cost, costs.get(way, cost))
    return costs


def _to_arrow(log: Path, rows: int) -> None:
    """Write the same records as an Arrow stream of batches, beside the log."""
    table = pyarrow.json.read_json(log)
    with pa.ipc.new_stream(log.with_suffix(f".{rows}"), table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=rows)


def _cpu_us(sidecar: Exporter, place: str, send: Callable[[str, Path], None], small: Path, large: Path) -> float:
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
