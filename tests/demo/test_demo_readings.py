"""What is read from a page of metrics, and how it looks."""

import io
import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from exporter.demo import readings, table
from exporter.demo.readings import Activity, Reading
from exporter.demo.table import View
from exporter.histogram_quantile import histogram_quantile

GOLDEN = (Path(__file__).parents[1] / "golden" / "metrics.txt").read_text()
# A demo has one model; the committed page has two versions of one.
PAGE = "".join(line for line in GOLDEN.splitlines(keepends=True) if 'model_version="4"' not in line)
INF = math.inf


def samples(name: str, label: str) -> Mapping[str, float]:
    """Return a metric's values in the page by one label, found without a parser."""
    lines = re.findall(rf"^{name}\{{(.*)\}} (.*)$", PAGE, re.MULTILINE)
    return {re.findall(rf'(?:^|,){label}="([^"]*)"', labels)[0]: float(value) for labels, value in lines}


@pytest.mark.parametrize(
    ("quantile", "counts", "expected"),
    [
        # Buckets up to 0.1, 0.5, 1 and without end, of 10, 20, 40 and 10 values.
        (0.0, (10, 30, 70, 80), 0.0),
        (0.0625, (10, 30, 70, 80), 0.05),  # half of the first bucket, which begins at 0
        (0.125, (10, 30, 70, 80), 0.1),  # on a bound
        (0.25, (10, 30, 70, 80), 0.3),
        (0.5, (10, 30, 70, 80), 0.625),
        (0.875, (10, 30, 70, 80), 1.0),
        (0.99, (10, 30, 70, 80), 1.0),  # in the last bucket: the highest bound there is
        (1.0, (10, 30, 70, 80), 1.0),
        (0.5, (0, 0, 8, 8), 0.75),  # empty buckets before
        (0.5, (8, 8, 8, 8), 0.05),  # and after
        (0.5, (0, 0, 0, 8), 1.0),
        (0.5, (0, 0, 0, 0), math.nan),
    ],
)
def test_quantiles_are_the_ones_of_promql(quantile: float, counts: tuple[int, ...], expected: float) -> None:
    buckets = list(zip((0.1, 0.5, 1.0, INF), counts, strict=True))
    assert histogram_quantile(quantile, buckets) == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_no_buckets_have_no_quantile() -> None:
    assert math.isnan(histogram_quantile(0.5, []))


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=12),
    st.integers(1, 99).map(lambda percent: percent / 100),
)
def test_a_quantile_is_read_off_the_line_through_the_cumulative_counts(counts: list[int], quantile: float) -> None:
    counts = [*counts, 0]  # none without a bound
    bounds = np.cumsum(np.arange(1, len(counts)) / 8)
    below = np.cumsum(counts)
    buckets = list(zip([*bounds.tolist(), INF], below.tolist(), strict=True))
    actual = histogram_quantile(quantile, buckets)
    if not below[-1]:
        assert math.isnan(actual)
        return
    # The line at that point has risen by the quantile's share; where it is flat, PromQL takes the left end.
    share = np.interp(actual, [0, *bounds], [0, *below[:-1]]) / below[-1]
    assert share == pytest.approx(quantile, abs=1e-9)
    left = np.interp(actual - 1e-6, [0, *bounds], [0, *below[:-1]]) / below[-1]
    assert left < quantile


def test_a_page_is_read_as_it_stands_there() -> None:
    reading = readings.parse(PAGE, 7.5)
    assert reading.seconds == 7.5
    assert reading.predictions == samples("model_predictions_total", "prediction_class")
    assert reading.errors == samples("model_prediction_errors_total", "error_type")
    assert reading.counted == sum(reading.predictions.values()) + sum(reading.errors.values()) > 100
    buckets = samples("model_prediction_latency_seconds_bucket", "le")
    assert reading.latency == sorted((float(bound), count) for bound, count in buckets.items())
    assert len(reading.latency) > 5
    assert reading.samples == samples("model_window_samples", "window")
    assert list(reading.drift) == list(reading.samples)  # and so shortest first
    assert any(reading.drift.values())
    for window, values in reading.drift.items():
        lines = re.findall(
            rf'^model_feature_drift_psi\{{feature_name="(\w+)",.*window="{window}"\}} (.*)$', PAGE, re.MULTILINE
        )
        assert values == {name: float(value) for name, value in lines}
    assert reading.threshold == samples("model_threshold", "metric")["feature_drift_psi"]


