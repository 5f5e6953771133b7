"""The status document of a log, told against plain counts of its records."""

import math
import random
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from exporter.assembly.measures import measures
from exporter.batch import Series
from exporter.configuration.settings import Config, GroundTruthConfig, ModelConfig
from exporter.configuration.source_config import SourceConfig
from exporter.derived import Measures
from exporter.derived.context import ExpectedChanges
from exporter.derived.multivariate_drift import EmbeddingDrift
from exporter.encoded import Encoded
from exporter.engine.engine import Engine
from exporter.exposition.collector import Collector
from exporter.model_key import OTHERS
from exporter.reference.calibration import Calibration, ScoredClass
from exporter.reference.performance import Baseline, Estimate
from exporter.reference.profile import Profile, Vector
from exporter.reference.projections import directions
from exporter.state.snapshot import ModelLabels, Snapshot
from exporter.status import findings, rendering
from exporter.status.document import Status, StatusQuery, UnknownError, status
from exporter.status.operation import Operation
from exporter.status.variables import VariableStatus, by_drift
from exporter.tallies.tally import add
from exporter.tallies.vocabulary import CLASS_LABEL, ERROR_LABEL
from exporter.tallies.windows import Window
from exporter.telemetry import Telemetry
from exporter.units import Duration
from tests.outcomes import outcomes
from tests.records import STREAM, block, categorical, numeric, plan, reference

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


def seen(records: list[Record], *, now: float = NOW, profile: Profile | bool = True) -> tuple[Collector, Snapshot]:
    config = Config(
        sources=[SourceConfig.parse(STREAM.source)],
        model=ModelConfig("credit", "3"),
        windows=tuple(map(Duration.parse, WINDOWS)),
    )
    planned, collector = plan(config, PROFILE if profile is True else profile or None)
    engine = Engine(planned)
    engine.open(STREAM)
    engine.feed(STREAM, block(records), now)
    return collector, engine.snapshot(now)


def look(records: list[Record], window: str | None = None, *, now: float = NOW, **asked: str) -> Status:
    return document(*seen(records, now=now), StatusQuery(window, **asked))


def document(
    collector: Collector,
    snapshot: Snapshot,
    query: StatusQuery = StatusQuery(),  # noqa: B008  # it is frozen
    operation: Operation | None = None,
) -> Status:
    return status(collector, snapshot, query, operation or Operation())


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
    status = look(records, "5m", now=NOW + 2 * HOUR)
    assert status.model is not None
    assert status.model.serving.requests_per_second == 0
    assert math.isnan(status.model.serving.error_ratio)
    assert status.findings[0].text == "No predictions in the last 1h."
    assert all(feature.drifted is None for feature in status.model.features)


def test_before_the_first_record_there_is_no_model_but_a_document() -> None:
    collector, snapshot = seen([], profile=False)
    empty = msgspec.json.decode(msgspec.json.encode(document(collector, Snapshot(NOW))))
    assert empty["model"] is None
    assert empty["models"] == []
    assert document(collector, snapshot).findings == []


def test_without_a_reference_there_is_no_drift(records: list[Record]) -> None:
    status = document(*seen(records, profile=False))
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


@pytest.mark.parametrize("query", [StatusQuery("7m"), StatusQuery(version="9"), StatusQuery(model="fraud")])
def test_what_there_is_not_is_told_with_what_there_is(records: list[Record], query: StatusQuery) -> None:
    with pytest.raises(UnknownError, match=r"expected one of (5m, 1h, 24h|credit 3)"):
        document(*seen(records), query)


def test_findings_name_what_is_over_its_limit(records: list[Record]) -> None:
    slow = [each | {"latency_ms": 900.0} for each in records]
    checks = {finding.check: finding for finding in look(slow).findings}
    assert checks.keys() == {"latency_p99_seconds", "feature_drift"}
    assert checks["feature_drift"].text == "2 features have drifted: place (5m, 1h, 24h), age (1h, 24h)."
    assert checks["feature_drift"].severity == findings.WARNING
    assert [finding.severity for finding in look(slow).findings] == ["critical", "warning"]


