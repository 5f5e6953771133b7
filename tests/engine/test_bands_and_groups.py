"""Segments that are bands or combinations, how good predictions were in them, and protected groups."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.assembly import planning
from exporter.batch import SegmentSeries
from exporter.configuration import loading
from exporter.configuration.loading import ConfigError
from exporter.decoding.segment_values import band_names, banded, combined
from exporter.encoded import Encoded
from exporter.engine.engine import Engine
from exporter.joins.memory_store import MemoryStore
from exporter.lines.stream import Stream
from exporter.reference import profile_file
from exporter.state.checkpoint import decode, encode
from exporter.state.snapshot import Snapshot
from tests.records import NOW, block, categorical, numeric, reference

LOG, LABELS = Stream("/log", "/log", 1, 1), Stream("/labels", "/labels", 1, 2)
DAY = 86400.0
SEGMENTS = """
segments:
  - country
  - {name: channel, path: request.channel}
  - {name: age, bounds: [25, 40]}
  - {name: duration, path: latency_ms, bounds: [50]}
  - {name: where, of: [country, channel]}
  - {name: who, of: [age, country, channel]}
"""
Record = dict[str, Any]
Figures = dict[tuple[str, ...], float]
COUNTRIES = reference({"age": numeric([25.0, 40.0], [300, 300, 400]), "country": categorical({"DE": 900, "FR": 100})})


class Sidecar:
    """What an exporter does with a configuration, without its sources."""

    def __init__(self, folder: Path, text: str, restored: Snapshot | None = None) -> None:
        (folder / "reference.json").write_bytes(profile_file.dump(COUNTRIES))
        file = folder / "config.yaml"
        file.write_text("sources: [/log]\n" + text)
        plan, self.collector = planning.plan(*loading.load(file))
        self.engine = Engine(plan, restored, store=MemoryStore())
        for stream in (LOG, LABELS):
            self.engine.open(stream)

    def read(self, log: Iterable[Record], labels: Iterable[Record] = (), now: float = NOW) -> None:
        self.engine.feed(LOG, block(list(log)), now)
        self.engine.fold()
        self.engine.feed(LABELS, block(list(labels)), now)
        self.engine.fold()

    def saved(self) -> Snapshot:
        return msgspec.structs.replace(decode(encode(self.engine.snapshot(NOW))), deltas={})

    def figures(self, metric: str, /, *names: str, **wanted: str) -> Figures:
        """Return the values of a metric's series that have the wanted labels, by the labels of these names."""
        samples = (
            sample
            for family in self.collector.collect(self.engine.snapshot(NOW))
            for sample in family.samples
            if sample.name == metric and wanted.items() <= sample.labels.items()
        )
        return {tuple(sample.labels[name] for name in names): sample.value for sample in samples}


def records(count: int, seed: int = 1) -> list[Record]:
    rng = random.Random(seed)
    return [
        {
            "request_id": f"{seed}-{number}",
            "timestamp": NOW - 10,
            "features": {"age": rng.choice([18, 24.999, 25, 39, 40, 71, None, "39", "old"]), "country": country},
            "request": rng.choice([{"channel": "web"}, {"channel": "app"}, {}, None]),
            "latency_ms": rng.choice([10, 49.9, 50, 400]),
            "prediction": rng.choice(["approve", "deny"]),
        }
        for number in range(count)
        for country in [rng.choice(["DE", "FR", None])]
    ]


def age_of(record: Record) -> str:
    age = record["features"]["age"]
    if age in (None, "old"):
        return "missing"
    return "under 25" if float(age) < 25 else "25 to 40" if float(age) < 40 else "40 and over"


def country_of(record: Record) -> str:
    return record["features"]["country"] or "missing"


def channel_of(record: Record) -> str:
    return (record["request"] or {}).get("channel", "missing")


def duration_of(record: Record) -> str:
    return "under 50" if record["latency_ms"] < 50 else "50 and over"


