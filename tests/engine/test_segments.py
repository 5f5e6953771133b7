"""Segments: what a log says of each value is what the page says, and all values together are the whole."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as drawing
from hypothesis import strategies as st

from exporter.batch import SegmentSeries, Series
from exporter.configuration import settings
from exporter.configuration.source_config import SourceConfig
from exporter.decoding.field_rule import FieldRule
from exporter.engine.engine import Engine
from exporter.engine.plan import Plan, SegmentDimension
from exporter.model_key import OTHERS
from exporter.reference.profile import Profile
from exporter.state import checkpoint
from exporter.units import FieldPath
from tests.engine.test_engine import Page, by_label, fed, key, page, pieces, plain, psi
from tests.records import (
    DEFAULT,
    NOW,
    PROFILE,
    RICH,
    SEGMENTED,
    STREAM,
    Meaning,
    block,
    categorical,
    engine,
    good,
    meaning,
    plan,
    records,
    reference,
)

COUNTRY = SegmentDimension("country", None, ("DE", "FR", "1"))
CHANNEL = SegmentDimension("channel", FieldPath(("request", "channel")))
SEGMENTS = (COUNTRY, CHANNEL)
# As it is on the page, the metric of all and that of segments.
METRICS = {
    name: name.replace("model_", "model_segment_", 1)
    for name in (
        "model_predictions_total",
        "model_prediction_errors_total",
        "model_prediction_latency_seconds_bucket",
        "model_prediction_latency_seconds_count",
        "model_prediction_latency_seconds_sum",
        "model_window_samples",
    )
}

channels = st.sampled_from(
    ["web", "app", "missing", "other", "", 7, 7.0, True, None, [1, 2], {"a": 1}, float("nan"), "x" * 300]
)
requests = st.one_of(
    st.just({}),
    st.just({"request": None}),
    st.just({"request": "x"}),
    st.builds(dict, request=st.builds(dict, channel=channels)),
)
logs = st.lists(st.tuples(records, requests, st.integers(1, 3)), max_size=6).map(
    lambda drawn: [
        record | request if isinstance(record, dict) else record
        for record, request, times in drawn
        for _ in range(times)
    ]
)


def channel_of(record: Any) -> str:
    request = record.get("request")
    value = request.get("channel") if isinstance(request, dict) else None
    if value is None or isinstance(value, (list, dict)) or str(value) == "nan":
        return "missing"
    return {"True": "true", "7.0": "7"}.get(str(value), str(value)[:128])


def country_of(read: Meaning) -> str:
    value = read.features["country"]
    return "missing" if value is None else str(value)[:128]


def shown(running: Engine, now: float = NOW) -> Page:
    return page(running.snapshot(now), chosen=SEGMENTED)


def of_segment(found: Page, metric: str, segment: str) -> dict[Any, float]:
    """Add up a segment's samples by all labels but the value."""
    total: dict[Any, float] = defaultdict(float)
    for (name, labels), value in found.items():
        if name == metric and ("segment", segment) in labels:
            total[frozenset(pair for pair in labels if pair[0] not in ("segment", "segment_value"))] += value
    return dict(total)


def by_value(found: Page, metric: str, segment: str, **labels: str) -> dict[str, float]:
    """Add up a segment's samples by its value."""
    chosen = {sample: value for sample, value in found.items() if {("segment", segment), *labels.items()} <= sample[1]}
    return by_label(chosen, metric, "segment_value")


@drawing(max_examples=100)
@given(logs, st.integers(1, 4))
@example(RICH, 20)
def test_the_sum_over_a_segment_s_values_is_the_total(log: list[Any], limit: int) -> None:
    found = shown(fed(*log, segments=SEGMENTS, segment_values=limit))
    for metric, segmented in METRICS.items():
        total = {labels: value for (name, labels), value in found.items() if name == metric and value}
        for segment in ("country", "channel"):
            parts = {labels: value for labels, value in of_segment(found, segmented, segment).items() if value}
            assert parts == total


@drawing(max_examples=100)
@given(logs)
@example(RICH)
def test_each_value_has_what_its_records_say(log: list[Any]) -> None:
    found = shown(fed(*log, segments=SEGMENTS, segment_values=1000))
    read = [(record, told) for record in log if not isinstance(told := meaning(record), str)]
    for segment, value_of in (
        ("country", lambda _, told: country_of(told)),
        ("channel", lambda record, _: channel_of(record)),
    ):
        predictions = Counter(value_of(record, told) for record, told in read if told.error is None)
        errors = Counter((value_of(record, told), told.error) for record, told in read if told.error)
        seconds: dict[str, float] = defaultdict(float)
        for record, told in read:
            if told.latency_seconds is not None:
                seconds[value_of(record, told)] += told.latency_seconds
        assert Counter(by_value(found, "model_segment_predictions_total", segment)) == predictions
        counted = {
            (value, error): count
            for error in {error for _, error in errors}
            for value, count in by_value(
                found, "model_segment_prediction_errors_total", segment, error_type=error
            ).items()
        }
        assert counted == errors
        spent = by_value(found, "model_segment_prediction_latency_seconds_sum", segment)
        assert {value: total for value, total in spent.items() if total} == {v: s for v, s in seconds.items() if s}


