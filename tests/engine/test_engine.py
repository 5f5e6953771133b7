"""The engine: what a log says is what the page says, however it came in, and whenever it stopped and went on."""

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from exporter.assembly.measures import measures
from exporter.batch import Series
from exporter.configuration.settings import Config
from exporter.decoding.schema import UNUSABLE_FIELDS
from exporter.derived import Measures
from exporter.derived.context import Thresholds
from exporter.engine.engine import Engine
from exporter.exposition.collector import Collector
from exporter.exposition.exposition import Accept, Writer
from exporter.lines.buffer import BadLine
from exporter.lines.rejects import Reason
from exporter.lines.stream import Stream
from exporter.model_key import OTHERS
from exporter.reference.profile import Profile
from exporter.reference.projections import directions
from exporter.state import checkpoint
from exporter.state.snapshot import Snapshot
from exporter.tallies.tally import TalliesBySeries
from exporter.tallies.windows import Window
from tests.records import (
    CHOSEN,
    DEFAULT,
    NOW,
    SOURCE,
    STREAM,
    WINDOWS,
    Meaning,
    block,
    categorical,
    engine,
    good,
    line,
    logs,
    meaning,
    numeric,
    reference,
)

LINE_BYTES = 2000
OVERSIZE = {"prediction": "refused", "x": "x" * LINE_BYTES}

Page = dict[tuple[str, frozenset[tuple[str, Any]]], float]


def key(name: str, **labels: Any) -> tuple[str, frozenset[tuple[str, Any]]]:
    """Return what a sample is looked up by; the bounds of histograms are numbers."""
    if "le" in labels:
        labels["le"] = float(labels["le"])
    return name, frozenset(labels.items())


def page(
    snapshot: Snapshot,
    *,
    chosen: Measures = CHOSEN,
    windows: Sequence[Window] = WINDOWS,
) -> Page:
    """Return all samples of the page, as a scraper reads them."""
    text = b"".join(Writer().write(Collector({OTHERS: chosen}, windows).collect(snapshot), Accept())).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    result = {key(sample.name, **sample.labels): sample.value for sample in samples}
    assert len(result) == len(samples)
    return result


def by_label(found: Page, name: str, label: str) -> dict[str, float]:
    """Add up one metric's samples by one label."""
    total: dict[str, float] = defaultdict(float)
    for (metric, labels), value in found.items():
        if metric == name:
            total[dict(labels)[label]] += value
    return dict(total)


