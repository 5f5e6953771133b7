"""Requests and responses on lines of their own: paired in any order, in any blocks, and once across restarts."""

import json
import random
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.assembly import planning
from exporter.configuration import loading
from exporter.decoding.pairs import MOST_WAITING
from exporter.engine.engine import Engine
from exporter.lines.stream import Stream
from exporter.state.checkpoint import decode, encode
from exporter.state.snapshot import Snapshot
from tests.process import exporter

NOW = 1_700_000_000.0
STREAM = Stream("/log", "/log", 1, 2)
CONFIG = "sources: [{url: /log, pair: {id: meta.id, wait: 10s}}]"
BYTES = "prediction_exporter_source_bytes_total"
LINES, REJECTED = "prediction_exporter_source_lines_total", "prediction_exporter_source_rejected_lines_total"


def request(number: Any, **more: Any) -> bytes:
    return json.dumps({"meta": {"id": number}, "features": {"age": 41}, **more}).encode() + b"\n"


def response(number: Any, **more: Any) -> bytes:
    return json.dumps({"meta": {"id": number}, "prediction": "a", **more}).encode() + b"\n"


class Running:
    """An engine with a configuration, whose stream is at its start."""

    def __init__(self, folder: Path, config: str = CONFIG, restored: Snapshot | None = None) -> None:
        (folder / "config.yaml").write_text(config)
        self.plan, self.collector = planning.plan(*loading.load(folder / "config.yaml"))
        self.engine = Engine(self.plan, restored)
        self.engine.open(STREAM)

    def feed(self, *lines: bytes, at: float = NOW) -> None:
        self.engine.feed(STREAM, b"".join(lines), at)

    def counted(self, at: float = NOW) -> tuple[int, dict[str, int], int]:
        """Return the number of predictions, the rejected lines by reason, and the number of waiting lines."""
        snapshot = self.engine.snapshot(at)
        counts = snapshot.sources["/log"]
        return counts.records, counts.rejected, len(snapshot.waiting.get("/log", ()))


@pytest.mark.parametrize("lines", [(request(1), response(1)), (response(1), request(1))], ids=["in order", "reversed"])
def test_a_request_and_its_response_are_one_record(tmp_path: Path, lines: tuple[bytes, ...]) -> None:
    running = Running(tmp_path)
    running.feed(lines[0])
    assert running.counted() == (0, {}, 1)
    running.feed(lines[1])
    assert running.counted() == (1, {}, 0)


@pytest.mark.parametrize("line", [request(1), response(1)], ids=["request", "response"])
def test_a_line_without_the_other_one_is_rejected_after_a_while(tmp_path: Path, line: bytes) -> None:
    running = Running(tmp_path)
    running.feed(line)
    assert running.counted(NOW) == (0, {}, 1)
    assert running.counted(NOW + 9) == (0, {}, 1)
    assert running.counted(NOW + 10) == (0, {"incomplete": 1}, 0)