def test_drift_is_that_of_the_value_s_records_alone_and_of_enough_of_them() -> None:
    young, old = {"age": 25, "country": "DE"}, {"age": 55, "country": "FR"}
    log = [good(features=young)] * 90 + [good(features=old)] * 110 + [good(features={"age": 41, "country": "1"})] * 9
    log += [good(timestamp=NOW - 600, features={"age": 41, "country": "DE"})] * 30
    found = shown(fed(*log, segments=(COUNTRY,)))
    labels = {"feature_name": "age", "segment": "country", **DEFAULT._asdict()}
    drift = {
        (dict(labels)["segment_value"], dict(labels)["window"]): value
        for (name, labels), value in found.items()
        if name == "model_segment_feature_drift_psi" and ("feature_name", "age") in labels
    }
    of_reference = [250, 250, 250, 240, 10, 0]
    assert labels.keys() == {"feature_name", "segment", "model_name", "model_version"}
    assert drift == pytest.approx(
        {
            ("DE", "1m"): psi([90, 0, 0, 0, 0, 0], of_reference),
            ("DE", "1h"): psi([90, 0, 30, 0, 0, 0], of_reference),
            ("FR", "1m"): psi([0, 0, 0, 110, 0, 0], of_reference),
            ("FR", "1h"): psi([0, 0, 0, 110, 0, 0], of_reference),
        }
    )
    # Of the country itself there is none: in a country it is always the same.
    drifting = by_label(found, "model_segment_feature_drift_psi", "feature_name")
    assert drifting.keys() == {"age", "income", "plan"}
    assert by_value(found, "model_segment_window_samples", "country", window="1m") == {"DE": 90, "FR": 110, "1": 9}


def test_values_of_the_reference_are_there_from_the_start_at_zero() -> None:
    running = engine(segments=SEGMENTS, known_series=(DEFAULT,), known_classes=("approve", "deny"))
    found = shown(running)
    labels = {"segment": "country", **DEFAULT._asdict()}
    for value in ("DE", "FR", "1"):
        assert found[key("model_segment_prediction_latency_seconds_count", segment_value=value, **labels)] == 0
        assert found[key("model_segment_window_samples", segment_value=value, window="1m", **labels)] == 0
    assert by_value(found, "model_segment_window_samples", "channel") == {}


class TestBounds:
    flood = 2000

    def test_values_past_the_limit_are_other_and_counted(self) -> None:
        log = [good(request={"channel": f"channel {n}"}) for n in range(self.flood)] + [good()] * 5
        found = shown(fed(*log, segments=(CHANNEL,)))
        values = by_value(found, "model_segment_predictions_total", "channel")
        assert values == {**{f"channel {n}": 1 for n in range(20)}, "other": self.flood - 20, "missing": 5}
        assert found[key("prediction_exporter_capped_labels_total", label="segment_value")] == self.flood - 20

    def test_values_of_the_reference_have_their_places_first(self) -> None:
        log = [good(features={"country": value}) for value in ("XX", "YY", "FR", "DE", "1", "XX")]
        found = shown(fed(*log, segments=(COUNTRY,), segment_values=2))
        assert by_value(found, "model_segment_predictions_total", "country") == {"DE": 1, "FR": 1, "other": 4}
        assert found[key("prediction_exporter_capped_labels_total", label="segment_value")] == 4

    def test_the_largest_of_the_reference_come_first(self) -> None:
        profile = reference({"country": categorical({"AA": 1, "BB": 30, "CC": 20})})
        (segment,) = planned(settings.SegmentConfig("country"), profile=profile).models[OTHERS].segments
        assert segment.known == ("BB", "CC", "AA")

    def test_each_segment_has_its_own(self) -> None:
        log = [good(features={"country": n}, request={"channel": f"channel {n % 2}"}) for n in range(30)]
        found = shown(fed(*log, segments=SEGMENTS, segment_values=5))
        assert len(by_value(found, "model_segment_predictions_total", "country")) == 6
        assert by_value(found, "model_segment_predictions_total", "channel") == {"channel 0": 15, "channel 1": 15}

    def test_a_refused_record_takes_no_place(self) -> None:
        log = [good(request={"channel": f"channel {n}"}, timestamp=0) for n in range(50)]
        running = fed(*log, good(request={"channel": "web"}), segments=(CHANNEL,), segment_values=1)
        assert by_value(shown(running), "model_segment_predictions_total", "channel") == {"web": 1}

    def test_hold_over_restarts(self) -> None:
        before = fed(*(good(request={"channel": n}) for n in range(9)), segments=SEGMENTS, segment_values=3).snapshot(
            NOW
        )
        saved = checkpoint.decode(checkpoint.encode(before))
        again = engine(restored=saved, segments=SEGMENTS, segment_values=3)
        again.open(STREAM, saved.positions[STREAM], b"")
        again.feed(STREAM, block(good(request={"channel": n}) for n in (100, 2, 0, None)), NOW)
        values = by_value(shown(again), "model_segment_predictions_total", "channel")
        assert values == {"0": 2, "1": 1, "2": 2, "other": 7, "missing": 1}


