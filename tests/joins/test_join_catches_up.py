"""More requests wait than may be in memory: sources wait for commits, and nothing is lost."""

import json
import socket
from pathlib import Path

import psutil
import pytest

from exporter.joins.join import MAX_UNCOMMITTED
from tests.process import exporter
from tests.servers import free_port

PREDICTIONS = 8 * MAX_UNCOMMITTED
MOST_MIB = 150


def lines(key: str, number: int) -> bytes:
    return b"".join(json.dumps({"request_id": f"r{n}", key: "yes"}).encode() + b"\n" for n in range(number))


@pytest.mark.parametrize("way", ["file", "unix", "tcp"])
def test_a_log_that_is_caught_up_with_takes_no_more_memory(tmp_path: Path, way: str) -> None:
    port = free_port()
    where = {"file": tmp_path / "log.jsonl", "unix": f"unix://{tmp_path}/s", "tcp": f"tcp://127.0.0.1:{port}"}[way]
    (tmp_path / "truth.jsonl").write_bytes(lines("actual", MAX_UNCOMMITTED))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nsources: ['{where}']\nstate_dir: {tmp_path}/state\n"
        f"ground_truth: {{sources: ['{tmp_path}/truth.jsonl'], wait: 1h}}\n"
    )
    if way == "file":
        (tmp_path / "log.jsonl").write_bytes(lines("prediction", PREDICTIONS))
    with exporter("--config", config) as sidecar:
        assert sidecar.address
        if way != "file":
            family = socket.AF_UNIX if way == "unix" else socket.AF_INET
            with socket.socket(family) as client:
                client.connect(f"{tmp_path}/s" if way == "unix" else ("127.0.0.1", port))
                client.sendall(lines("prediction", PREDICTIONS))
        sidecar.wait_for("prediction_exporter_source_records_total", PREDICTIONS + MAX_UNCOMMITTED)
        joined = sidecar.samples("prediction_exporter_joins_total")
        assert joined["joined",] == MAX_UNCOMMITTED
        waiting = sidecar.samples("prediction_exporter_joins_waiting")
        assert waiting == {("predictions",): PREDICTIONS - MAX_UNCOMMITTED, ("truths",): 0}
        assert psutil.Process(sidecar.process.pid).memory_info().rss < MOST_MIB * 2**20