def test_a_line_without_an_id_is_rejected(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.feed(b'{"prediction": "a"}\n', request([1]), b"[1]\n")
    assert running.counted() == (0, {"missing_field": 3}, 0)


def test_the_oldest_line_is_rejected_if_too_many_wait(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.feed(*(request(number) for number in range(MOST_WAITING + 5)))
    assert running.counted() == (0, {"incomplete": 5}, MOST_WAITING)
    running.feed(response(5), response(4))
    assert running.counted() == (1, {"incomplete": 5}, MOST_WAITING)


def test_the_bytes_of_waiting_lines_are_limited(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.feed(*(request(number, text="x" * 500_000) for number in range(40)))
    _, rejected, waiting = running.counted()
    assert rejected == {"incomplete": 40 - waiting}
    assert 30 <= waiting <= 33


@given(
    st.lists(st.tuples(st.sampled_from([request, response]), st.integers(1, 3)), max_size=20),
    st.randoms(use_true_random=False),
    st.integers(1, 60),
)
def test_pairs_count_the_same_in_any_order_and_any_blocks(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[tuple[Any, int]], chance: random.Random, size: int
) -> None:
    lines = [make(number) for make, number in chosen]
    by_id: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for make, number in chosen:
        by_id[number][make is response] += 1
    pairs = sum(min(counts) for counts in by_id.values())
    running = Running(tmp_path_factory.mktemp("pairs"))
    chance.shuffle(lines)
    data = b"".join(lines)
    for start in range(0, len(data), size):
        running.feed(data[start : start + size])
        if chance.random() < 0.1:
            restored = decode(encode(running.engine.snapshot(NOW)))
            running.engine = Engine(running.plan, restored)
            running.engine.open(STREAM, restored.positions[STREAM])
            running.feed(data[restored.positions[STREAM].offset : start + size])
    assert running.counted() == (pairs, {}, len(lines) - 2 * pairs)
    lost = {"incomplete": len(lines) - 2 * pairs} if len(lines) > 2 * pairs else {}
    assert running.counted(NOW + 10) == (pairs, lost, 0)


def test_waiting_lines_wait_anew_after_a_restart(tmp_path: Path) -> None:
    before = Running(tmp_path)
    before.feed(request(1))
    restored = decode(encode(before.engine.snapshot(NOW)))
    after = Running(tmp_path, restored=restored)
    assert after.counted(NOW + 3600) == (0, {}, 1)
    after.feed(response(1), at=NOW + 3605)
    assert after.counted(NOW + 3605) == (1, {}, 0)


def test_waiting_lines_survive_a_reload_of_their_source(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.feed(request(1), request(2))
    running.engine.release("/log")
    running.engine.adopt(Running(tmp_path, CONFIG.replace("10s", "20s")).plan)
    running.engine.open(STREAM)
    running.feed(response(1))
    assert running.counted() == (1, {}, 1)
    running.engine.adopt(Running(tmp_path, "sources: [/log]").plan)
    assert running.counted() == (1, {"incomplete": 1}, 0)


def test_lines_that_where_leaves_out_are_no_part_of_a_pair(tmp_path: Path) -> None:
    where = "{url: /log, where: {event: [in, out]}, pair: {id: meta.id}}"
    running = Running(tmp_path, f"sources: [{where}]")
    running.feed(request(1, event="in"), request(1, event="health"), response(1, event="out"), b"Traceback\n")
    assert running.counted() == (1, {}, 0)
    assert running.engine.snapshot(NOW).sources["/log"].skipped == 2


def test_a_format_that_pairs_by_itself_has_no_pair(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: [{url: /log, format: kserve, pair: {id: id}}]")
    with pytest.raises(loading.ConfigError, match=r"sources\[0\]\.pair: `format: kserve` has no pairs of lines"):
        loading.load(tmp_path / "config.yaml")


def test_pairs_count_once_across_kills_and_rotation(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "listen: 127.0.0.1:0\nstate_dir: state\nsources: [{url: app.log, pair: {id: meta.id}}]\n"
    )
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(map(request, range(10))))
    earlier = 0
    for times in (1, 2, 3):
        with exporter("--config", tmp_path / "config.yaml") as running:
            # The requests wait, and are committed by the scrape.
            running.wait_for(BYTES, log.stat().st_size + earlier)
            running.stop(signal.SIGKILL)
        earlier += log.stat().st_size
        log.rename(tmp_path / f"app.log.{times}")
        pairs = b"".join(response(n) for n in range(10 * times - 10, 10 * times))
        log.write_bytes(pairs + b"".join(map(request, range(10 * times, 10 * times + 10))))
        with exporter("--config", tmp_path / "config.yaml") as running:
            running.wait_for(LINES, 10 * times)
            assert running.total("model_predictions_total") == 10 * times
            assert running.total(REJECTED) == 0
            running.stop(signal.SIGKILL)