def test_the_page_opens_on_the_shortest_window_with_enough_records(records: list[Record]) -> None:
    assert look(records).window.label == "5m"
    # Of the last five minutes there are six records, which judge nothing.
    assert (
        look([each for each in records if each["timestamp"] < NOW - 300 or each["timestamp"] % 50 < 2]).window.label
        == "1h"
    )
    assert look(records, now=NOW + 2 * HOUR).window.label == "24h"
    few = [{"timestamp": NOW - back, "prediction": "yes"} for back in range(5)]
    assert look(few).window.label == "5m"
    assert document(*seen([], profile=False)).window.label == "5m"
    assert document(*seen(records, profile=False)).window.label == "5m"


def test_findings_are_of_all_windows_whichever_is_shown(records: list[Record]) -> None:
    shown = {window: look(records, window).findings for window in WINDOWS}
    assert shown["5m"] == shown["1h"] == shown["24h"]
    # Only the longest window contains the records, two hours later.
    later = {finding.check: finding.text for finding in look(records, "5m", now=NOW + 2 * HOUR).findings}
    assert "place (24h)" in later["feature_drift"]


def test_a_change_that_is_expected_is_no_finding(records: list[Record]) -> None:
    collector, snapshot = seen(records)
    for each in collector.views(snapshot):
        each.measures.derived.append(ExpectedChanges({"place": NOW + HOUR}))
    found = {finding.check: finding.text for finding in document(collector, snapshot).findings}
    assert "place" not in found.get("feature_drift", "")


def test_features_are_sorted_by_their_share_of_the_limit_and_those_with_too_few_records_are_last() -> None:
    def feature(name: str, psi: float, limit: float, level: int | None, *, absent: bool = False) -> VariableStatus:
        drifted = None if level is None else level == 2
        return VariableStatus(
            name=name, psi=psi, psi_critical=0.01, psi_limit=limit, drifted=drifted, level=level, absent=absent
        )

    found = [
        feature("unknown", math.nan, 0.25, None),
        feature("few", 3.0, 0.25, None),
        feature("none", 0.2, 0.25, 0),
        feature("own_limit", 0.6, 1.0, 1),
        feature("moderate", 0.2, 0.25, 1),
        feature("major", 0.5, 0.25, 2),
        feature("absent", math.nan, 0.25, None, absent=True),
    ]
    names = [each.name for each in sorted(found, key=by_drift)]
    assert names == ["absent", "major", "moderate", "own_limit", "none", "few", "unknown"]


def test_the_reference_is_shown_by_date_and_size(records: list[Record]) -> None:
    profile = msgspec.structs.replace(PROFILE, created="2026-03-05T10:00:00+00:00")
    shown = document(*seen(records, profile=profile))
    assert shown.model is not None
    assert shown.model.drift is not None
    assert (shown.model.drift.reference_created[:10], shown.model.drift.reference_rows) == ("2026-03-05", PROFILE.rows)
    assert f"reference of 2026-03-05, {PROFILE.rows:,} records" in rendering.page(shown).decode()


def test_a_state_that_cannot_be_saved_and_a_source_that_cannot_be_read_are_findings() -> None:
    telemetry = Telemetry()
    telemetry.lag_seconds.labels(STREAM.source).set(90)
    telemetry.failing_files.labels(STREAM.source).set(2)
    operation = Operation("/state", "cannot save the state: no space", telemetry)
    collector, snapshot = seen([{"timestamp": NOW, "prediction": "yes"}])
    counts = {name: msgspec.structs.replace(counts, gaps=1) for name, counts in snapshot.sources.items()}
    status = document(collector, msgspec.structs.replace(snapshot, sources=counts), operation=operation)
    told = [finding.text for finding in status.findings]
    assert told[0].startswith("Cannot save the state: no space.")
    assert f"{STREAM.source}: 2 files cannot be opened or read." in told
    assert f"{STREAM.source}: reading is 90 seconds behind." in told
    assert f"{STREAM.source}: 1 file was gone before it was read to the end." in told
    (source,) = status.sources
    assert (source.lag_seconds, source.failing_files, source.gaps) == (90, 2, 1)
    assert math.isnan(source.lag_bytes)


