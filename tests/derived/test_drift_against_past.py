"""Windows against what they held before, and versions against the live one, told against plain counts."""

import math
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import pytest

from exporter.batch import SegmentSeries, Series
from exporter.configuration import loading
from exporter.configuration.settings import Config, DriftConfig, ModelConfig, SegmentConfig
from exporter.configuration.source_config import SourceConfig
from exporter.engine.engine import Engine
from exporter.exposition.collector import Collector
from exporter.state import checkpoint
from exporter.tallies.history import remember
from exporter.tallies.tally import COUNTS, AnyTallies
from exporter.units import Before, Duration, FieldPath
from tests.records import DEFAULT, STREAM, block, categorical, numeric, plan, reference

HOUR = 3600.0
START = 1_700_000_000.0 // HOUR * HOUR
PROFILE = reference({"age": numeric([30.0, 40.0], [100, 200, 300]), "place": categorical({"DE": 50, "FR": 50})})
Record = dict[str, Any]


def configured(before: Iterable[str] = (), live: str | None = None, windows: tuple[str, ...] = ("1h",)) -> Config:
    return Config(
        sources=[SourceConfig.parse(STREAM.source)],
        model=ModelConfig("credit", "3"),
        windows=tuple(map(Duration.parse, windows)),
        drift=DriftConfig(before=tuple(map(Before.parse, before)), live_version=live),
    )


def told(running: Engine, collector: Collector, now: float, metric: str = "psi") -> dict[tuple[str, str, str], float]:
    """Return a metric of changes by version, feature, and what the window is compared with."""
    for family in collector.collect(running.snapshot(now)):
        if family.name == ("model_feature_changed" if metric == "changed" else f"model_feature_change_{metric}"):
            return {
                (s.labels["model_version"], s.labels["feature_name"], s.labels["against"]): s.value
                for s in family.samples
            }
    return {}


def record(chance: random.Random, time: float, version: str = "3", mean: float = 35.0) -> Record:
    place = chance.choice(["DE", "DE", "FR", None])
    features = {"age": round(chance.gauss(mean, 10)), "place": place}
    return {"timestamp": time, "prediction": "yes", "model_version": version, "features": features}


def psi(window: Counter[str], against: Counter[str]) -> float:
    bins = {*window, *against}
    n, m = window.total() + 0.5 * len(bins), against.total() + 0.5 * len(bins)
    return sum(
        ((window[b] + 0.5) / n - (against[b] + 0.5) / m) * math.log((window[b] + 0.5) / n / ((against[b] + 0.5) / m))
        for b in bins
    )


def ages(records: Iterable[Record]) -> Counter[str]:
    values = (one["features"]["age"] for one in records)
    return Counter("low" if age < 30 else "middle" if age < 40 else "high" for age in values)


def between(log: list[Record], start: float, end: float) -> list[Record]:
    return [one for one in log if start <= one["timestamp"] < end]


def feed(running: Engine, log: list[Record], now: float) -> None:
    running.feed(STREAM, block(log), now)