def pieces(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    bounds = sorted([0, len(data), *(place % (len(data) + 1) for place in places)])
    return (data[start:end] for start, end in pairwise(bounds))


def fed(*records: Any, now: float = NOW, **options: Any) -> Engine:
    """Return an engine that has read some records."""
    running = engine(**options)
    running.open(STREAM)
    running.feed(STREAM, block(records), now)
    return running


def samples(running: Engine, now: float) -> dict[str, float]:
    """Return how many predictions each window holds."""
    return by_label(page(running.snapshot(now)), "model_window_samples", "window")


def plain(snapshot: Snapshot) -> Any:
    """Return a snapshot in values to compare, without the zeros that a tally may or may not be filled up with."""

    def significant(array: NDArray[Any]) -> list[float]:
        """Return the values; not every sum is exact, so that the last digits depend on the order of the additions."""
        return [float(f"{value:.9g}") for value in array.tolist()]

    def trimmed(tallies: TalliesBySeries) -> dict[tuple[Series, str], list[Any]]:
        return {
            (series, name): [
                index
                for pair in zip(np.argwhere(array).tolist(), significant(array[array != 0]), strict=True)
                for index in pair
            ]
            for series, row in tallies.items()
            for name, array in row.items()
            if array.any()
        }

    return {
        "totals": trimmed(snapshot.totals),
        "windows": {
            (label, pane): trimmed(tallies)
            for label, panes in snapshot.windows.items()
            for pane, tallies in panes.items()
            if trimmed(tallies)
        },
        "exported": {series: row.keys() for series, row in snapshot.totals.items()},
        "series": snapshot.series,
        "labels": snapshot.labels,
        "capped": snapshot.capped,
        "sources": snapshot.sources,
        # Earlier places depend on how the bytes were split.
        "positions": {
            stream: msgspec.structs.replace(position, trail=()) for stream, position in snapshot.positions.items()
        },
        "time": snapshot.time,
    }


class TestWindows:
    @pytest.mark.parametrize(
        ("ago", "expected"),
        [
            pytest.param(0, {"1m": 1, "1h": 1}, id="now"),
            pytest.param(59, {"1m": 1, "1h": 1}, id="in the oldest pane"),
            pytest.param(60, {"1m": 0, "1h": 1}, id="just out of the short one"),
            pytest.param(3500, {"1m": 0, "1h": 1}, id="nearly out of the long one"),
            pytest.param(3600, {"1m": 0, "1h": 0}, id="out of both"),
            pytest.param(86400, {"1m": 0, "1h": 0}, id="yesterday"),
            pytest.param(-200, {"1m": 1, "1h": 1}, id="ahead of our clock"),
        ],
    )
    def test_hold_a_record_by_its_own_time(self, ago: float, expected: dict[str, float]) -> None:
        running = fed(good(timestamp=NOW - ago))
        assert expected == samples(running, NOW)
        assert by_label(page(running.snapshot(NOW)), "model_predictions_total", "prediction_class") == {"approve": 1}

    @pytest.mark.parametrize(
        ("arrived", "falls_out"),
        [pytest.param(0, 60, id="in time"), pytest.param(50, 60, id="late"), pytest.param(-200, 60, id="early")],
    )
    def test_let_a_record_fall_out_by_its_own_time_whenever_it_came(self, arrived: float, falls_out: float) -> None:
        running = fed(good(timestamp=NOW), now=NOW + arrived)
        assert samples(running, NOW + max(arrived, falls_out - 1))["1m"] == 1
        assert samples(running, NOW + falls_out)["1m"] == 0

    def test_of_an_idle_stream_age_until_they_are_empty(self) -> None:
        running = fed(*(good(timestamp=NOW - second) for second in range(60)))
        held = [samples(running, NOW + second)["1m"] for second in (0, 1, 10, 30, 59, 60, 1000)]
        assert held == [60, 59, 50, 30, 1, 0, 0]
        assert samples(running, NOW + 7200) == {"1m": 0, "1h": 0}
        assert by_label(page(running.snapshot(NOW + 7200)), "model_predictions_total", "prediction_class") == {
            "approve": 60
        }

    def test_keep_no_panes_that_are_out_of_view(self) -> None:
        running = engine()
        running.open(STREAM)
        for minute in range(120):
            running.feed(
                STREAM, block(good(timestamp=NOW + 60 * minute - back) for back in (0, 7, 40, 4000)), NOW + 60 * minute
            )
            panes = running.snapshot(NOW + 60 * minute).windows
            assert all(len(panes[window.label]) <= 60 for window in WINDOWS)

    def test_have_drift_of_what_they_hold_alone(self) -> None:
        old, young = (
            [good(timestamp=NOW - 600, features={"age": 25})] * 100,
            [good(timestamp=NOW, features={"age": 45})] * 80,
        )
        found = page(fed(*old, *young).snapshot(NOW))
        labels = {"feature_name": "age", **DEFAULT._asdict()}
        of_reference = [250, 250, 250, 240, 10, 0]
        assert found[key("model_feature_drift_psi", window="1m", **labels)] == pytest.approx(
            psi([0, 0, 80, 0, 0, 0], of_reference)
        )
        assert found[key("model_feature_drift_psi", window="1h", **labels)] == pytest.approx(
            psi([100, 0, 80, 0, 0, 0], of_reference)
        )
        later = page(fed(*old, *young).snapshot(NOW + 100))
        assert key("model_feature_drift_psi", window="1m", **labels) not in later

    def test_hold_predictions_and_not_errors(self) -> None:
        assert samples(fed(good(), good(error_type="timeout"), good(error_type="")), NOW) == {"1m": 2, "1h": 2}

    @given(
        st.lists(st.tuples(st.integers(0, 150), st.integers(-100, 5000)), min_size=1, max_size=20),
        st.integers(0, 4000),
    )
    def test_are_a_plain_count_s(self, log: list[tuple[int, int]], wait: int) -> None:
        """Each record comes some seconds after the one before, and is some seconds old."""
        running = engine()
        running.open(STREAM)
        now, times = NOW, []
        for passed, age in log:
            now += passed
            times.append(now - age)
            running.feed(STREAM, line(good(timestamp=now - age)), now)
            running.fold()
        now += wait
        expected = {
            "1m": sum(time // 1 > now // 1 - 60 for time in times),
            "1h": sum(time // 60 > now // 60 - 60 for time in times),
        }
        assert expected == samples(running, now)


def psi(window: Sequence[float], against: Sequence[float]) -> float:
    bins = [(w, r) for w, r in zip(window, against, strict=True) if w or r]
    shares = [
        ((w + 0.5) / (sum(window) + 0.5 * len(bins)), (r + 0.5) / (sum(against) + 0.5 * len(bins))) for w, r in bins
    ]
    return sum((p - q) * math.log(p / q) for p, q in shares)


def unusable(record: Any) -> Iterator[str]:
    """Yield the fields of a record whose number is impossible."""
    for name, field, greatest in (("latency", "latency_seconds", 1e7), ("probability", "probability", 1)):
        if isinstance(record.get(field), (int, float)) and not 0 <= record[field] <= greatest:
            yield name


class TestWholeLog:
    """Some thousand records of two sources, in three files, in pieces: every sample of the page, counted plainly."""

    windows = (Window("1m", 60.0), Window("5m", 300.0), Window("1h", 3600.0))
    latency_bounds = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, math.inf)
    probability_bounds = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, math.inf)
    # By feature: its bins in order, and the reference's counts in them.
    bins: Mapping[str, Mapping[str, float]] = {
        "age": {
            "0: (-inf, 30)": 250,
            "1: [30, 40)": 250,
            "2: [40, 50)": 250,
            "3: [50, +inf)": 240,
            "missing": 10,
            "other": 0,
        },
        "income": {"0: (-inf, 0.5)": 500, "1: [0.5, +inf)": 500, "missing": 0, "other": 0},
        "plan": {"basic": 600, "missing": 150, "other": 250},
        "country": {"DE": 700, "FR": 290, "1": 10, "missing": 0, "other": 0},
    }
    checks: Mapping[str, str] = {
        "age": "out_of_range",
        "income": "out_of_range",
        "plan": "unseen_category",
        "country": "unseen_category",
    }

    @staticmethod
    def record(rng: random.Random) -> Any:
        """Return a record as a log may hold it, mostly good."""
        if rng.random() < 0.05:
            return rng.choice(
                [
                    {},
                    [],
                    good(latency_seconds=-1),
                    good(probability=7),
                    good(timestamp=0),
                    good(timestamp=2 * NOW),
                    good(probability=math.nan),
                    {"prediction": {"class": "approve"}},
                    OVERSIZE,
                ]
            )
        record: dict[str, Any] = {
            "timestamp": NOW - rng.choice([rng.randrange(60), rng.randrange(400), rng.randrange(7200)]) + rng.random(),
            "features": {
                "age": rng.choice(
                    [rng.gauss(40, 15), rng.randrange(18, 66), 30, 40.0, 50, None, math.nan, math.inf, "old"]
                ),
                "income": rng.choice([rng.gauss(0.5, 4), 0.5, -8, 8.000001, True, [1]]),
                "plan": rng.choice(["basic", "basic", "missing", "other", "gold", None, {}]),
                "country": rng.choice(["DE", "DE", "FR", 1, 1.0, "1", "XX", "", True, None, math.nan, ["DE", "FR"]]),
                "text": rng.choice([*[[rng.gauss(0.5, 2) for _ in range(3)]] * 6, [1, 2], [1, 2, math.nan], None]),
            },
            "latency_seconds": rng.choice([rng.expovariate(5), 0.01, 0.25, 1.0, 1, 0, None]),
            "probability": rng.choice([rng.random(), 0.1, 0.5, 1, 0, None, {"approve": 0.25, "deny": 0.75}]),
            "prediction": rng.choice(["approve", "approve", "deny", "review", 1, True, 0.5, 'a "quoted"\nclass\\']),
        }
        if rng.random() < 0.1:
            record["error_type"] = rng.choice(["timeout", "out of memory", "", 503])
        if rng.random() < 0.3:
            record |= rng.choice(
                [{"model_version": 4}, {"model_version": 4.0}, {"model_name": "fraud", "model_version": "1.5"}]
            )
        if rng.random() < 0.05:
            del record["timestamp"]
        for name in rng.sample(sorted(record["features"]), rng.choice([0, 0, 0, 1])):
            del record["features"][name]
        return record

    def expected(self, log: Mapping[str, list[Any]]) -> Page:
        """Count everything plainly."""
        found: dict[Any, float] = defaultdict(float)
        requests: list[Meaning] = []
        series_seen: set[tuple[str, str]] = {tuple(DEFAULT)}
        for source, records in log.items():
            newest = 0.0
            for reason in Reason:
                found[key("prediction_exporter_source_rejected_lines_total", source=source, reason=reason)] = 0
            found[key("prediction_exporter_source_records_total", source=source)] = 0
            found[key("prediction_exporter_source_skipped_lines_total", source=source)] = 0
            for name in UNUSABLE_FIELDS:
                found[key("prediction_exporter_source_unusable_values_total", source=source, field=name)] = 0
            for record in records:
                found[key("prediction_exporter_source_lines_total", source=source)] += 1
                found[key("prediction_exporter_source_bytes_total", source=source)] += len(json.dumps(record)) + 1
                read = "oversize" if record == OVERSIZE else meaning(record)
                if isinstance(read, str):
                    found[key("prediction_exporter_source_rejected_lines_total", source=source, reason=read)] += 1
                    continue
                found[key("prediction_exporter_source_records_total", source=source)] += 1
                for name in unusable(record):
                    found[key("prediction_exporter_source_unusable_values_total", source=source, field=name)] += 1
                newest = max(newest, read.time)
                series_seen.add(read.series)
                labels = dict(zip(("model_name", "model_version"), read.series, strict=True))
                requests.append(read)
                if read.error:
                    found[key("model_prediction_errors_total", error_type=read.error, **labels)] += 1
            found[key("prediction_exporter_source_last_record_timestamp_seconds", source=source)] = newest
        for label in ("model_version", "prediction_class", "error_type"):
            found[key("prediction_exporter_capped_labels_total", label=label)] = 0
        for series in series_seen:
            self.count_series(found, series, [read for read in requests if read.series == series])
        return dict(found)

    def count_series(self, found: dict[Any, float], series: tuple[str, str], requests: list[Meaning]) -> None:
        predictions = [read for read in requests if not read.error]
        labels = dict(zip(("model_name", "model_version"), series, strict=True))
        self.count_windows(found, labels, predictions)
        self.count_quality(found, labels, predictions)
        found[key("model_threshold", metric="accuracy", **labels)] = 0.8
        found[key("model_reference_info", reference_id=PROFILE_ID, **labels)] = 1
        for known in ("approve", "deny"):
            found[key("model_predictions_total", prediction_class=known, **labels)] += 0
        for read in predictions:
            shown = "".join(c if c.isprintable() else "\ufffd" for c in str(read.prediction))
            found[key("model_predictions_total", prediction_class=shown, **labels)] += 1
        for metric, bounds, column, counted in (
            ("model_prediction_latency_seconds", self.latency_bounds, "latency_seconds", requests),
            ("model_prediction_probability", self.probability_bounds, "probability", predictions),
        ):
            values = [value for read in counted if (value := getattr(read, column)) is not None]
            found[key(metric + "_count", **labels)] = len(values)
            found[key(metric + "_sum", **labels)] = math.fsum(values)
            for bound in bounds:
                found[key(metric + "_bucket", le=bound, **labels)] = sum(value <= bound for value in values)
        for feature, bins in self.bins.items():
            where = labels | {"feature_name": feature}
            counts = Counter(self.bin_of(read, feature) for read in predictions)
            assert counts.keys() <= bins.keys()
            for name, count in bins.items():
                of_reference = where | {"reference_id": PROFILE_ID}
                found[key("model_feature_bin_total", bin=name, **of_reference)] = counts[name]
                found[key("model_feature_reference_bin", bin=name, **of_reference)] = count
            failures = Counter(self.failure(read, feature) for read in predictions)
            for check in ("missing", "wrong_type", "non_finite", self.checks[feature]):
                found[key("model_feature_quality_total", check=check, **where)] = failures[check]
        failures = Counter(self.failure(read, "text") for read in predictions)
        for check in ("missing", "wrong_type", "non_finite"):
            found[key("model_feature_quality_total", check=check, feature_name="text", **labels)] = failures[check]

    def count_windows(self, found: dict[Any, float], labels: dict[str, str], predictions: list[Meaning]) -> None:
        for window in self.windows:
            pane = window.seconds / 60
            held = [read for read in predictions if read.time // pane > NOW // pane - 60]
            found[key("model_window_samples", window=window.label, **labels)] = len(held)
            for feature, bins in self.bins.items():
                counts = Counter(self.bin_of(read, feature) for read in held)
                used = sum(1 for name, count in bins.items() if count or counts[name])
                if len(held) >= 10 * used:
                    where = labels | {"feature_name": feature, "window": window.label}
                    found[key("model_feature_drift_psi", **where)] = psi(
                        [counts[name] for name in bins], [*bins.values()]
                    )
            if len(held) >= 30:
                shift = sum(map(self.error_of, held)) / len(held) - 0.5 / 0.25
                rolled = labels | {"window": window.label}
                found[key("model_multivariate_drift", **rolled)] = shift
                found[key("model_multivariate_drift_zscore", **rolled)] = shift / math.sqrt(1 / len(held) + 1 / 500)

            vectors = [read.features["text"] for read in held if read.features["text"] is not None]
            if len(vectors) >= 100:
                where = labels | {"feature_name": "text", "window": window.label}
                found[key("model_embedding_drift_psi", **where)] = self.psi_of(vectors)
                found[key("model_embedding_mean_shift", **where)] = (
                    math.dist(np.mean(vectors, axis=0), (0.5, -1.25, 0.0)) / 2
                )

    @staticmethod
    def psi_of(vectors: list[Any]) -> float:
        found = []
        expected = [([-0.7113, 0.4142], [300, 300, 400]), ([0.1618], [600, 400])]
        for direction, (edges, of_reference) in zip(directions(3, 2).tolist(), expected, strict=True):
            counts = [0] * len(of_reference)
            for vector in vectors:
                coordinate = sum(a * b for a, b in zip(direction, vector, strict=True))
                counts[sum(coordinate >= edge for edge in edges)] += 1
            found.append(psi(counts, of_reference))
        return sum(found) / len(found)

    @staticmethod
    def error_of(read: Meaning) -> float:
        """Return the distance from the line along (0.6, 0.8), income and age standardised, over 0.25."""
        income, age = (
            max(-10, min(10, (value - 50) / 10)) if value is not None and math.isfinite(value) else 0
            for value in (read.features["income"], read.features["age"])
        )
        return abs(0.8 * income - 0.6 * age) / 0.25

    def count_quality(self, found: dict[Any, float], labels: dict[str, str], predictions: list[Meaning]) -> None:
        incomplete = [
            read for read in predictions if any(self.failure(read, name) == "missing" for name in (*self.bins, "text"))
        ]
        found[key("model_record_quality_total", check="missing_feature", **labels)] = len(incomplete)
        # The cuts nearest to the quantiles 0.3 and 0.7.
        limits = {"age": (30, 50), "income": (0.5, 0.5)}
        for feature, share in (("age", (250 + 240) / 990), ("income", 1)):
            found[key("model_feature_reference_outlier_ratio", feature_name=feature, **labels)] = share
        for window in self.windows:
            pane = window.seconds / 60
            held = [read for read in predictions if read.time // pane > NOW // pane - 60]
            for feature in (*self.bins, "text"):
                if len(held) >= 100:
                    absent = all(self.failure(read, feature) == "missing" for read in held)
                    where = labels | {"feature_name": feature, "window": window.label}
                    found[key("model_feature_absent", **where)] = float(absent)
            for feature in self.bins:
                where = labels | {"feature_name": feature, "window": window.label}
                values = [
                    read.features[feature]
                    for read in held
                    if read.features[feature] is not None and feature not in read.flaws
                ]
                if len(values) >= 100:
                    found[key("model_feature_stuck", **where)] = float(len({*values}) == 1)
                    if feature in limits:
                        low, high = limits[feature]
                        beyond = sum(not low <= value < high for value in values)
                        found[key("model_feature_outlier_ratio", **where)] = beyond / len(values)

    def bin_of(self, read: Meaning, feature: str) -> str:
        value = read.features[feature]
        if read.flaws.get(feature) == "wrong_type":
            return "other"
        if value is None:
            return "missing"
        if isinstance(value, str):
            return value if value in self.bins[feature] else "other"
        if math.isinf(value):
            return "other"
        edges = {"age": [30, 40, 50], "income": [0.5]}[feature]
        return [*self.bins[feature]][sum(value >= edge for edge in edges)]

    def failure(self, read: Meaning, feature: str) -> str | None:
        value = read.features[feature]
        if feature in read.flaws:
            return read.flaws[feature]
        if value is None:
            return "missing"
        if isinstance(value, str):
            # The reference of `plan` does not name all its categories.
            return "unseen_category" if feature == "country" and value not in ("DE", "FR", "1") else None
        if feature == "text":
            return None
        least, greatest = {"age": (18, 65), "income": (-8, 8)}[feature]
        return None if least <= value <= greatest else "out_of_range"

    @pytest.mark.parametrize("seed", [1, 2])
    def test_is_on_the_page_as_a_plain_count_has_it(self, seed: int) -> None:
        rng = random.Random(seed)
        streams = [Stream(SOURCE, "/a", 1, 1), Stream(SOURCE, "/b", 1, 2), Stream("other", "/c", 1, 3)]
        files = {stream: [self.record(rng) for _ in range(1200)] for stream in streams}
        running = engine(
            windows=self.windows,
            sources=(SOURCE, "other"),
            line_bytes=LINE_BYTES,
            known_series=(DEFAULT,),
            known_classes=("approve", "deny"),
        )
        waiting = {}
        for stream, records in files.items():
            running.open(stream)
            data = block(records)
            waiting[stream] = [*pieces(data, [rng.randrange(len(data)) for _ in range(20)])][::-1]
        while any(waiting.values()):
            stream = rng.choice([stream for stream in streams if waiting[stream]])
            running.feed(stream, waiting[stream].pop(), NOW)
        derived = [each for each in CHOSEN.derived if not isinstance(each, Thresholds)]
        limited = replace(CHOSEN, derived=[*derived, Thresholds({"accuracy": 0.8})])
        found = page(running.snapshot(NOW), chosen=limited, windows=self.windows)
        expected = self.expected({SOURCE: files[streams[0]] + files[streams[1]], "other": files[streams[2]]})
        # What is derived from windows besides PSI has tests of its own, against other oracles.
        counted = {name for name, _ in expected}
        found = {key: value for key, value in found.items() if key[0] in counted}
        assert found.keys() == expected.keys()
        assert sum(name == "model_feature_drift_psi" for name, _ in found) > 20
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


PROFILE_ID = next(statistic for statistic in CHOSEN.statistics if statistic.name == "feature_bins").identity


class TestFloods:
    """Whatever a log holds, what it makes of us is bounded, and nothing is lost of the totals."""

    flood = 10_000

    def test_of_classes(self) -> None:
        found = fed(
            *(good(prediction=f"class {n}") for n in range(self.flood)), known_classes=("approve", "deny")
        ).snapshot(NOW)
        classes = by_label(page(found), "model_predictions_total", "prediction_class")
        assert len(found.labels[DEFAULT.model_name].names["prediction_class"]) == 101
        # Those that the reference knows have their places.
        assert classes == {"approve": 0, "deny": 0, **{f"class {n}": 1 for n in range(98)}, "other": self.flood - 98}
        assert page(found)[key("prediction_exporter_capped_labels_total", label="prediction_class")] == self.flood - 98
        assert by_label(page(found), "model_window_samples", "window")["1m"] == self.flood

    def test_of_error_types(self) -> None:
        found = fed(*(good(error_type=f"error {n}") for n in range(self.flood))).snapshot(NOW)
        errors = by_label(page(found), "model_prediction_errors_total", "error_type")
        assert errors == {**{f"error {n}": 1 for n in range(100)}, "other": self.flood - 100}
        assert len(found.labels[DEFAULT.model_name].names["error_type"]) == 101
        assert page(found)[key("prediction_exporter_capped_labels_total", label="error_type")] == self.flood - 100

    def test_of_versions_stays_under_the_name_of_their_model(self) -> None:
        found = fed(*(good(model_version=n) for n in range(self.flood))).snapshot(NOW)
        versions = by_label(page(found), "model_predictions_total", "model_version")
        assert {version: count for version, count in versions.items() if count} == {
            **{str(n): 1 for n in range(20)},
            "other": self.flood - 20,
        }
        assert {series.model_name for series in found.totals} == {"credit"}
        assert len(found.series) == len(found.totals) == 21
        assert page(found)[key("prediction_exporter_capped_labels_total", label="model_version")] == self.flood - 20

    def test_of_models(self) -> None:
        found = fed(*(good(model_name=f"model {n}", model_version=n % 7) for n in range(self.flood))).snapshot(NOW)
        assert len(found.series) == len(found.totals) == 21
        models = by_label(page(found), "model_predictions_total", "model_name")
        assert models == {**{f"model {n}": 1 for n in range(20)}, "other": self.flood - 20}

    def test_of_models_and_versions_is_bounded(self) -> None:
        log = [good(model_name=f"model {n % 30}", model_version=n) for n in range(self.flood)]
        found = fed(*log).snapshot(NOW)
        assert len(found.series) <= 2 * 20 + 1
        assert sum(by_label(page(found), "model_predictions_total", "model_name").values()) == self.flood

    def test_of_categories_are_other(self) -> None:
        found = page(fed(*(good(features={"country": f"country {n}"}) for n in range(self.flood))).snapshot(NOW))
        labels = {"feature_name": "country", **DEFAULT._asdict()}
        assert found[key("model_feature_bin_total", bin="other", reference_id=PROFILE_ID, **labels)] == self.flood
        assert found[key("model_feature_quality_total", check="unseen_category", **labels)] == self.flood

    def test_of_refused_lines_takes_no_place_of_others(self) -> None:
        bad = [good(prediction=f"class {n}", model_version=n, timestamp=0) for n in range(500)]
        bad += [{"timestamp": 0, "error_type": f"error {n}"} for n in range(500)]
        log = [*bad, good(prediction="review", model_version="9"), {"timestamp": NOW, "error_type": "timeout"}]
        found = fed(*log).snapshot(NOW)
        assert by_label(page(found), "model_predictions_total", "prediction_class") == {"review": 1}
        assert by_label(page(found), "model_prediction_errors_total", "error_type") == {"timeout": 1}
        assert {*found.totals} == {Series("credit", "9"), DEFAULT}
        assert not any(found.capped.values())

    def test_a_name_that_has_its_place_keeps_it(self) -> None:
        running = fed(*(good(prediction=f"class {n}") for n in range(200)), classes=3)
        running.feed(STREAM, block([good(prediction="class 1")] * 5 + [good(prediction="class 7")] * 3), NOW)
        found = running.snapshot(NOW)
        assert by_label(page(found), "model_predictions_total", "prediction_class") == {
            "class 0": 1,
            "class 1": 6,
            "class 2": 1,
            "other": 200,
        }

    def test_a_class_literally_named_other_is_among_the_others_and_not_capped(self) -> None:
        found = fed(*(good(prediction=name) for name in ("other", "a", "b", "c", "other")), classes=2).snapshot(NOW)
        assert by_label(page(found), "model_predictions_total", "prediction_class") == {"other": 3, "a": 1, "b": 1}
        assert found.capped == {"prediction_class": 1}

    def test_bounds_hold_over_restarts(self) -> None:
        found = fed(*(good(prediction=f"class {n}", model_version=n) for n in range(50)), classes=5, models=4).snapshot(
            NOW
        )
        again = engine(restored=found, classes=5, models=4)
        again.open(STREAM, found.positions[STREAM], b"")
        again.feed(STREAM, block(good(prediction=f"new {n}", model_version=f"new {n}") for n in range(50)), NOW)
        after = again.snapshot(NOW)
        assert (after.labels, [*after.series]) == (found.labels, [*found.series])
        assert after.capped == {"prediction_class": 45 + 50, "model_version": 46 + 50}


class TestLabels:
    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            pytest.param('a "quoted" one', 'a "quoted" one', id="quotes"),
            pytest.param("back\\slash", "back\\slash", id="backslash"),
            pytest.param("{a='b'}, c", "{a='b'}, c", id="braces"),
            pytest.param("line\nbreak", "line\ufffdbreak", id="newline"),
            pytest.param("\x00\x1b[31m\x7f\u2028", "\ufffd\ufffd[31m\ufffd\ufffd", id="control characters"),
            pytest.param("😀 é 中", "😀 é 中", id="not ASCII"),
            pytest.param("x" * 10_000, "x" * 128, id="very long"),
        ],
    )
    def test_of_any_characters_are_shown_so_that_they_can_be_queried(self, given: str, shown: str) -> None:
        record = good(model_name=given, model_version=given, prediction=given)
        found = page(fed(record, record | {"error_type": given}, line_bytes=10**6).snapshot(NOW))
        labels = {"model_name": shown, "model_version": shown}
        assert found[key("model_predictions_total", prediction_class=shown, **labels)] == 1
        assert found[key("model_prediction_errors_total", error_type=shown, **labels)] == 1

    def test_that_are_alike_when_they_are_cut_are_added(self) -> None:
        found = page(
            fed(good(prediction="x" * 200), good(prediction="x" * 128), good(prediction="x" * 127)).snapshot(NOW)
        )
        classes = by_label(found, "model_predictions_total", "prediction_class")
        assert classes == {"x" * 128: 2, "x" * 127: 1}

    def test_of_a_reference_are_shown_as_they_are(self) -> None:
        odd = 'a "quoted"\n\\one\\'
        profile: Profile = reference({'the "age"\n': categorical({odd: 3}), "x": categorical({"é": 1})}, classes=[odd])
        chosen = measures(Config(sources=[]), profile)
        # A quote cannot stand in a key that is read, so that this one is always missing.
        readable = reference({"x": categorical({"é": 1})})
        running = engine(chosen=measures(Config(sources=[]), readable), profile=readable)
        running.open(STREAM)
        zero = Snapshot(
            NOW,
            {DEFAULT: {statistic.name: statistic.zero() for statistic in chosen.statistics}},
            labels=running.snapshot(NOW).labels,
        )
        found = page(zero, chosen=chosen)
        labels = DEFAULT._asdict() | {"reference_id": profile.reference_id}
        assert found[key("model_feature_reference_bin", feature_name='the "age"\n', bin=odd, **labels)] == 3
        assert found[key("model_feature_reference_bin", feature_name="x", bin="é", **labels)] == 1


cut_places = st.lists(st.integers(0, 10_000), max_size=5)
logs_with_oversize = st.tuples(logs, st.lists(st.integers(0, 10), max_size=2)).map(
    lambda drawn: [
        *drawn[0],
        *[OVERSIZE for _ in drawn[1]],
        *drawn[0][:2],
    ]
)


# The one in the middle has labels that nobody else has.
REFUSED_BETWEEN = [good(), good(prediction="refused", model_version="refused", timestamp=0), good()]


class TestOneWay:
    """One log has one outcome, whatever the pieces and however often it is stopped."""

    @settings(max_examples=100)
    @given(logs_with_oversize, cut_places, st.booleans())
    @example(REFUSED_BETWEEN, [len(block(REFUSED_BETWEEN[:1])), len(block(REFUSED_BETWEEN[:2]))], True)
    def test_any_pieces_give_the_same_snapshot(self, log: list[Any], places: list[int], fold: bool) -> None:  # noqa: FBT001
        data = block(log)
        whole = engine(line_bytes=LINE_BYTES, classes=3, errors=1, models=3)
        whole.open(STREAM)
        whole.feed(STREAM, data, NOW)
        cut = engine(line_bytes=LINE_BYTES, classes=3, errors=1, models=3)
        cut.open(STREAM)
        for piece in pieces(data, places):
            cut.feed(STREAM, piece, NOW)
            if fold:
                cut.fold()
        assert plain(whole.snapshot(NOW)) == plain(cut.snapshot(NOW))

    @settings(max_examples=100)
    @given(logs_with_oversize, cut_places)
    def test_a_restored_engine_goes_on_exactly(self, log: list[Any], places: list[int]) -> None:
        """A snapshot is saved, loaded, and gone on with from its position: as after kill -9 at each place."""
        data = block(log)
        whole = engine(line_bytes=LINE_BYTES, classes=3, errors=1, models=3)
        whole.open(STREAM)
        whole.feed(STREAM, data, NOW)
        running = engine(line_bytes=LINE_BYTES, classes=3, errors=1, models=3)
        running.open(STREAM)
        at = 0
        for place in sorted(place % (len(data) + 1) for place in places):
            if place < at:
                continue
            running.feed(STREAM, data[at:place], NOW)
            saved = checkpoint.decode(checkpoint.encode(running.snapshot(NOW)))
            running = engine(line_bytes=LINE_BYTES, classes=3, errors=1, models=3, restored=saved)
            assert running.remembered(SOURCE) == saved.positions
            position = saved.positions[STREAM]
            at = position.offset
            running.open(STREAM, position, data[max(0, at - 1024) : at])
        running.feed(STREAM, data[at:], NOW)
        assert plain(whole.snapshot(NOW)) == plain(running.snapshot(NOW))

    def test_a_restored_engine_has_what_it_had_before_it_reads_anything(self) -> None:
        before = fed(good(), good(error_type="oom"), good(model_version="4", features={"age": 41}), [], {}).snapshot(
            NOW
        )
        saved = checkpoint.decode(checkpoint.encode(before))
        assert page(before) == page(engine(restored=saved).snapshot(NOW))

    def test_a_window_ages_over_a_restart(self) -> None:
        before = fed(*(good(timestamp=NOW - second) for second in range(60))).snapshot(NOW)
        assert samples(engine(restored=before), NOW + 50) == {"1m": 10, "1h": 60}

    def test_a_line_half_written_at_the_stop_counts_once(self) -> None:
        data = line(good(prediction="deny"))
        first = engine()
        first.open(STREAM)
        first.feed(STREAM, data[:30], NOW)
        saved = first.snapshot(NOW)
        assert saved.positions[STREAM].offset == 0
        second = engine(restored=saved)
        second.open(STREAM, saved.positions[STREAM], b"")
        second.feed(STREAM, data, NOW)
        counts = second.snapshot(NOW).sources[SOURCE]
        assert (counts.lines, counts.records, counts.bytes) == (1, 1, len(data))


class TestReferences:
    """What there is of a reference decides what is watched, and never whether the rest is."""

    log = (*[good(features={"age": 41, "country": "DE"})] * 30, good(features={"age": "old", "country": 1}))

    @pytest.mark.parametrize(
        ("profile", "drifting"),
        [
            pytest.param(None, set(), id="none"),
            pytest.param(reference({}), set(), id="no features"),
            pytest.param(reference({"age": numeric([40.0])}), {"age"}, id="numbers alone"),
            pytest.param(reference({"country": categorical({"DE": 90})}), {"country"}, id="categories alone"),
            pytest.param(
                reference({"country": categorical({"DE": 90}), "age": numeric([40.0])}), {"age", "country"}, id="both"
            ),
        ],
    )
    def test_of_any_kind_are_used(self, profile: Profile | None, drifting: set[str]) -> None:
        chosen = measures(Config(sources=[]), profile)
        found = page(fed(*self.log, chosen=chosen, profile=profile).snapshot(NOW), chosen=chosen)
        assert by_label(found, "model_predictions_total", "prediction_class") == {"approve": 31}
        assert by_label(found, "model_window_samples", "window") == {"1m": 31, "1h": 31}
        assert by_label(found, "model_feature_drift_psi", "feature_name").keys() == drifting
        assert by_label(found, "model_feature_bin_total", "feature_name") == dict.fromkeys(drifting, 31)


class TestSnapshot:
    @given(logs, logs)
    def test_is_not_changed_by_what_comes_later(self, first: list[Any], second: list[Any]) -> None:
        running = fed(*first)
        taken = running.snapshot(NOW)
        before = checkpoint.encode(taken)
        running.feed(STREAM, block(second) + b"[\n\n", NOW + 30)
        running.snapshot(NOW + 30)
        running.snapshot(NOW + 9000)
        assert before == checkpoint.encode(taken)

    @given(logs, logs)
    def test_that_an_engine_began_from_is_not_changed_by_it(self, first: list[Any], second: list[Any]) -> None:
        taken = fed(*first).snapshot(NOW)
        before = checkpoint.encode(taken)
        again = engine(restored=taken)
        again.open(STREAM, taken.positions[STREAM], block(first)[-1024:])
        again.feed(STREAM, block(second) + b"[\n\n", NOW + 30)
        again.snapshot(NOW + 9000)
        assert before == checkpoint.encode(taken)

    def test_taken_twice_is_the_same(self) -> None:
        running = fed(good(), good(prediction="deny"), {})
        assert plain(running.snapshot(NOW)) == plain(running.snapshot(NOW))

    def test_has_positions_that_fit_what_is_counted(self) -> None:
        data = block([good()] * 3)
        running = engine()
        running.open(STREAM)
        for end in range(1, len(data) + 1):
            running.feed(STREAM, data[end - 1 : end], NOW)
            taken = running.snapshot(NOW)
            assert data[: taken.positions[STREAM].offset].count(b"\n") == taken.sources[SOURCE].lines


class TestStreams:
    def test_a_last_line_without_its_newline_counts_when_its_stream_ends(self) -> None:
        running = engine()
        running.open(STREAM)
        running.feed(STREAM, block([good()]) + line(good())[:-1], NOW)
        assert running.snapshot(NOW).sources[SOURCE].lines == 1
        running.close(STREAM)
        after = running.snapshot(NOW)
        assert (after.sources[SOURCE].lines, after.sources[SOURCE].records) == (2, 2)
        assert after.positions == {}

    def test_of_several_files_do_not_mix_their_lines(self) -> None:
        streams = [Stream(SOURCE, f"/{n}", 1, n) for n in range(5)]
        running = engine()
        for stream in streams:
            running.open(stream)
        data = line(good())
        for at in range(len(data)):
            for stream in streams:
                running.feed(stream, data[at : at + 1], NOW)
        counts = running.snapshot(NOW).sources[SOURCE]
        assert (counts.lines, counts.records, counts.rejected) == (5, 5, {})

    def test_a_source_that_brought_nothing_is_on_the_page(self) -> None:
        found = page(engine(sources=("a", "b")).snapshot(NOW))
        assert found[key("prediction_exporter_source_lines_total", source="b")] == 0
        assert key("prediction_exporter_source_last_record_timestamp_seconds", source="b") not in found

    @settings(max_examples=100)
    @given(
        st.lists(
            st.sampled_from(
                [
                    (line(good()), None),
                    (b"not json\n", "invalid_json"),
                    (b"\n", "blank"),
                    (line(good(timestamp=0)), "timestamp_past"),
                    (line(OVERSIZE), "oversize"),
                    (line(OVERSIZE | {"y": 1}), "oversize"),
                ]
            ),
            max_size=12,
        ),
        cut_places,
    )
    def test_a_bad_line_is_reported_with_its_place(
        self, lines: list[tuple[bytes, str | None]], places: list[int]
    ) -> None:
        reported: list[BadLine] = []
        running = engine(line_bytes=LINE_BYTES, report=reported.append)
        running.open(STREAM)
        reason_at, at = {}, 0
        for text, reason in lines:
            reason_at[at] = reason
            at += len(text)
        for piece in pieces(b"".join(text for text, _ in lines), places):
            running.feed(STREAM, piece, NOW)
        running.fold()
        for bad in reported:
            assert bad.stream == STREAM
            assert reason_at.get(bad.offset) == bad.reason
        counts: Counter[str] = Counter()
        for bad in reported:
            counts[bad.reason] += bad.count
        assert counts == Counter(reason for _, reason in lines if reason)
