"""Duplicate request ids: counted against a plain loop, and the same whenever the engine stops and goes on."""

import random
import sys
from collections import deque
from typing import Any

import pytest

from exporter.assembly.measures import measures
from exporter.configuration.settings import Config, QualityConfig
from exporter.engine.engine import Engine
from exporter.engine.seen_keys import DIGEST_BYTES, SeenKeys, mark_repeated
from exporter.state import checkpoint
from exporter.state.snapshot import Snapshot
from tests.records import NOW, PROFILE, STREAM, block, decoded_block, decoder, engine, good

CHOSEN = measures(Config(sources=[], quality=QualityConfig(duplicate_ids=50)), PROFILE)


def duplicates(snapshot: Snapshot) -> dict[tuple[str, str], float]:
    return {tuple(series): row["record_quality"][2] for series, row in snapshot.totals.items()}


def fed(*records: Any, limit: int = 50) -> Engine:
    running = engine(chosen=CHOSEN, request_ids=limit)
    running.open(STREAM)
    running.feed(STREAM, block(records), NOW)
    return running


def count(*records: Any, limit: int = 50) -> float:
    return sum(duplicates(fed(*records, limit=limit).snapshot(NOW)).values())


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([good(request_id="a"), good(request_id="b")], 0, id="different ones"),
        pytest.param([good(request_id="a")] * 3, 2, id="each time that it comes again"),
        pytest.param([good()] * 3, 0, id="none"),
        pytest.param([good(request_id=None), good(request_id="")] * 3, 0, id="null and empty"),
        pytest.param([good(request_id=7), good(request_id="7")], 1, id="a number is spelt as text"),
        pytest.param([good(request_id=0)] * 2, 1, id="zero is an id"),
        pytest.param([good(request_id="a"), good(request_id="a", model_version="4")], 0, id="of another model"),
        pytest.param(
            [{"timestamp": NOW, "error_type": "timeout", "request_id": "a"}] * 2 + [good(request_id="a")],
            0,
            id="tried again after errors",
        ),
        pytest.param(
            [good(request_id="a"), {"timestamp": NOW, "error_type": "timeout", "request_id": "a"}],
            0,
            id="an error is no duplicate",
        ),
        pytest.param([good(request_id="a", timestamp=0), good(request_id="a")], 0, id="of a refused record"),
    ],
)
def test_what_is_a_duplicate(records: list[Any], expected: int) -> None:
    assert count(*records) == expected


def test_an_id_of_the_wrong_type_costs_the_id_only() -> None:
    decoded = decoded_block(decoder(asked_for=("request_id",)), block([good(request_id={"id": "a"})]))
    assert decoded.rejected == ()
    assert decoded.unusable == {"request_id": 1}
    assert decoded.batch is not None
    assert decoded.batch.request_id is not None
    assert decoded.batch.request_id.names == ()


def test_ids_are_not_read_where_they_are_not_asked_for() -> None:
    decoded = decoded_block(decoder(fields={"request_id": ("id",)}), block([good(id=["a"], request_id="a")]))
    assert decoded.rejected == ()
    assert decoded.batch is not None
    assert decoded.batch.request_id is None


def test_an_id_is_found_where_the_configuration_says() -> None:
    decoded = decoded_block(
        decoder(fields={"request_id": ("trace", "id")}, asked_for=("request_id",)), block([good(trace={"id": "a"})])
    )
    assert decoded.batch is not None
    assert decoded.batch.request_id is not None
    assert decoded.batch.request_id.names == ("a",)


def plain(ids: list[str], limit: int) -> int:
    """Count duplicates among the last `limit` distinct ids."""
    last: deque[str] = deque(maxlen=limit)
    found = 0
    for one in ids:
        found += one in last
        if one not in last:
            last.append(one)
    return found


@pytest.mark.parametrize("limit", [1, 20, 50])
def test_the_last_ones_are_remembered_as_a_plain_list_does(limit: int) -> None:
    rng = random.Random(3)
    ids = [str(rng.randrange(60)) for _ in range(500)]
    assert count(*(good(request_id=one) for one in ids), limit=limit) == plain(ids, limit)


def test_the_count_is_the_same_wherever_the_engine_is_killed_and_goes_on() -> None:
    rng = random.Random(4)
    ids = [str(rng.randrange(80)) for _ in range(400)]
    data = block([good(request_id=one, model_version=rng.choice("34")) for one in ids])
    running = engine(chosen=CHOSEN, request_ids=50)
    running.open(STREAM)
    running.feed(STREAM, data, NOW)
    expected = duplicates(running.snapshot(NOW))
    assert sum(expected.values()) > 100

    saved = checkpoint.encode(Snapshot(time=NOW))
    at = 0
    while at < len(data):
        restored = checkpoint.decode(saved)
        running = engine(chosen=CHOSEN, request_ids=50, restored=restored)
        running.open(STREAM, restored.positions.get(STREAM))
        size = rng.randrange(1, 3000)
        running.feed(STREAM, data[at : at + size], NOW)
        snapshot = running.snapshot(NOW)
        saved = checkpoint.encode(snapshot)
        at = snapshot.positions[STREAM].offset
        # What was read after the commit is read again by the next one.
        running.feed(STREAM, data[at : at + 2000], NOW)
        running.fold()
        if at + size >= len(data) and not data[at:]:
            break
    assert duplicates(checkpoint.decode(saved)) == expected


def test_a_plan_that_remembers_fewer_keeps_the_last_ones() -> None:
    digests = bytes(range(8 * 5))
    assert SeenKeys(3, digests).digests == digests[16:]
    assert SeenKeys(0, digests).digests == b""
    assert SeenKeys(9, digests).digests == digests


def test_what_is_remembered_is_bounded_in_memory_and_in_the_checkpoint() -> None:
    ids = SeenKeys(1000)
    for start in range(0, 5000, 500):
        decoded = decoded_block(
            decoder(asked_for=("request_id",)), block([good(request_id=str(start + n)) for n in range(500)])
        )
        assert decoded.batch is not None
        mark_repeated(decoded.batch, ids)
    assert len(ids.digests) == 1000 * DIGEST_BYTES
    # As the README says: about 100 bytes an id.
    assert sum(map(sys.getsizeof, (ids._seen, ids._order, *ids._seen))) < 130 * 1000