def joint(*parts: Callable[[Record], str]) -> Callable[[Record], str]:
    def value(record: Record) -> str:
        values = [part(record) for part in parts]
        return "missing" if set(values) == {"missing"} else " / ".join(values)

    return value


VALUES = {
    "country": country_of,
    "channel": channel_of,
    "age": age_of,
    "duration": duration_of,
    "where": joint(country_of, channel_of),
    "who": joint(age_of, country_of, channel_of),
}


@pytest.mark.parametrize("with_reference", [True, False])
def test_each_value_counts_the_records_that_have_it(tmp_path: Path, with_reference: bool) -> None:  # noqa: FBT001
    paths = SEGMENTS.replace("country\n", "{name: country, path: features.country}\n", 1)
    paths = paths.replace("name: age,", "name: age, path: features.age,")
    of_reference = "reference: reference.json\nlimits: {segment_values: 50}" + SEGMENTS
    sidecar = Sidecar(tmp_path, of_reference if with_reference else "limits: {segment_values: 50}" + paths)
    log = records(700)
    sidecar.read(log)
    for segment, value_of in VALUES.items():
        found = sidecar.figures("model_segment_predictions_total", "segment_value", "prediction_class", segment=segment)
        expected = Counter((value_of(record), record["prediction"]) for record in log)
        assert {labels: count for labels, count in found.items() if count} == expected


def test_bands_exist_from_the_start(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, "model: {name: credit}\nreference: reference.json" + SEGMENTS)
    found = sidecar.figures("model_segment_prediction_latency_seconds_count", "segment_value", segment="age")
    assert found == {(name,): 0 for name in ("under 25", "25 to 40", "40 and over")}


@given(
    st.lists(st.one_of(st.floats(allow_infinity=False), st.integers(-3, 3).map(float)), max_size=20),
    st.lists(st.integers(-3, 3), min_size=1, max_size=5, unique=True).map(sorted),
)
def test_a_band_begins_with_its_bound(values: list[float], bounds: list[int]) -> None:
    found = banded(np.array(values), bounds)
    names = band_names(bounds)
    expected = [None if value != value else names[sum(value >= bound for bound in bounds)] for value in values]  # noqa: PLR0124
    assert [found.names[code] if code >= 0 else None for code in found.codes] == expected


columns = st.integers(0, 8).flatmap(
    lambda rows: st.lists(
        st.lists(st.sampled_from(["a", "b", "c", None]), min_size=rows, max_size=rows), min_size=2, max_size=3
    )
)


@given(columns)
def test_a_combination_has_the_values_of_its_parts(parts: list[list[str | None]]) -> None:
    found = combined([Encoded.of(tuple(part)) for part in parts])
    rows = list(zip(*parts, strict=True))
    expected = [" / ".join(value or "missing" for value in row) if any(row) else None for row in rows]
    assert [found.names[code] if code >= 0 else None for code in found.codes] == expected
    assert len({*found.names}) == len(found.names)


def test_a_restart_continues_and_a_changed_part_starts_again(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, "reference: reference.json" + SEGMENTS)
    sidecar.read(records(50))
    saved = sidecar.saved()
    again = Sidecar(tmp_path, "reference: reference.json" + SEGMENTS, saved)
    again.read(records(50, 2))
    once = Sidecar(tmp_path, "reference: reference.json" + SEGMENTS)
    once.read([*records(50), *records(50, 2)])
    metric = "model_segment_predictions_total"
    labels = ("segment", "segment_value", "prediction_class")
    assert again.figures(metric, *labels) == once.figures(metric, *labels)

    changed = SEGMENTS.replace("[25, 40]", "[25, 41]").replace("request.channel", "channel")
    other = Sidecar(tmp_path, "reference: reference.json" + changed, saved)
    totals: dict[str, float] = defaultdict(float)
    for (segment, *_), value in other.figures(metric, *labels).items():
        totals[segment] += value
    assert {segment: total for segment, total in totals.items() if total} == {"country": 50, "duration": 50}