def test_a_page_of_nothing_is_a_reading_of_nothing() -> None:
    reading = readings.parse("", 0.0)
    assert (reading.counted, reading.latency, reading.drift, reading.samples) == (0, [], {}, {})
    assert math.isnan(reading.threshold)


def reading(seconds: float, predictions: Mapping[str, float], errors: float, latency: tuple[float, ...]) -> Reading:
    buckets = tuple(zip((0.1, 0.5, INF), latency, strict=True))
    drift: dict[str, dict[str, float]] = {"1m": {}, "1h": {}}
    return Reading(seconds, predictions, {"timeout": errors}, buckets, drift, {"1m": 0.0, "1h": 0.0}, 0.25)


def test_activity_is_what_increased_from_one_reading_to_another() -> None:
    earlier = reading(10.0, {"yes": 100.0}, 5.0, (50, 100, 100))
    later = reading(14.0, {"yes": 130.0, "no": 10.0}, 15.0, (70, 120, 140))
    activity = readings.activity(earlier, later, quantiles=(0.25, 0.5))
    assert activity.requests_per_second == 50 / 4
    assert activity.error_ratio == 10 / 50
    assert activity.class_shares == {"yes": 0.75, "no": 0.25}
    # Of the 40 between them, 20 took up to 0.1 s and 20 longer than 0.5 s.
    assert activity.latency == {0.25: pytest.approx(0.05), 0.5: pytest.approx(0.1)}


def test_nothing_between_two_readings_is_no_number() -> None:
    same = reading(10.0, {"yes": 100.0}, 0.0, (50, 100, 100))
    activity = readings.activity(same, same)
    assert math.isnan(activity.requests_per_second)
    assert math.isnan(activity.error_ratio)
    assert list(activity.class_shares) == ["yes"]
    assert all(map(math.isnan, [*activity.class_shares.values(), *activity.latency.values()]))


def rendered(shown: RenderableType, width: int = 110) -> str:
    console = Console(record=True, width=width, file=io.StringIO(), color_system="truecolor")
    console.print(shown)
    return console.export_text()


def view(earlier: Reading, later: Reading) -> View:
    activity = readings.activity(earlier, later)
    return View("http://127.0.0.1:9465/metrics", "Inputs: as in training.", later, activity, activity)


EMPTY = readings.parse("", 0.0)
NEW = reading(0.0, {"yes": 0.0, "no": 0.0}, 0.0, (0, 0, 0))
FULL = Reading(
    seconds=75.0,
    predictions={"yes": 75.0, "no": 25.0},
    errors={"timeout": 25.0},
    latency=((0.1, 100.0), (INF, 100.0)),
    drift={"1m": {f"feature {index}": index / 20 for index in range(12)}, "1h": {"feature 11": 0.125}},
    samples={"1m": 1200.0, "1h": 4800.0},
    threshold=0.25,
)


def test_a_line_tells_rates_latencies_classes_and_drift() -> None:
    assert table.line(view(NEW, FULL)) == (
        "   75 s  1.7 requests/s  p50 50.00 ms  p95 95.00 ms  p99 99.00 ms  yes 75%, no 25%  "
        "drifted: feature 11 0.55, feature 10 0.50, feature 9 0.45, feature 8 0.40, feature 7 0.35, feature 6 0.30"
    )