class TestOneWay:
    options: Mapping[str, Any] = {"classes": 3, "errors": 1, "models": 3, "segments": SEGMENTS, "segment_values": 3}

    @drawing(max_examples=100)
    @given(logs, st.lists(st.integers(0, 10_000), max_size=5))
    def test_any_pieces_give_the_same_snapshot(self, log: list[Any], places: list[int]) -> None:
        whole, cut = engine(**self.options), engine(**self.options)
        for running, bounds in ((whole, []), (cut, places)):
            running.open(STREAM)
            for piece in pieces(block(log), bounds):
                running.feed(STREAM, piece, NOW)
                running.fold()
        assert plain(whole.snapshot(NOW)) == plain(cut.snapshot(NOW))

    @drawing(max_examples=100)
    @given(logs, st.integers(0, 10_000))
    def test_a_restored_engine_goes_on_exactly(self, log: list[Any], place: int) -> None:
        data = block(log)
        whole, first = engine(**self.options), engine(**self.options)
        for running, part in ((whole, data), (first, data[: place % (len(data) + 1)])):
            running.open(STREAM)
            running.feed(STREAM, part, NOW)
        saved = checkpoint.decode(checkpoint.encode(first.snapshot(NOW)))
        again = engine(**self.options, restored=saved)
        at = saved.positions[STREAM].offset
        again.open(STREAM, saved.positions[STREAM], data[max(0, at - 1024) : at])
        again.feed(STREAM, data[at:], NOW)
        assert plain(whole.snapshot(NOW)) == plain(again.snapshot(NOW))

    @given(logs, logs)
    def test_a_snapshot_is_not_changed_by_what_comes_later(self, first: list[Any], second: list[Any]) -> None:
        running = fed(*first, **self.options)
        taken = running.snapshot(NOW)
        before = checkpoint.encode(taken)
        running.feed(STREAM, block(second), NOW + 30)
        running.snapshot(NOW + 9000)
        assert before == checkpoint.encode(taken)


def planned(*segments: settings.SegmentConfig, profile: Profile = PROFILE, **more: Any) -> Plan:
    """Return what the engine does by a configuration."""
    source = SourceConfig.parse(STREAM.source)
    model = settings.ModelConfig(DEFAULT.model_name, DEFAULT.model_version)
    fields = {"latency_seconds": FieldRule.parse("latency_seconds")}
    config = settings.Config([source], model=model, fields=fields, segments=segments, **more)
    chosen, _ = plan(config, profile)
    return chosen