def test_the_features_of_a_segment_do_not_drift_in_it(tmp_path: Path) -> None:
    text = "reference: reference.json\nsegments: [country, {name: band, path: features.age, bounds: [40]},"
    sidecar = Sidecar(tmp_path, text + " {name: both, of: [country, band]}, {name: channel, path: request.channel}]")
    sidecar.read(records(3000))
    found = sidecar.figures("model_segment_feature_drift_psi", "segment", "feature_name")
    assert {segment: {name for each, name in found if each == segment} for segment, _ in found} == {
        "country": {"age"},
        "band": {"country"},
        "channel": {"age", "country"},
    }


def values(count: int, seed: int = 1) -> tuple[list[Record], list[Record]]:
    """Return predictions of values by age, and what was true."""
    rng = random.Random(seed)
    log = [
        {"request_id": f"{number}", "timestamp": NOW - 10, "age": rng.choice([20, 30]), "prediction": rng.gauss(5, 2)}
        for number in range(count)
    ]
    return log, [
        {"request_id": each["request_id"], "actual": each["prediction"] + rng.gauss(0, each["age"]), "timestamp": NOW}
        for each in log
    ]


def test_errors_of_values_by_band(tmp_path: Path) -> None:
    text = "prediction: value\nground_truth: {sources: [/labels]}\nsegments: [{name: age, bounds: [25]}]"
    sidecar = Sidecar(tmp_path, text)
    log, labels = values(500)
    sidecar.read(log, labels)
    truth = {each["request_id"]: each["actual"] for each in labels}
    for band, ages in (("under 25", {20}), ("25 and over", {30})):
        errors = [each["prediction"] - truth[each["request_id"]] for each in log if each["age"] in ages]
        labels_of = {"segment_value": band, "window": "1h"}
        assert sidecar.figures("model_segment_mae", **labels_of) == {(): pytest.approx(fmean(map(abs, errors)))}
        rmse = fmean(error**2 for error in errors) ** 0.5
        assert sidecar.figures("model_segment_rmse", **labels_of) == {(): pytest.approx(rmse)}
        assert sidecar.figures("model_segment_window_outcomes", **labels_of) == {(): len(errors)}
    assert sidecar.figures("model_segment_mae", segment_value="missing") == {}


PROTECTED = """
favourable: approve
ground_truth: {sources: [/labels], wait: 2d}
segments: [{name: sex, protected: true}, country]
"""


def loans(count: int, days: float = 6.0, seed: int = 3) -> tuple[list[Record], dict[str, str]]:
    """Return loans whose good applicants are approved less often if they are women; and what was true by id."""
    rng = random.Random(seed)
    log, truth = [], {}
    for number in range(count):
        sex, is_good = rng.choice("fm"), rng.random() < 0.6
        is_approved = rng.random() < ({"f": 0.6, "m": 0.9}[sex] if is_good else 0.2)
        log.append(
            {
                "request_id": f"{number}",
                "timestamp": NOW - DAY * days * rng.random(),
                "sex": sex,
                "country": "DE",
                "prediction": "approve" if is_approved else "deny",
            }
        )
        truth[f"{number}"] = "approve" if is_good else "deny"
    return log, truth


def opportunity(sidecar: Sidecar, sex: str) -> tuple[float, float]:
    """Return the share of those with an actual favourable class that was predicted, and their number."""
    found = sidecar.figures("model_segment_actual_favourable", "predicted", segment="sex", segment_value=sex)
    total = sum(found.values())
    return found["favourable",] / total, total


def test_protected_segments_and_their_class_are_exported(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, "model: {name: credit}" + PROTECTED)
    found = sidecar.figures("model_segment_protected", "segment", "prediction_class", model_name="credit")
    assert found == {("sex", "approve"): 1}
    assert sidecar.figures("model_threshold", metric="disparate_impact") == {(): 0.8}


