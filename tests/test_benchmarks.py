"""The benchmark's logs have the properties that their names claim, and every program counts the same predictions."""

import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.benchmarks import programs, throughput
from tests.benchmarks.arrival import paced, stamped
from tests.benchmarks.log import LOGS, ODD_LINES, generate

COUNT = 10_000


def records(name: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in generate(LOGS[name], COUNT).lines]


def odd_kind(line: bytes) -> str | None:
    """Return which of ODD_LINES it is."""
    if not line.strip():
        return "blank"
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "truncated" if line.startswith(b"{") else "text"
    numbers = [value for name, value in record["features"].items() if name.startswith("feature")]
    if "debug" in record:
        return "unknown keys"
    if any(type(number) not in (int, float) for number in numbers) or type(record["features"]["country"]) is not str:
        return "wrong type"
    return "integers" if type(record["latency_ms"]) is int else None


@pytest.mark.parametrize("name", LOGS)
def test_a_seed_always_gives_the_same_bytes(name: str) -> None:
    assert generate(LOGS[name], 1000, seed=1) == generate(LOGS[name], 1000, seed=1)
    assert generate(LOGS[name], 1000, seed=1) != generate(LOGS[name], 1000, seed=2)


@pytest.mark.parametrize("name", LOGS)
def test_a_line_has_about_600_bytes(name: str) -> None:
    assert len(b"".join(throughput.blocks(LOGS[name], generate(LOGS[name], 1000).lines))) / 1000 == pytest.approx(
        580, rel=0.1
    )


def test_the_ideal_log_has_20_features_and_no_gaps() -> None:
    for record in records("ideal"):
        assert len(record["features"]) == 20
        assert None not in record["features"].values()
        assert record["model_version"] == "3"


def test_two_percent_of_lines_are_odd_in_every_way() -> None:
    lines, predictions = generate(LOGS["odd"], COUNT)
    kinds = Counter(kind for line in lines if (kind := odd_kind(line)))
    assert kinds.total() / COUNT == pytest.approx(0.02, rel=0.1)
    assert {*kinds} == {*ODD_LINES}
    assert min(kinds.values()) > 0.1 * max(kinds.values())
    assert predictions.total() == COUNT - kinds["truncated"] - kinds["text"] - kinds["blank"]


def test_ten_percent_of_feature_values_are_null() -> None:
    values = [value for record in records("nulls") for value in record["features"].values()]
    assert values.count(None) / len(values) == pytest.approx(0.1, rel=0.02)


def test_versions_are_mixed_in_equal_shares() -> None:
    versions = [record["model_version"] for record in records("versions")]
    for count in Counter(versions).values():
        assert count / COUNT == pytest.approx(1 / 3, rel=0.05)
    assert all({*versions[first : first + 50]} == {"3", "4", "5"} for first in range(0, COUNT, 50))


def test_skewed_features_are_heavy_tailed_zero_inflated_or_codes() -> None:
    columns = {
        name: [record["features"][name] for record in records("skewed")]
        for name in ("feature0", "feature1", "feature2", "feature3")
    }
    assert max(columns["feature0"]) > 50 * sorted(columns["feature0"])[COUNT // 2]
    assert max(map(abs, columns["feature1"])) > 50
    assert columns["feature2"].count(0) / COUNT == pytest.approx(0.8, rel=0.02)
    assert len({*columns["feature3"]}) > 500


def test_timestamps_are_evenly_spaced() -> None:
    lines = [b'{"a":1}\n', b"no object\n", b'{"a":2}\n']
    assert [*stamped(lines, 1_767_600_000.0, 10)] == [
        b'{"timestamp":1767600000.000,"a":1}\n',
        b"no object\n",
        b'{"timestamp":1767600000.200,"a":2}\n',
    ]
    assert [*stamped(lines, 1_767_600_000.0, 10, "RFC 3339")][-1] == (
        b'{"timestamp":"2026-01-05T08:00:00.200Z","a":2}\n'
    )


def test_a_backlog_spans_hours_until_now() -> None:
    lines = generate(LOGS["rfc3339-backlog"], 200_000).lines
    now = time.time()
    (block,) = throughput.blocks(LOGS["rfc3339-backlog"], lines)
    first, *_, last = block.splitlines()
    begin, end = (datetime.fromisoformat(orjson.loads(line)["timestamp"]).timestamp() for line in (first, last))
    assert end - begin == pytest.approx(20_000, rel=0.01)
    assert now - 1 < end < time.time()


def test_a_live_log_holds_every_line_in_order() -> None:
    lines = generate(LOGS["epoch-live"], 1000).lines
    assert b"".join(paced(iter(lines), rate=5000)) == b"".join(lines)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return throughput.write_reference(tmp_path_factory.mktemp("reference"), LOGS["all"])


@pytest.mark.parametrize("program", programs.PROGRAMS)
def test_every_program_counts_every_prediction_once(program: str, reference: Path) -> None:
    lines, predictions = generate(LOGS["all"], 3000)
    run = programs.run(program, reference, throughput.blocks(LOGS["all"], lines), predictions.total())
    assert run.predictions == predictions
