"""What the states in `versions` were made of: a sidecar with every kind of state, killed within a commit.

`python -m tests.state.scenario` writes the one of the current version, which stays in the repository when the form of
the state changes.
"""

import json
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec

from exporter.assembly import planning
from exporter.configuration.models import LoadedModel
from exporter.configuration.settings import (
    BusinessConfig,
    Config,
    DriftConfig,
    GroundTruthConfig,
    ModelConfig,
    QualityConfig,
    SegmentConfig,
)
from exporter.configuration.source_config import SourceConfig
from exporter.engine.engine import Engine
from exporter.engine.plan import Plan
from exporter.exposition.collector import Collector
from exporter.joins.join import NAME as JOINS
from exporter.joins.stores import open_store
from exporter.lines.buffer import IngestRequest
from exporter.lines.stream import Stream
from exporter.model_key import OTHERS, ModelKey
from exporter.reference import profile_file
from exporter.state import migrations
from exporter.state.durable_state import DurableState
from exporter.state.snapshot import Snapshot, SourceCounts
from exporter.tallies.tally import AnyTallies
from exporter.telemetry import Telemetry
from exporter.units import Before, Duration, FieldPath
from tests.records import result

VERSIONS = Path(__file__).parent / "versions"
NOW = 1_700_000_000.0
# Statistics that older releases did not have.
NEWER = {"business_revenue_negative", "business_repaid_negative", "feature_values"}
LOG, HTTP, LABELS = "/log", "http:///v1/predictions", "/labels"
LOG_STREAM, LABEL_STREAM = Stream(LOG, "/log", 1, 2, 3), Stream(LABELS, "/labels", 1, 4)


def planned() -> tuple[Plan, Collector]:
    """Return the plan by which all states were made, and what judges their drift."""
    config = Config(
        sources=[SourceConfig.parse("/log"), SourceConfig.parse("http:///v1/predictions")],
        model=ModelConfig("credit", "3"),
        windows=(Duration.parse("1m"), Duration.parse("1h30m")),
        ground_truth=GroundTruthConfig(sources=[SourceConfig.parse("/labels")], wait=Duration.parse("1h")),
        drift=DriftConfig(before=(Before.parse("previous"),)),
        segments=(SegmentConfig("country"), SegmentConfig("channel", FieldPath.parse("request.channel"))),
        business=(
            BusinessConfig("revenue", field=FieldPath.parse("amount")),
            BusinessConfig("repaid", truth=FieldPath.parse("paid")),
        ),
        quality=QualityConfig(duplicate_ids=100),
    )
    profile = profile_file.load((VERSIONS / "reference.json").read_bytes())
    credit = LoadedModel(config, profile, tuple(profile.features))
    return planning.plan(config, {OTHERS: LoadedModel(config), ModelKey("credit"): credit})


def plan() -> Plan:
    return planned()[0]


