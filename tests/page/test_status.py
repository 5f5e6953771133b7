"""The status document of a log, told against plain counts of its records."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Gauge

from exporter.assembly.planning import plan
from exporter.configuration.settings import Config, ModelConfig
from exporter.configuration.source_config import SourceConfig
from exporter.engine.engine import Engine
from exporter.exposition.collector import Collector
from exporter.families import Family, GaugeFamily
from exporter.page import rendering
from exporter.state.snapshot import Snapshot
from exporter.status import assembly, findings
from exporter.status.assembly import Asked, UnknownError
from exporter.status.document import Status
from exporter.status.operation import Operation
from exporter.units import Duration
from tests.records import STREAM, block, categorical, numeric, reference

HOUR = 3600.0
NOW = 1_700_000_000.0 // HOUR * HOUR + 0.75 * HOUR
WINDOWS = ("5m", "1h", "24h")
PROFILE = msgspec.structs.replace(
    reference(
        {"age": numeric([30.0, 40.0], [100, 200, 300]), "place": categorical({"DE": 50, "FR": 50})},
        classes=("yes", "no"),
    )
)
Record = dict[str, Any]


def record(chance: random.Random, time: float, *, late: bool) -> Record:
    if chance.random() < 0.1:
        return {"timestamp": time, "error_type": chance.choice(["timeout", "oom"])}
    place = chance.choice(["DE", "US", "US"] if late else ["DE", "FR", None])
    return {
        "timestamp": time,
        "prediction": chance.choice(["yes", "no", "no"]),
        "latency_ms": 400.0 if late else 20.0,
        "features": {"age": chance.choice([25, 35, 45, 45, 45]), "place": place},
    }


def log() -> list[Record]:
    """Return two hours of records, of which the last ten minutes are of another kind."""
    chance = random.Random(3)
    return [record(chance, NOW - back, late=back < 600) for back in range(2, 7200, 2)]


def seen(records: list[Record], *, now: float = NOW, profile: bool = True) -> tuple[Collector, Snapshot]:
    config = Config(
        sources=[SourceConfig.parse(STREAM.source)],
        model=ModelConfig("credit", "3"),
        windows=tuple(map(Duration.parse, WINDOWS)),
    )
    planned, collector = plan(config, PROFILE if profile else None)
    engine = Engine(planned)
    engine.open(STREAM)
    engine.feed(STREAM, block(records), now)
    return collector, engine.snapshot(now)


def look(records: list[Record], window: str | None = None, *, now: float = NOW, **asked: str) -> Status:
    return assembly.status(*seen(records, now=now), Asked(window, **asked), Operation())


def within(records: list[Record], seconds: float, end: float = NOW) -> list[Record]:
    """Return the records of a window, whose far edge is that of a pane."""
    pane = seconds / 60
    return [each for each in records if (end // pane - 59) * pane <= each["timestamp"]]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return log()


@pytest.mark.parametrize(("window", "seconds"), [(None, 300.0), ("1h", HOUR)])
def test_what_was_served_is_that_of_the_window(records: list[Record], window: str | None, seconds: float) -> None:
    status = look(records, window)
    held = within(records, seconds)
    predictions = Counter(each["prediction"] for each in held if "prediction" in each)
    errors = Counter(each["error_type"] for each in held if "error_type" in each)
    assert status.model is not None
    serving = status.model.serving
    assert (serving.predictions, serving.errors) == (predictions.total(), errors.total())
    assert serving.errors_by_type == errors
    assert serving.requests_per_second == pytest.approx(len(held) / seconds)
    assert serving.error_ratio == pytest.approx(errors.total() / len(held))
    assert {each.name: each.count for each in status.model.classes} == predictions
    for each in status.model.classes:
        assert each.share == pytest.approx(predictions[each.name] / predictions.total())
        assert each.reference_share == pytest.approx(0.5)


def test_latency_is_between_the_bounds_of_its_bucket(records: list[Record]) -> None:
    status = look(records)
    assert status.model is not None
    # All took 400 ms, and the bucket is that from 250 to 500.
    assert all(0.25 <= value <= 0.5 for value in status.model.serving.latency_seconds.values())


def test_bins_and_drift_are_those_of_the_window(records: list[Record]) -> None:
    status = look(records)
    held = [each["features"]["place"] for each in within(records, 300.0) if "features" in each]
    assert status.model is not None
    first, second = status.model.features
    assert (first.name, first.drifted, second.name, second.drifted) == ("place", True, "age", False)
    assert {each.name: each.share for each in first.bins} == {
        "DE": pytest.approx(held.count("DE") / len(held), abs=1e-6),
        "FR": 0.0,
        "other": pytest.approx(held.count("US") / len(held), abs=1e-6),
    }
    assert [each.reference_share for each in second.bins] == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=1e-6)
    assert first.checks["unseen_category"] == held.count("US")
    assert status.model.quality is not None
    assert status.model.quality.checks["unseen_category"] == held.count("US")
    assert status.model.drift is not None
    assert (status.model.drift.judged, status.model.drift.drifted) == (2, 1)


def psi(counts: Counter[str], against: dict[str, int]) -> float:
    bins = {*counts, *against}
    n, m = counts.total() + len(bins) / 2, sum(against.values()) + len(bins) / 2
    shares = [((counts[name] + 0.5) / n, (against.get(name, 0) + 0.5) / m) for name in bins]
    return sum((p - q) * math.log(p / q) for p, q in shares)


def test_each_point_of_a_course_is_of_the_seconds_before_it(records: list[Record]) -> None:
    status = look(records)
    assert status.model is not None
    assert status.course.over == "1h"
    place = next(feature for feature in status.model.features if feature.name == "place")
    names = {"DE": "DE", "FR": "FR", "US": "other", None: "missing"}
    assert status.course.times[-1] == NOW
    assert len(status.course.times) == len(place.psi_course) == 28
    for at, (time, seconds) in enumerate(zip(status.course.times, status.course.seconds, strict=True)):
        held = [each for each in records if time - seconds <= each["timestamp"] < time]
        failed = sum("error_type" in each for each in held)
        assert status.model.serving.requests_per_second_course[at] == pytest.approx(len(held) / seconds)
        assert status.model.serving.error_ratio_course[at] == pytest.approx(failed / len(held))
        counts = Counter(names[each["features"]["place"]] for each in held if "features" in each)
        assert place.psi_course[at] == pytest.approx(psi(counts, {"DE": 50, "FR": 50}), abs=1e-4)
    assert status.model.drift is not None
    assert status.model.drift.over_threshold_course[-1] == 1


def test_the_course_of_the_longest_window_is_of_a_fifth_of_it(records: list[Record]) -> None:
    status = look(records, "24h")
    assert status.course.over == "24h"
    assert status.course.seconds[0] == pytest.approx(24 * HOUR / 5)
    assert status.model is not None
    rates = status.model.serving.requests_per_second_course
    # Of the time before the first record nothing is known, which is not a rate of 0.
    assert math.isnan(rates[0])
    assert rates[-1] > 0


def test_a_rate_is_of_the_time_since_the_first_record() -> None:
    young = [{"timestamp": NOW - back, "prediction": "yes"} for back in range(60)]
    status = look(young)
    assert status.model is not None
    assert status.model.serving.seconds == pytest.approx(60, abs=5)
    assert status.model.serving.requests_per_second == pytest.approx(1, rel=0.1)


def test_a_window_with_nothing_in_it_says_so(records: list[Record]) -> None:
    status = look(records, now=NOW + 2 * HOUR)
    assert status.model is not None
    assert status.model.serving.requests_per_second == 0
    assert math.isnan(status.model.serving.error_ratio)
    assert [finding.check for finding in status.findings] == ["traffic"]
    assert all(feature.drifted is None for feature in status.model.features)


def test_before_the_first_record_there_is_no_model_but_a_document() -> None:
    collector, snapshot = seen([], profile=False)
    empty = msgspec.json.decode(msgspec.json.encode(assembly.status(collector, Snapshot(NOW), Asked(), Operation())))
    assert empty["model"] is None
    assert empty["models"] == []
    assert assembly.status(collector, snapshot, Asked(), Operation()).findings == []


def test_without_a_reference_there_is_no_drift(records: list[Record]) -> None:
    status = assembly.status(*seen(records, profile=False), Asked(), Operation())
    assert status.model is not None
    assert (status.model.drift, status.model.quality, status.model.features) == (None, None, [])
    assert all(math.isnan(each.reference_share) for each in status.model.classes)


def test_the_busiest_model_is_shown_unless_another_is_asked_for(records: list[Record]) -> None:
    two = [*records, *({"timestamp": NOW - n, "prediction": "yes", "model_version": "4"} for n in range(5))]
    status = look(two)
    assert [(each.name, each.version) for each in status.models] == [("credit", "3"), ("credit", "4")]
    assert status.model is not None
    assert status.model.version == "3"
    other = look(two, version="4")
    assert other.model is not None
    assert (other.model.version, other.model.serving.predictions) == ("4", 5)


@pytest.mark.parametrize("asked", [Asked("7m"), Asked(version="9"), Asked(model="fraud")])
def test_what_there_is_not_is_told_with_what_there_is(records: list[Record], asked: Asked) -> None:
    with pytest.raises(UnknownError, match=r"expected one of (5m, 1h, 24h|credit 3)"):
        assembly.status(*seen(records), asked, Operation())


def test_findings_name_what_is_over_its_limit(records: list[Record]) -> None:
    slow = [each | {"latency_ms": 900.0} for each in records]
    checks = {finding.check: finding for finding in look(slow).findings}
    assert checks.keys() == {"latency_p99_seconds", "feature_drift"}
    assert checks["feature_drift"].text == "1 feature has drifted: place."
    assert checks["feature_drift"].severity == findings.WARNING
    assert [finding.severity for finding in look(slow).findings] == ["critical", "warning"]


def test_a_state_that_cannot_be_saved_and_a_source_that_cannot_be_read_are_findings() -> None:
    registry = CollectorRegistry()
    for name, value in (("lag_seconds", 90.0), ("failing_files", 2.0), ("gaps_total", 1.0)):
        gauge = Gauge(f"prediction_exporter_source_{name}", "x", ["source"], registry=registry)
        gauge.labels(STREAM.source).set(value)
    operation = Operation("/state", "cannot save the state: no space", [*registry.collect()])
    status = assembly.status(*seen([{"timestamp": NOW, "prediction": "yes"}]), Asked(), operation)
    told = [finding.text for finding in status.findings]
    assert told[0].startswith("Cannot save the state: no space.")
    assert f"{STREAM.source}: 2 files cannot be opened or read." in told
    assert f"{STREAM.source}: reading is 90 seconds behind." in told
    assert f"{STREAM.source}: 1 file was gone before it was read to the end." in told


def test_performance_is_shown_where_there_is_ground_truth(
    records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = ("model_name", "model_version")

    def gauge(name: str, *rows: tuple[float, dict[str, str]]) -> Family:
        family = GaugeFamily(name, "x", (*base, *rows[0][1]))
        for value, labels in rows:
            family.add(("credit", "3", *labels.values()), value)
        return family

    averages = [
        (0.8, {"window": "5m", "average": "weighted", "class": ""}),
        (0.7, {"window": "5m", "average": "macro", "class": ""}),
        (0.6, {"window": "5m", "average": "", "class": "yes"}),
    ]
    more = [
        gauge("model_window_outcomes", (40, {"window": "5m"})),
        gauge("model_ground_truth_coverage", (0.5, {"window": "5m"})),
        gauge("model_accuracy", (0.75, {"window": "5m"})),
        gauge("model_precision", *averages),
        gauge(
            "model_performance_degraded",
            (1, {"metric": "f1", "window": "5m"}),
            (0, {"metric": "recall", "window": "5m"}),
        ),
        gauge("model_concept_drift", (1, {})),
        gauge("model_estimated_accuracy", (0.9, {"window": "5m"})),
    ]
    real = Collector.of_window

    def with_truth(self: Collector, *arguments: Any) -> Any:
        held, families = real(self, *arguments)
        return held, iter([*families, *more])

    monkeypatch.setattr(Collector, "of_window", with_truth)
    status = look(records)
    assert status.model is not None
    performance = status.model.performance
    assert performance is not None
    assert (performance.samples, performance.coverage, performance.concept_drift) == (40, 0.5, True)
    assert performance.figures == {"accuracy": 0.75, "precision": 0.8}
    assert performance.classes == {"yes": {"precision": 0.6}}
    assert performance.degraded == ["f1"]
    assert status.model.estimated == {"accuracy": 0.9}
    assert {"accuracy", "performance", "concept_drift"} <= {finding.check for finding in status.findings}
    shown = rendering.page(status).decode()
    assert "Of 40 predictions whose truth came in the last 5m; 50% have theirs." in shown
    assert re.search(r"<dt>accuracy</dt><dd>75%</dd>", shown)
    assert re.search(r"<tr><td>yes</td><td>60%</td>", shown)
    assert "no ground truth has come" not in shown


def test_as_json_it_has_null_for_what_is_not_known() -> None:
    encoded = msgspec.json.encode(look([{"timestamp": NOW, "prediction": "yes"}]))
    assert b"NaN" not in encoded
    document = msgspec.json.decode(encoded)
    assert document["model"]["features"][0]["psi"] is None
    assert document["model"]["serving"]["latency_seconds"]["0.99"] is None
    assert np.isfinite(document["time"])