def test_a_line_says_whether_there_is_no_drift_or_too_little_to_tell() -> None:
    assert table.line(view(NEW, NEW)).endswith("too few samples for drift")
    assert table.line(view(EMPTY, EMPTY)).endswith("too few samples for drift")
    calm = Reading(1.0, {}, {}, (), {"1m": {"feature 1": 0.25}}, {"1m": 500.0}, 0.25)
    assert table.line(view(calm, calm)).endswith("no drift")  # a limit is not over itself
    assert "nan" not in table.line(view(calm, calm))


def test_the_dashboard_shows_the_eight_most_drifted_features() -> None:
    text = rendered(table.dashboard(view(NEW, FULL)))
    ranked = re.findall(r"^(feature \d+) +([\d.]+) +([\d.-]+) .*?(drifted)?$", text, re.MULTILINE)
    assert ranked == [
        (f"feature {index}", f"{index / 20:.2f}", "0.12" if index == 11 else "-", "drifted" if index > 5 else "")
        for index in range(11, 3, -1)
    ]
    assert "6 of 12 features drifted in the 1m window: PSI over 0.25" in text
    for word in ("http://127.0.0.1:9465/metrics", "75 s", "1.7", "20.0%", "50.00 ms", "95.00 ms", "99.00 ms", "1,200"):
        assert word in text


def test_the_dashboard_of_the_demo_fits_a_terminal_of_80_columns_and_24_lines() -> None:
    drift = dict.fromkeys(["fractal dimension error", *(f"concave points {index}" for index in range(12))], 0.99)
    windows = {"1m": 3000.0, "5m": 15_000.0, "1h": 180_000.0}
    classes = {"benign": 100_000.0, "malignant": 80_000.0}
    full = Reading(3600.0, classes, {}, FULL.latency, dict.fromkeys(windows, drift), windows, 0.25)
    inputs = "Inputs: since 60 s as of a camera with more contrast: mean texture, texture error, worst texture x 1.5."
    activity = readings.activity(NEW, full)
    text = rendered(table.dashboard(View("http://127.0.0.1:9465/metrics", inputs, full, activity, activity)), 80)
    assert len(text.splitlines()) < 24
    assert len(re.findall(r"0.99 +0.99 +0.99 .* drifted *$", text, re.MULTILINE)) == 8
    assert "of 180,000" in text
    assert "fractal dimension error" in text


@pytest.mark.parametrize(("before", "after"), [(EMPTY, EMPTY), (NEW, NEW), (EMPTY, FULL)])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_dashboard_shows_a_dash_for_what_is_not_known(before: Reading, after: Reading, width: int) -> None:
    text = rendered(table.dashboard(view(before, after)), width)
    assert "nan" not in text.lower()
    assert ("No value yet" in " ".join(text.split())) == (after is not FULL)


def test_a_longer_bar_is_more_drift() -> None:
    text = rendered(table.dashboard(view(NEW, FULL)))
    bars = [line.count("█") for line in text.splitlines() if line.startswith("feature")]
    assert bars == sorted(bars, reverse=True)
    assert bars[0] == table.BAR_WIDTH  # twice the limit and more
    assert 0 < bars[-1] < bars[0]


def test_the_summary_lays_what_was_written_beside_what_was_counted() -> None:
    text = rendered(table.summary({"yes": 1234, "timeout": 1}, {"yes": 1233.0, "no": 2.0}))
    rows = [line.split() for line in text.splitlines()]
    assert ["yes", "1,234", "1,233"] in rows
    assert ["no", "0", "2"] in rows
    assert ["timeout", "1", "0"] in rows
    assert rows[-1] == ["all", "1,235", "1,235"]


def test_an_empty_summary_is_one_of_zeros() -> None:
    assert rendered(table.summary({}, {})).splitlines()[-1].split() == ["all", "0", "0"]


def test_an_activity_without_a_class_has_a_line_all_the_same() -> None:
    nothing = Activity(math.nan, math.nan, {}, {})
    assert "nan" not in table.line(View("", "", EMPTY, nothing, nothing))