def block(records: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def prediction(n: int, at: float, **more: Any) -> dict[str, Any]:
    """Return a record with something in every field; `rN` is its request."""
    return {
        "request_id": f"r{n}",
        "timestamp": at,
        "prediction": "approve" if n % 3 else "deny",
        "probability": {"approve": 0.75, "deny": 0.25} if n % 3 else {"approve": 0.125, "deny": 0.875},
        "latency_ms": 10 * n,
        "amount": 2.5 * n,
        "request": {"channel": "web" if n % 2 else "app"},
        "attributions": {"age": 0.5 * n - 1, "country=DE": 0.25},
        "features": {
            "age": 20 + 3 * n,
            "plan": "basic",
            "income": 0.25 * n,
            "text": [0.5, n, 0],
            "country": "DE" if n % 4 else "FR",
            "new": 1,
        },
    } | more


def label(n: int, at: float, actual: str) -> dict[str, Any]:
    """Return the ground truth of a request."""
    return {"request_id": f"r{n}", "actual": actual, "timestamp": at, "paid": 1.5}


def play(state: DurableState, engine: Engine) -> Snapshot:
    """Read the scenario's records; return the last snapshot, of which the checkpoint is saved, but not the store."""
    _, collector = planned()
    last: Snapshot | None = None

    def commit(now: float) -> None:
        nonlocal last
        last = snapshot = collector.judged(engine.snapshot(now), last)
        state.save(snapshot)
        engine.committed(snapshot)

    engine.open(LOG_STREAM)
    engine.open(LABEL_STREAM)
    # These roll out of the shorter window.
    engine.feed(LOG_STREAM, block(prediction(n, NOW - 200 + n) for n in range(10)), NOW - 180)
    again = [prediction(90, NOW - 180, error_type="timeout", latency_ms=None, amount=None), prediction(3, NOW - 180)]
    engine.feed(LOG_STREAM, b"not json\n" + block(again), NOW - 180)
    first = [label(1, NOW - 170, "approve"), label(2, NOW - 170, "deny"), label(50, NOW - 170, "approve")]
    engine.feed(LABEL_STREAM, block(first), NOW - 170)
    commit(NOW - 170)
    commit(NOW - 100)
    engine.feed(LOG_STREAM, block(prediction(n, NOW - 10, model_version="4") for n in range(10, 16)), NOW - 9)
    engine.feed(LOG_STREAM, block([prediction(4, NOW - 10, model_version="4"), prediction(50, NOW - 10)]), NOW - 9)
    second = [label(2, NOW - 9, "approve"), label(1, NOW - 9, "approve"), label(60, NOW - 9, "deny")]
    engine.feed(LABEL_STREAM, block(second), NOW - 9)
    result(engine.ingest(HTTP, IngestRequest(block([prediction(20, NOW - 8)]), key="key-1"), NOW - 8))
    commit(NOW - 8)
    late = block([prediction(16, NOW - 1), prediction(5, NOW - 1, model_version="4")])
    engine.feed(LOG_STREAM, late + b'{"half', NOW - 1)
    third = [label(10, NOW - 1, "approve"), label(61, NOW - 1, "deny"), label(4, NOW - 1, "approve")]
    engine.feed(LABEL_STREAM, block(third), NOW - 1)
    last = collector.judged(engine.snapshot(NOW), last)
    assert state._checkpoint
    state._checkpoint.save(last)
    return last


def _without_gaps(counts: SourceCounts) -> dict[str, Any]:
    """Return the counts that the first version had."""
    values: dict[str, Any] = msgspec.to_builtins(counts)
    assert (values.pop("gaps"), values.pop("skipped"), values.pop("unusable")) == (0, 0, {})
    return values


def sums(tallies: AnyTallies, without: Collection[str] = ()) -> dict[str, dict[str, float]]:
    """Return the sum of each tally, by the labels of its series and the name of its statistic.

    Those that are 0 are left out, as are those of statistics that an older release does not have, or `without` some.
    """
    return {
        " ".join(series): {
            name: float(array.sum()) for name, array in arrays.items() if array.any() and name not in {*NEWER, *without}
        }
        for series, arrays in sorted(tallies.items())
    }


def of_outcomes() -> set[str]:
    """Return the names of the statistics that read outcomes."""
    statistics = (statistic for model in plan().models.values() for statistic in (*model.statistics, *model.segmented))
    return {statistic.name for statistic in statistics if statistic.reads == "outcomes"}


def summary(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a restart has to keep."""
    return {
        "time": snapshot.time,
        "totals": sums(snapshot.totals),
        "windows": {
            # In older versions, outcomes were in the pane of their label.
            label: {
                str(pane): {series: row for series, row in sums(tallies, of_outcomes()).items() if row}
                for pane, tallies in panes.items()
                if any(sums(tallies, of_outcomes()).values())
            }
            for label, panes in snapshot.windows.items()
            if label != "outcomes"
        },
        "history": {
            label: {str(quarter): sums(tallies) for quarter, tallies in quarters.items()}
            for label, quarters in snapshot.history.items()
        },
        "sources": {name: _without_gaps(counts) for name, counts in snapshot.sources.items()},
        "offsets": {stream.path: position.offset for stream, position in snapshot.positions.items()},
        "joins": msgspec.to_builtins(snapshot.join_counts),
    }


def main() -> None:
    folder = VERSIONS / str(migrations.VERSION)
    shutil.rmtree(folder, ignore_errors=True)
    state = DurableState(str(folder), Telemetry())
    engine = Engine(plan(), store=state.open(JOINS, open_store))
    expected = summary(play(state, engine))
    (VERSIONS / "expected.json").write_bytes(msgspec.json.encode(expected))
    state.close()
    for name in ("lock", "checkpoint.previous"):
        (folder / name).unlink()


if __name__ == "__main__":
    main()
