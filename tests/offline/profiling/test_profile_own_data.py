"""The profile assigns every value to the same bin as the sidecar, so a log has no drift from itself."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.assembly.measures import measures
from exporter.batch import Series
from exporter.configuration.settings import Config
from exporter.decoding.checks import Checks
from exporter.decoding.conversions import number_of
from exporter.decoding.decode import Decoder
from exporter.decoding.schema import Schema
from exporter.derived.drift_statistics import psi
from exporter.engine.engine import Engine
from exporter.engine.plan import Limits, ModelPlan, Plan
from exporter.lines.stream import Stream
from exporter.model_key import OTHERS
from exporter.offline.profiling.categorical import CATEGORIES
from exporter.reference.profile import Categorical, Profile
from exporter.stats import Statistic
from exporter.stats.feature_bins import FeatureBins
from exporter.tallies.tally import StatisticArrays
from tests.offline.profiling.training import made
from tests.records import pipeline

NOW = 1_700_000_000.0
MODEL = Series("credit", "3")
STREAM = Stream("log", "/log")

numbers = st.one_of(
    st.floats(),
    st.integers(-20, 20),
    st.integers(-(2**70), 2**70),
    st.sampled_from(
        [0, -0.0, 1.0, 1, 5e-324, 1.7976931348623157e308, 2**53 + 1, 2**63, 2**64 - 1, 10**309, -(10**400)]
    ),
)
texts = st.one_of(st.text(max_size=4), st.sampled_from(["missing", "other", "1", "1.0", "true", "nan", "NA", ""]))
# Numbers as text, and lists of one item, are converted in a log, and not in training data.
nested = st.sampled_from([[], [1, 2], {}, {"a": 1}])
words = texts.filter(lambda text: number_of(text) is None)
anything = st.one_of(numbers, words, st.booleans(), st.none(), nested)
# Mostly numbers or mostly text, so that nothing has to be declared.
rows = st.fixed_dictionaries(
    {"number": st.one_of(numbers, st.none()), "text": st.one_of(texts, st.booleans(), st.none(), nested)},
    optional={"code": anything, "amount": anything},
)
predictions = st.one_of(st.sampled_from(["approve", "deny", 1, 0.25, True]), st.just(2.0))


def as_sidecar(log: bytes, profile: Profile) -> tuple[Sequence[Statistic], StatisticArrays]:
    """Return the sidecar's statistics, and its tallies of a log."""
    chosen = measures(Config(sources=[]), profile)
    attributions = tuple(profile.attributions or ())
    schema = Schema({}, tuple(profile.numeric), tuple(profile.categorical), attributions=attributions)
    decoder = Decoder(schema, MODEL, Checks(1e9, 1e9))
    limits = Limits(line_bytes=1 << 20, models=20, prediction_classes=100, error_types=100)
    engine = Engine(Plan({OTHERS: ModelPlan(chosen.statistics)}, (), {STREAM.source: pipeline(decoder)}, limits))
    engine.open(STREAM)
    for start in range(0, len(log), 50_000):
        engine.feed(STREAM, log[start : start + 50_000], NOW)
    (row,) = engine.snapshot(NOW).totals.values()
    return chosen.statistics, row


def assert_no_drift(folder: Path, log: Sequence[Mapping[str, Any]], *options: str) -> Profile:
    source = folder / "own.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in log))
    profile = made(source, *options, output=folder / "own.json")
    statistics, row = as_sidecar(source.read_bytes(), profile)
    (bins,) = [statistic for statistic in statistics if isinstance(statistic, FeatureBins)]
    counts = row[bins.name]
    for name, expected, actual in zip(bins.features, bins.reference, counts, strict=True):
        feature = profile.features[name]
        if isinstance(feature, Categorical) and feature.distinct > CATEGORIES:
            # A random half of the records is counted.
            assert expected.sum() == pytest.approx(actual.sum() / 2, rel=0.05)
            assert psi(actual, expected) < 0.01
        else:
            assert (name, expected.tolist()) == (name, actual.tolist())
            assert psi(actual, expected) == 0
    assert counts.sum(axis=-1).tolist() == [profile.rows] * len(profile.features)
    return profile


@given(st.lists(st.tuples(rows, predictions), max_size=40), st.sampled_from([(), ("--binning", "uniform")]))
def test_own_data_has_no_drift(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[Mapping[str, Any], Any]], binning: tuple[str, ...]
) -> None:
    log = [{"features": features, "prediction": prediction} for features, prediction in drawn]
    first = {"features": {"number": 1.5, "text": "a", "code": 7, "amount": 3}, "prediction": "approve"}
    more = [{"features": {"amount": 9}, "prediction": "deny"} for _ in drawn]  # so that most values are numbers
    profile = assert_no_drift(
        tmp_path_factory.getbasetemp(), [first, *log, *more], "--categorical", "code", "--numeric", "amount", *binning
    )
    assert (list(profile.numeric), list(profile.categorical)) == (["number", "amount"], ["text", "code"])


@given(st.lists(st.one_of(numbers, st.none()), min_size=1, max_size=300), st.sampled_from(["2", "10", "100"]))
def test_own_numbers_have_no_drift_in_any_number_of_bins(
    tmp_path_factory: pytest.TempPathFactory, values: list[float | None], bins: str
) -> None:
    log = [{"features": {"x": value}, "prediction": "a"} for value in (0.5, *values)]
    assert_no_drift(tmp_path_factory.getbasetemp(), log, "--bins", bins)


def test_own_data_of_many_categories_and_errors_has_no_drift(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    names = ["missing", "other", *(f"city {index}" for index in range(300))]
    log: list[dict[str, Any]] = [
        {
            "features": {
                "city": names[int(index)],
                "rare": {5: "missing", 6: "other"}.get(position % 999, f"c{position % 100}"),
                "income": [math.nan, math.inf, None, "lots", float(income)][min(position % 40, 4)],
            },
            "prediction": 1,
            "probability": 0.5,
            "error_type": "",
        }
        for position, (index, income) in enumerate(
            zip(random.integers(0, len(names), 20_000), random.lognormal(size=20_000), strict=True)
        )
    ]
    log[100::50] = [{"error_type": "timeout", "features": {"income": 1e9, "city": "nowhere"}} for _ in log[100::50]]
    profile = assert_no_drift(tmp_path, log)
    assert 20_000 - len(log[100::50]) == profile.rows
    rare = [record["features"].get("rare") for record in log if not record["error_type"]]
    assert 0 < profile.features["rare"].missing < rare.count("missing")


@given(st.lists(st.one_of(st.dictionaries(st.sampled_from("ab"), anything), st.none()), max_size=60))
def test_own_attributions_have_the_same_bins_and_sizes(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, Any] | None]
) -> None:
    first: dict[str, Any] = {"features": {"x": 1}, "prediction": "a", "attributions": {"a": -1.5}}
    log = [first, *(first | {"attributions": attributions} for attributions in drawn)]
    source = tmp_path_factory.getbasetemp() / "own.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in log))
    profile = made(source, output=source.with_suffix(".json"))
    _, row = as_sidecar(source.read_bytes(), profile)
    *sums, explained = row["absolute_attributions"].tolist()
    learnt = (profile.attributions or {}).values()
    for counts, total, attribution in zip(row["attribution_bins"].tolist(), sums, learnt, strict=True):
        own = len(attribution.counts)
        assert counts[:own] == attribution.counts
        assert counts[-2:] == [attribution.missing, attribution.other]
        assert sum(counts) == explained
        assert total / explained == pytest.approx(attribution.mean_abs, rel=1e-12)
