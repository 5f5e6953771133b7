"""Counters only grow, and are finite, whatever numbers the records contain."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.configuration.settings import BusinessConfig, Config, GroundTruthConfig, QualityConfig, SegmentConfig
from exporter.configuration.source_config import SourceConfig
from exporter.engine.engine import Engine
from exporter.exposition.collector import Collector
from exporter.joins.memory_store import MemoryStore
from exporter.lines.buffer import IngestRequest
from exporter.state.checkpoint import decode, encode
from exporter.state.snapshot import Snapshot
from exporter.units import Ascending, FieldPath
from tests.documentation.families import CLASSES, VALUES
from tests.records import NOW, plan

SOURCE, LABELS = "http:///v1/predictions", "http:///v1/labels"
CONFIG = Config(
    sources=[SourceConfig.parse(SOURCE)],
    ground_truth=GroundTruthConfig([SourceConfig.parse(LABELS)]),
    segments=(SegmentConfig("country"),),
    quality=QualityConfig(duplicate_ids=10),
    business=(
        BusinessConfig("revenue", field=FieldPath.parse("amount")),
        BusinessConfig("margin", field=FieldPath.parse("features.income"), buckets=Ascending((-5.0, 0.0, 5.0))),
        BusinessConfig("repaid", truth=FieldPath.parse("paid"), buckets=Ascending((0.5, 1e300))),
    ),
)
PLANS = {"classes": plan(CONFIG, CLASSES), "values": plan(CONFIG, VALUES)}

numbers = st.one_of(
    st.sampled_from(
        [0, -0.0, 5e-324, -5e-324, -1e-9, 1e-9, 1, -1, 0.5, 1.0000005, 1e7, 1e30, -1e30, 1e31, 2**53, 2**64]
    ),
    st.sampled_from([1.7e308, -1.7e308, 10**400, math.nan, math.inf, -math.inf, None, True, "x", "\ud800", [1]]),
    st.floats(),
)
ids = st.sampled_from(["a", "b", "c", "d"])
predictions = st.fixed_dictionaries(
    {"prediction": st.one_of(st.sampled_from(["approve", "deny"]), numbers)},
    optional={
        "request_id": ids,
        "latency_ms": numbers,
        "probability": st.one_of(numbers, st.dictionaries(st.sampled_from(["approve", "deny"]), numbers)),
        "timestamp": st.one_of(st.sampled_from([NOW, NOW - 100.0]), numbers),
        "features": st.fixed_dictionaries(
            {}, optional={"age": numbers, "income": numbers, "country": numbers, "text": st.lists(numbers, max_size=3)}
        ),
        "attributions": st.dictionaries(st.sampled_from(["age", "country=DE"]), numbers),
        "amount": numbers,
    },
)
labels = st.fixed_dictionaries(
    {"request_id": ids, "actual": st.one_of(st.sampled_from(["approve", "deny"]), numbers)},
    optional={"paid": numbers, "timestamp": numbers},
)
Step = tuple[Sequence[Any], Sequence[Any]]
steps = st.lists(st.tuples(st.lists(predictions, max_size=4), st.lists(labels, max_size=2)), min_size=1, max_size=4)


def refunds(*amounts: float) -> Step:
    return [{"prediction": "approve", "amount": amount, "features": {"income": amount}} for amount in amounts], []


@settings(max_examples=100)
@given(st.sampled_from(list(PLANS)), steps)
@example("classes", [refunds(100), refunds(-20), refunds(1.7e308, 1.7e308), refunds(-1.7e308)])
@example(
    "classes",
    [([{"prediction": "approve", "probability": 0.5}], []), ([{"prediction": "a", "probability": -1e-7}], [])],
)
def test_counters_only_grow(kind: str, steps: Sequence[Step]) -> None:
    chosen, collector = PLANS[kind]
    before: dict[Any, float] = {}
    restored, store = None, MemoryStore()
    for number, (logged, labelled) in enumerate(steps):
        engine = Engine(chosen, restored, store=store)
        engine.ingest(SOURCE, IngestRequest(lines(logged)), NOW + number)
        engine.ingest(LABELS, IngestRequest(lines(labelled)), NOW + number)
        snapshot = engine.snapshot(NOW + number)
        store.apply(snapshot.deltas["joins"])
        restored = msgspec.structs.replace(decode(encode(snapshot)), deltas={})
        now = totals(collector, restored)
        assert {key: value for key, value in now.items() if not before.get(key, 0.0) <= value < math.inf} == {}
        assert before.keys() <= now.keys()
        before = now


def lines(records: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def totals(collector: Collector, snapshot: Snapshot) -> dict[Any, float]:
    """Return the values of all counters and histograms by name and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect(snapshot)
        if family.type in ("counter", "histogram")
        for sample in family.samples
    }