def test_performance_is_shown_where_there_is_ground_truth() -> None:
    """Of a model that becomes worse within the longest window, against plain counts and the metrics."""
    estimate = Estimate(0.95, 0.001)
    profile = msgspec.structs.replace(
        PROFILE,
        baseline=Baseline(10_000, estimate, estimate, estimate, estimate),
        calibration=Calibration(
            1000,
            {
                "yes": ScoredClass([0.5], [0, 500], [0, 450], [500, 0], [50, 0]),
                "no": ScoredClass([0.5], [0, 500], [0, 450], [500, 0], [50, 0]),
            },
        ),
    )
    before = [("yes", "yes")] * 150 + [("no", "no")] * 150
    now = [("yes", "yes")] * 50 + [("yes", "no")] * 50 + [("no", "no")] * 100
    chosen = measures(Config(sources=[], ground_truth=GroundTruthConfig(sources=[])), profile)
    windows = [Window(label, Duration.parse(label).seconds) for label in WINDOWS]
    rows = [row_of(chosen, pairs) for pairs in (before, now)]
    series = Series("credit", "3")
    snapshot = Snapshot(
        NOW,
        totals={series: {name: add(tally, rows[1][name]) for name, tally in rows[0].items()}},
        windows={
            window.label: {
                window.first_in_view(NOW) + pane: {series: row}
                for pane, row in zip((9, 59), rows, strict=True)
                # What was before is only in the longest window.
                if pane == 59 or window is windows[-1]
            }
            for window in windows
        },
        labels={"credit": ModelLabels({CLASS_LABEL: ("yes", "no"), ERROR_LABEL: ()})},
    )
    collector = Collector({OTHERS: chosen}, windows)
    shown = document(collector, snapshot)
    assert shown.model is not None
    performance = shown.model.performance
    assert performance is not None
    assert (performance.samples, performance.coverage, performance.error_rate_drift) == (200, 1, None)
    assert performance.figures["accuracy"] == pytest.approx(0.75)
    # A third of the records of class `no` have the score of those of class `yes`, and the others a lower one.
    of_yes = {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "auc": pytest.approx(5 / 6)}
    assert performance.classes["yes"] == of_yes
    assert performance.baseline == dict.fromkeys(("accuracy", "precision", "recall", "f1"), 0.95)
    assert performance.degraded == ["accuracy", "recall", "f1"]
    metrics = {
        (sample.name, sample.labels.get("average", "")): sample.value
        for family in collector.collect(snapshot)
        for sample in family.samples
        if sample.labels.get("window") == "5m" and not sample.labels.get("class")
    }
    for name, value in performance.figures.items():
        average = "weighted" if name in ("precision", "recall", "f1", "auc") else ""
        assert value == metrics[f"model_{name}", average]
    assert shown.model.estimated is not None
    assert shown.model.estimated["accuracy"] == metrics["model_estimated_accuracy", ""] == pytest.approx(0.9)
    assert {"accuracy", "performance"} <= {finding.check for finding in shown.findings}
    page = rendering.page(shown).decode()
    assert "200 predictions of the last 5m have ground truth; coverage 100%." in page
    # Measured, estimated, the baseline and the limit.
    assert re.search(r"<td>accuracy[^\n]*</td>\s*<td>75%</td>\s*<td>90%</td>\s*<td>95%</td><td>80%</td>", page)
    assert performance.limits == {"accuracy": 0.8}
    assert performance.courses["accuracy"][-1] == pytest.approx(0.75)
    assert "Accuracy over the last 1h; the dashes are the limit" in page
    assert re.search(r"<tr><td>yes</td><td>50%</td>", page)
    assert "no ground truth has come" not in page