def test_who_deserved_the_favourable_class_is_counted_by_group(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, PROTECTED)
    log, truth = loans(6000)
    sidecar.read(log, ({"request_id": name, "actual": actual} for name, actual in truth.items()))
    for sex in "fm":
        good = [each for each in log if each["sex"] == sex and truth[each["request_id"]] == "approve"]
        share, total = opportunity(sidecar, sex)
        assert share == pytest.approx(fmean(each["prediction"] == "approve" for each in good))
        assert total == pytest.approx(len(good))
    assert {key[0] for key in sidecar.figures("model_segment_actual_favourable", "segment")} == {"sex"}


def test_groups_whose_labels_are_sampled_by_prediction_are_weighted(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, PROTECTED)
    log, truth = loans(30_000)
    rng = random.Random(5)
    # All that were approved get a label, and an audited tenth of the others.
    labelled = [each["request_id"] for each in log if each["prediction"] == "approve" or rng.random() < 0.1]
    sidecar.read(log, ({"request_id": name, "actual": truth[name]} for name in labelled))
    assert opportunity(sidecar, "f")[0] == pytest.approx(0.6, abs=0.03)
    assert opportunity(sidecar, "m")[0] == pytest.approx(0.9, abs=0.03)


def test_a_group_without_its_labels_is_not_judged(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, PROTECTED)
    log, truth = loans(6000)
    late = {each["request_id"] for each in log if each["sex"] == "f" and int(each["request_id"]) % 60}
    # Women are a tenth, so that the whole is judged without them.
    log = [each for each in log if each["sex"] == "m" or int(each["request_id"]) % 30 == 0]
    sidecar.read(log, ({"request_id": name, "actual": truth[name]} for name in truth if name not in late))
    groups = {key[0] for key in sidecar.figures("model_segment_actual_favourable", "segment_value")}
    assert groups == {"m"}


def test_half_days_of_groups_survive_a_restart(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, PROTECTED)
    log, truth = loans(1000)
    sidecar.read(log, ({"request_id": name, "actual": actual} for name, actual in truth.items()))
    saved = sidecar.saved()
    again = Sidecar(tmp_path, PROTECTED, saved)
    metric, labels = "model_segment_actual_favourable", ("segment_value", "predicted")
    assert again.figures(metric, *labels) == sidecar.figures(metric, *labels) != {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("segments: [{name: a, bounds: [2, 1]}]", "segments[0].bounds: expected ascending numbers such as"),
        ("segments: [a, {name: b, of: [a]}]", "segments[1].of: expected 2 or 3 different segments"),
        ("segments: [a, {name: b, of: [a, a]}]", "segments[1].of: expected 2 or 3 different segments"),
        ("segments: [a, cc, {name: b, of: [a, c]}]", "segments[2].of: c is not a segment; did you mean `cc`?"),
        ("segments: [a, {name: b, of: [a, b]}]", "segments[1].of: b is a combination itself"),
        (
            "segments: [a, c, {name: b, of: [a, c], path: x}]",
            "segments[2]: give `path` and `bounds` to the segments that are combined, not to the combination",
        ),
        (
            "reference: reference.json\nsegments: [{name: country, bounds: [1]}]",
            "segments[0]: country is a categorical feature, expected a numeric one; known: age",
        ),
        (
            "segments: [{name: sex, protected: true}]",
            "segments[0].protected: needs `favourable`, the class that is good for the person concerned",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        Sidecar(tmp_path, text)
    assert [line for line in str(error.value).splitlines() if problem in line] != []


def test_the_favourable_class_may_be_that_of_one_model(tmp_path: Path) -> None:
    text = "models: {credit: {favourable: approve}}\nsegments: [{name: sex, protected: true}]"
    assert Sidecar(tmp_path, text).engine.snapshot(NOW).totals == {}


def test_only_protected_segments_are_kept_by_half_days(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, PROTECTED)
    log, truth = loans(100)
    sidecar.read(log, ({"request_id": name, "actual": actual} for name, actual in truth.items()))
    panes = sidecar.engine.snapshot(NOW).windows["outcomes"].values()
    kept = {series.segment for pane in panes for series in pane if isinstance(series, SegmentSeries)}
    assert kept == {"sex"}
