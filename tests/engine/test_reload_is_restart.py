"""A reload is a restart in memory: to adopt a plan gives the state of an engine that is restored by that plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.configuration.settings import (
    BucketsConfig,
    BusinessConfig,
    Config,
    DriftConfig,
    GroundTruthConfig,
    LimitsConfig,
    QualityConfig,
    SegmentConfig,
)
from exporter.configuration.source_config import SourceConfig
from exporter.engine.engine import Engine
from exporter.engine.plan import Plan
from exporter.joins.memory_store import MemoryStore
from exporter.joins.store import StoreStats
from exporter.lines.buffer import IngestRequest
from exporter.lines.stream import Stream
from exporter.state.checkpoint import decode, encode
from exporter.state.snapshot import Snapshot
from exporter.units import Before, Duration, FieldPath
from tests.records import NOW, PROFILE, RICH, block, categorical, logs, numeric, plan, reference, result

LOG, LABELS, HTTP = "/log", "/labels", "http:///v1/predictions"
STREAMS = {LOG: Stream(str(LOG), "/log", 1, 2, 3), LABELS: Stream(str(LABELS), "/labels", 1, 4)}
OTHER_PROFILE = reference(
    {"age": numeric([35.0, 45.0]), "country": categorical({"DE": 700, "XX": 300})}, classes=("approve", "new")
)

RICH_CONFIG = Config(
    sources=[SourceConfig.parse(LOG), SourceConfig.parse(HTTP)],
    ground_truth=GroundTruthConfig([SourceConfig.parse(LABELS)], wait=Duration.parse("30d")),
    windows=(Duration.parse("1m"), Duration.parse("1h")),
    drift=DriftConfig(before=(Before.parse("previous"),)),
    segments=(SegmentConfig("country"), SegmentConfig("channel", FieldPath.parse("request.channel"))),
    quality=QualityConfig(duplicate_ids=50),
    business=(BusinessConfig("revenue", field=FieldPath.parse("amount")),),
)
CHANGES: Sequence[dict[str, Any]] = (
    {"windows": (Duration.parse("1m"), Duration.parse("5m"))},
    {"windows": (Duration.parse("1h"),)},
    {"drift": DriftConfig()},
    {"segments": (SegmentConfig("country"),)},
    {"segments": (SegmentConfig("channel", FieldPath.parse("channel")), SegmentConfig("country"))},
    {"buckets": BucketsConfig(latency_seconds=(0.5, 7.0))},
    {"limits": LimitsConfig(prediction_classes=2, models=2, segment_values=1)},
    {"quality": QualityConfig()},
    {"quality": QualityConfig(duplicate_ids=2)},
    {"business": ()},
)
configs = st.lists(st.sampled_from(CHANGES), max_size=2).map(
    lambda changes: msgspec.structs.replace(RICH_CONFIG, **dict(change for each in changes for change in each.items()))
)
profiles = st.sampled_from([PROFILE, PROFILE, OTHER_PROFILE, None])
plans = st.builds(lambda config, profile: plan(config, profile)[0], configs, profiles)
ids = st.sampled_from(["a", "b", "c", "d"])
requests = st.fixed_dictionaries(
    {},
    optional={
        "request_id": ids,
        "channel": st.sampled_from(["top", "other"]),
        "request": st.sampled_from([{"channel": "web"}, {"channel": "app"}, None]),
        "amount": st.sampled_from([1, 2.5]),
    },
)
records = st.tuples(logs, requests).map(
    lambda drawn: [record | drawn[1] if isinstance(record, dict) else record for record in drawn[0]]
)
labels = st.lists(st.builds(dict, request_id=ids, actual=st.sampled_from(["approve", "deny"])), max_size=3)


@dataclass(frozen=True)
class Step:
    """What is read, the last bytes of it cut off until the next step; how much time passes; and the plan after it."""

    records: Sequence[Any]
    labels: Sequence[Any]
    cut: int
    seconds: float
    plan: Plan
    is_sent_again: bool


# What rolls out of a window is compared with later, for which it takes time.
FAR = Step(RICH, [{"request_id": "a", "actual": "deny"}], 30, 70.0, plan(RICH_CONFIG, PROFILE)[0], is_sent_again=True)
steps = st.builds(
    Step, records, labels, st.integers(0, 60), st.sampled_from([0.0, 1.0, 100.0, 4000.0]), plans, st.booleans()
)


@dataclass
class Reader:
    """An engine that reads growing files."""

    engine: Engine
    read: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))

    def open(self, files: dict[str, bytes], now: float) -> None:
        """Resume each file where a state says, and read what was read before."""
        for url, stream in STREAMS.items():
            position = self.engine.remembered(str(url)).get(stream)
            at = position.offset if position else 0
            self.engine.open(stream, position, files[url][max(0, at - 1024) : at])
            self.engine.feed(stream, files[url][at : self.read[url]], now)

    def read_to(self, files: dict[str, bytes], cut: int, now: float) -> None:
        for url, stream in STREAMS.items():
            end = max(self.read[url], len(files[url]) - cut)
            self.engine.feed(stream, files[url][self.read[url] : end], now)
            self.read[url] = end


def state_of(snapshot: Snapshot) -> bytes:
    """Return all of a snapshot that does not depend on when the last commit was."""
    return encode(msgspec.structs.replace(snapshot, deltas={}, store_stats=StoreStats()))


@settings(max_examples=60, deadline=None)
@given(plans, st.lists(steps, max_size=4))
@example(FAR.plan, [FAR, FAR, FAR])
def test_a_reload_gives_the_state_of_a_restart(first: Plan, story: Sequence[Step]) -> None:
    stores = MemoryStore(), MemoryStore()
    reloaded, restarted = (Reader(Engine(first, store=store)) for store in stores)
    files = dict.fromkeys(STREAMS, b"")
    for reader in (reloaded, restarted):
        reader.open(files, NOW)
    now = NOW
    for number, step in enumerate(story):
        now += step.seconds
        files[LOG] += block(step.records)
        files[LABELS] += block(step.labels)
        key = "key" if step.is_sent_again else f"key {number}"
        for reader in (reloaded, restarted):
            reader.read_to(files, step.cut, now)
            result(reader.engine.ingest(str(HTTP), IngestRequest(block(step.records), key=key), now))

        reloaded.engine.adopt(step.plan)

        saved = restarted.engine.snapshot(now)
        stores[1].apply(saved.deltas["joins"])
        restored = msgspec.structs.replace(decode(encode(saved)), deltas={})
        restarted = Reader(Engine(step.plan, restored, store=stores[1]), restarted.read)
        restarted.open(files, now)

        snapshots = reloaded.engine.snapshot(now), restarted.engine.snapshot(now)
        assert state_of(snapshots[0]) == state_of(snapshots[1])
    # What waits to be joined is the same too.
    for reader, store in zip((reloaded, restarted), stores, strict=True):
        store.apply(reader.engine.snapshot(now).deltas["joins"])
    assert stores[0].stats == stores[1].stats
    digests = [*stores[0]._pending, *stores[0]._with_truth]
    assert [*map(repr, stores[0].find(digests))] == [*map(repr, stores[1].find(digests))]


@settings(max_examples=40, deadline=None)
@given(plans, st.lists(steps, max_size=3))
@example(FAR.plan, [FAR, FAR, FAR])
def test_a_reload_of_the_same_plan_changes_nothing(plan: Plan, story: Sequence[Step]) -> None:
    reader, files, now = Reader(Engine(plan, store=MemoryStore())), dict.fromkeys(STREAMS, b""), NOW
    reader.open(files, now)
    for step in story:
        now += step.seconds
        files[LOG] += block(step.records)
        files[LABELS] += block(step.labels)
        reader.read_to(files, step.cut, now)
        before = reader.engine.snapshot(now)
        reader.engine.adopt(plan)
        after = reader.engine.snapshot(now)
        assert state_of(before) == state_of(after)
        assert before.deltas["joins"].requests == after.deltas["joins"].requests