def row_of(chosen: Measures, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the tallies of predictions and their ground truth, of which the model is 90% sure."""
    predicted = [predicted for predicted, _ in pairs]
    batch = replace(
        outcomes(predicted, [actual for _, actual in pairs], classes=("yes", "no")),
        numbers=np.full((1, len(pairs)), 35.0),
        categories=(Encoded.of(("DE",) * len(pairs)),),
        scores=np.array([[0.9 if name == each else 0.1 for each in predicted] for name in ("yes", "no")]),
    )
    nothing = {"errors": replace(batch, group=np.zeros(0, np.int64))}
    return {
        statistic.name: statistic.zero() if statistic.reads in nothing else statistic.tally(batch)[0]
        for statistic in chosen.statistics
    }


@pytest.mark.parametrize(("mean", "drifted"), [(0.0, False), (3.0, True), (None, None)])
def test_the_drift_of_an_embedding_is_shown(mean: float | None, drifted: bool | None) -> None:  # noqa: FBT001
    """It has a PSI, what that may be by chance, and a verdict, as features with bins have."""
    rng = np.random.default_rng(5)
    directions_of = directions(2, 1)[0]
    projections = rng.normal(size=(4000, 2)) @ directions_of
    edges = np.quantile(projections, [0.25, 0.5, 0.75])
    counts = np.bincount(np.searchsorted(edges, projections, side="right"), minlength=4)
    embedding = Vector(
        dimension=2,
        mean=[0.0, 0.0],
        spread=math.sqrt(2),
        missing=0,
        other=0,
        edges=[edges.tolist()],
        counts=[counts.tolist()],
    )
    profile = reference({"text": embedding, "age": numeric([30.0, 40.0], [100, 200, 300])}, classes=("yes", "no"))
    vectors = np.zeros((0, 2)) if mean is None else rng.normal(size=(400, 2)) + mean * directions_of
    records = [
        {"timestamp": NOW - 1, "prediction": "yes", "features": {"text": each, "age": (25, 35, 35, 45, 45, 45)[at % 6]}}
        for at, each in enumerate(vectors.tolist())
    ]
    collector, snapshot = seen(records or [{"timestamp": NOW - 1, "prediction": "yes"}], profile=profile)
    shown = document(collector, snapshot)
    assert shown.model is not None
    assert shown.model.drift is not None
    text = next(feature for feature in shown.model.features if feature.name == "text")
    assert text.drifted is drifted
    assert shown.model.drift.drifted == (shown.models[0].drifted_features or 0) == int(bool(drifted))
    assert ("feature_drift" in {finding.check for finding in shown.findings}) == bool(drifted)
    if mean is not None:
        (metric,) = (
            sample.value
            for family in collector.collect(snapshot)
            for sample in family.samples
            if sample.name == "model_embedding_drift_psi" and sample.labels["window"] == "5m"
        )
        assert text.psi == metric
        assert (text.level, text.psi_limit) == (2 if drifted else 0, 0.25)
        assert text.psi_course[-1] == pytest.approx(text.psi, abs=1e-4)
        # The quantile of chi-squared with 3 degrees of freedom.
        assert text.psi_critical == pytest.approx(11.345 * (1 / 400 + 1 / 4000), rel=1e-3)
        assert f"chance {text.psi_critical:.3f}" in rendering.page(shown).decode()


def test_the_limit_of_an_embedding_is_the_threshold_of_embeddings_or_else_of_features() -> None:
    vector = Vector(1, [0.0], 1.0, 0, 0, [[0.0]], [[500, 500]])
    for thresholds, limit in (({}, 0.25), ({"feature_drift_psi": 0.5}, 0.5), ({"embedding_drift_psi": 0.1}, 0.1)):
        chosen = measures(Config(sources=[], thresholds=thresholds), reference({"text": vector}))
        assert chosen.one(EmbeddingDrift).criteria.threshold == limit


def test_as_json_it_has_null_for_what_is_not_known() -> None:
    encoded = msgspec.json.encode(look([{"timestamp": NOW, "prediction": "yes"}]))
    assert b"NaN" not in encoded
    document = msgspec.json.decode(encoded)
    assert document["model"]["features"][0]["psi"] is None
    assert document["model"]["serving"]["latency_seconds"]["0.99"] is None
    assert np.isfinite(document["time"])