def test_a_window_is_compared_with_the_one_before_and_with_yesterday_s() -> None:
    settings = configured(["previous", "1d"])
    planned, collector = plan(settings, PROFILE)
    running = Engine(planned)
    running.open(STREAM)
    chance, log, now = random.Random(1), [], START
    while now < START + 27 * HOUR:
        hour = int((now - START) // HOUR)
        new = [record(chance, now + second, mean=35 + hour % 24) for second in range(0, 300, 10)]
        log += new
        now += 300
        feed(running, new, now)
        running.snapshot(now)
        if hour == 20 and now % HOUR == 0:
            # Killed and started again, it goes on.
            saved = checkpoint.encode(running.snapshot(now))
            position = running.position(STREAM)
            running = Engine(planned, checkpoint.decode(saved))
            running.open(STREAM, position)
    found = told(running, collector, now)
    # Quarters of an hour begin with the hour, which is now.
    window = between(log, now - 59 * 60, now + 1)
    for against, start in (("previous", now - 2 * HOUR), ("1d", now - 25 * HOUR)):
        past = ages(between(log, start, start + HOUR))
        assert past.total() == 360
        assert found["3", "age", against] == pytest.approx(psi(ages(window), past), rel=1e-9)
    assert found["3", "age", "previous"] != found["3", "age", "1d"]


def test_there_is_nothing_to_compare_with_before_there_was_a_window_then() -> None:
    planned, collector = plan(configured(["previous", "1d"]), PROFILE)
    running = Engine(planned)
    running.open(STREAM)
    chance = random.Random(2)
    feed(running, [record(chance, START + second) for second in range(600)], START + 600)
    assert told(running, collector, START + 600) == {}
    later = START + 2 * HOUR
    feed(running, [record(chance, later - second) for second in range(600)], later)
    assert {against for _, _, against in told(running, collector, later)} == {"previous"}


def test_only_what_is_compared_with_is_kept() -> None:
    split = msgspec.structs.replace(
        configured(["previous"]), segments=(SegmentConfig("tier", FieldPath.parse("tier")),)
    )
    planned, _ = plan(split, PROFILE)
    running = Engine(planned)
    running.open(STREAM)
    chance = random.Random(3)
    for minute in range(0, 600, 5):
        now = START + minute * 60
        feed(running, [record(chance, now)], now)
        running.snapshot(now)
    (quarters,) = running.snapshot(now).history.values()
    assert 4 <= len(quarters) <= 7
    assert {name for tallies in quarters.values() for row in tallies.values() for name in row} == {"feature_bins"}
    assert {type(series) for tallies in quarters.values() for series in tallies} == {Series}
    assert {type(series) for series in running.snapshot(now).totals} == {Series, SegmentSeries}
    without, _ = plan(configured(), PROFILE)
    running.adopt(without)
    assert running.snapshot(now).history == {}


def test_what_a_reload_leaves_as_it_was_goes_on() -> None:
    planned, collector = plan(configured(["previous"]), PROFILE)
    running = Engine(planned)
    running.open(STREAM)
    chance = random.Random(4)
    for minute in range(0, 180, 5):
        now = START + minute * 60
        feed(running, [record(chance, now + second) for second in range(20)], now + 20)
        running.snapshot(now + 20)
    before = told(running, collector, now + 20)
    more, collector = plan(configured(["previous", "1d"], windows=("1h", "2h")), PROFILE)
    running.adopt(more)
    after = told(running, collector, now + 20)
    assert before
    assert {key: value for key, value in after.items() if key[2] == "previous"} == before


def test_a_shadow_version_is_compared_with_the_live_one() -> None:
    planned, collector = plan(configured(live="3"), PROFILE)
    running = Engine(planned)
    running.open(STREAM)
    chance = random.Random(5)
    live = [record(chance, START, "3") for _ in range(400)]
    shadow = [record(chance, START, "4", mean=45) for _ in range(200)]
    feed(running, [*live, *shadow], START)
    found = told(running, collector, START)
    assert {(version, against) for version, _, against in found} == {("4", "version 3")}
    assert found["4", "age", "version 3"] == pytest.approx(psi(ages(shadow), ages(live)), rel=1e-9)
    changed = told(running, collector, START, "changed")
    assert (changed["4", "age", "version 3"], changed["4", "place", "version 3"]) == (1, 0)
    assert 0 < told(running, collector, START, "psi_critical")["4", "age", "version 3"] < 0.2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("before: [1x]", "drift.before[0]: expected `previous` or a duration such as 1d, got '1x'"),
        ("before: [1s]", "drift.before[0]: 1s is less than each window, or more than 200 times as long"),
        ("before: [52w]", "drift.before[0]: 52w is less than each window, or more than 200 times as long"),
        ("overdispersion: 0.5", "drift.overdispersion: expected a number >= 1.0, got 0.5"),
        ("methods: [psi, kl]", "drift.methods[1]: expected psi or ks or chi2 or js or wasserstein, got 'kl'"),
        ("significanse: 0.1", "drift.significanse: unknown key; did you mean `significance`?"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Any, text: str, expected: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"sources: [/var/log/model.jsonl]\nwindows: [1h, 24h]\ndrift: {{{text}}}\n")
    with pytest.raises(loading.ConfigError) as raised:
        loading.load(file)
    assert raised.value.problems == [f"{file}: {expected}"]


def test_the_counts_of_many_panes_do_not_overflow() -> None:
    quarters: dict[int, AnyTallies] = {}
    for pane in range(3):
        remember(quarters, pane, AnyTallies({DEFAULT: {"counts": np.array([3_000_000_000], COUNTS)}}), {"counts"})
    assert quarters[0][DEFAULT]["counts"].tolist() == [9_000_000_000]