class TestReload:
    """What a new configuration leaves as it was goes on, and what it changes begins at zero."""

    country = settings.SegmentConfig("country")
    channel = settings.SegmentConfig("channel", FieldPath.parse("request.channel"))
    log = block([good(features={"country": "DE"}, request={"channel": "web"}, channel="top", latency_seconds=0.25)] * 5)

    def running(self, *segments: settings.SegmentConfig) -> Engine:
        running = Engine(planned(*segments))
        running.open(STREAM)
        running.feed(STREAM, self.log, NOW)
        return running

    def adopt(self, running: Engine, *segments: settings.SegmentConfig, **more: Any) -> dict[str, dict[str, float]]:
        """Go on by other segments, read the log once more, and return the predictions of each value."""
        running.adopt(planned(*segments, **more))
        running.feed(STREAM, self.log, NOW)
        found = shown(running)
        return {
            segment.name: {
                value: count
                for value, count in by_value(found, "model_segment_predictions_total", segment.name).items()
                if count
            }
            for segment in segments
        }

    def test_segments_that_are_as_before_go_on(self) -> None:
        running = self.running(self.country, self.channel)
        assert self.adopt(running, self.channel, self.country) == {"country": {"DE": 10}, "channel": {"web": 10}}
        assert {type(series) for series in running.snapshot(NOW).windows["5m"].popitem()[1]} == {Series, SegmentSeries}

    def test_a_segment_that_is_split_by_something_else_begins_at_zero(self) -> None:
        other = settings.SegmentConfig("channel", FieldPath.parse("channel"))
        running = self.running(self.country, self.channel)
        assert self.adopt(running, self.country, other) == {"country": {"DE": 10}, "channel": {"top": 5}}
        assert running.snapshot(NOW).labels[DEFAULT.model_name].segments["channel"] == ("missing", "top")

    def test_one_that_is_new_or_came_back_begins_at_zero(self) -> None:
        running = self.running(self.country)
        assert self.adopt(running, self.country, self.channel) == {"country": {"DE": 10}, "channel": {"web": 5}}
        assert self.adopt(running, self.channel) == {"channel": {"web": 10}}
        assert {series.segment for series in running.snapshot(NOW).totals if isinstance(series, SegmentSeries)} == {
            "channel"
        }
        assert self.adopt(running, self.country, self.channel) == {"country": {"DE": 5}, "channel": {"web": 15}}

    def test_a_statistic_that_has_changed_begins_at_zero_in_segments_too(self) -> None:
        running = self.running(self.country)
        buckets = settings.BucketsConfig(latency_seconds=(0.5, 7.0))
        running.adopt(planned(self.country, buckets=buckets))
        running.feed(STREAM, self.log, NOW)
        totals = running.snapshot(NOW).totals[SegmentSeries(*DEFAULT, "country", "DE")]
        assert totals["model_prediction_latency_seconds"].tolist() == [5, 0, 0, 1.25]
        assert totals["model_predictions_total"].sum() == 10

    def test_what_is_split_by_another_thing_at_the_next_start_begins_at_zero(self) -> None:
        after = planned(self.country, settings.SegmentConfig("channel"))
        saved = self.running(self.country, self.channel).snapshot(NOW)
        loaded = checkpoint.decode(checkpoint.encode(saved)).kept(after.identities)
        assert {series.segment for series in loaded.totals if isinstance(series, SegmentSeries)} == {"country"}
        assert loaded.labels[DEFAULT.model_name].segments.keys() == {"country"}
        assert loaded.totals[DEFAULT].keys() == saved.totals[DEFAULT].keys()


class TestWhereValuesLie:
    """In a feature, a field of the record, or anywhere else in the log."""

    def values(self, segment: settings.SegmentConfig, *log: Any, profile: Profile = PROFILE) -> dict[str, float]:
        running = Engine(planned(segment, profile=profile))
        running.open(STREAM)
        running.feed(STREAM, block(log), NOW)
        found = by_value(shown(running), "model_segment_predictions_total", segment.name)
        return {value: count for value, count in found.items() if count}

    def test_a_name_alone_is_a_feature_of_the_reference(self) -> None:
        log = good(country="no", features={"country": "DE"}), good(country="no")
        assert self.values(settings.SegmentConfig("country"), *log) == {"DE": 1, "missing": 1}

    def test_or_else_a_path(self) -> None:
        assert self.values(settings.SegmentConfig("tier"), good(tier="gold"), good(features={"tier": 1})) == {
            "gold": 1,
            "missing": 1,
        }
        assert self.values(settings.SegmentConfig("request.tier"), good(request={"tier": "gold"})) == {"gold": 1}

    def test_a_path_may_lie_among_the_features(self) -> None:
        log = good(features={"tier": "gold", "country": "DE"})
        assert self.values(settings.SegmentConfig("tier", FieldPath.parse("features.tier")), log) == {"gold": 1}
        assert self.values(settings.SegmentConfig("where", FieldPath.parse("features.country")), log) == {"DE": 1}

    def test_or_be_the_prediction(self) -> None:
        log = good(), good(prediction=0.5), good(prediction=True)
        assert self.values(settings.SegmentConfig("prediction"), *log) == {"approve": 1, "value": 1, "true": 1}

    def test_two_segments_may_share_one(self) -> None:
        running = Engine(planned(*(settings.SegmentConfig(name, FieldPath.parse("tier")) for name in ("a", "b"))))
        running.open(STREAM)
        running.feed(STREAM, block([good(tier="gold")]), NOW)
        for name in ("a", "b"):
            assert by_value(shown(running), "model_segment_predictions_total", name) == {"gold": 1}

    @pytest.mark.parametrize(
        "bad", [{"tier": [1, 2]}, {"tier": {}}, {"tier": math.nan}, {"tier": None}, None, 5, [], "x"]
    )
    def test_what_is_no_label_costs_no_record(self, bad: Any) -> None:
        segment = settings.SegmentConfig("tier", FieldPath.parse("request.tier"))
        log = good(request=bad), good(request={"tier": "gold"})
        assert self.values(segment, *log) == {"missing": 1, "gold": 1}
