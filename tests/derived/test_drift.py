"""What is told of drift: gauges of each feature and window, the verdict, and what it comes from."""

import numpy as np
import pytest
from msgspec.structs import replace

from exporter.assembly.measures import measures
from exporter.batch import Series
from exporter.configuration.settings import Config, DriftConfig, FeatureConfig
from exporter.configuration.thresholds import FEATURE_MEANINGS
from exporter.derived.drift import Drift
from exporter.families import Family
from exporter.reference.profile import Profile
from exporter.stats.variable_kind import FEATURES
from exporter.tallies.tally import StatisticArrays
from tests.derived.views import view_of, window_of
from tests.records import categorical, columns, numeric, reference

SERIES = Series("credit", "3")
AGES = numeric([30.0, 40.0], [100, 200, 300])
PROFILE = reference({"age": AGES, "place": categorical({"DE": 50, "FR": 50, "JP": 0})}, classes=("approve", "deny"))
Key = tuple[str, ...]


def tallied(
    profile: Profile = PROFILE, drift: DriftConfig | None = None, **given: object
) -> dict[str, dict[Key, float]]:
    """Tally one batch of records, and return what is derived: by metric and labels, less those of the series."""
    chosen = measures(Config(sources=[], drift=drift or DriftConfig()), profile)
    rows = len(next(iter(given.values())))  # type: ignore[arg-type]  # a sequence, or a sequence of them
    for name in ("numbers", "categories"):
        if name in given:
            rows = len(given[name][0])  # type: ignore[index]
    batch = columns(rows, **given)  # type: ignore[arg-type]
    row: StatisticArrays = {
        s.name: s.tally(batch)[0].astype(np.float64) for s in chosen.statistics if s.reads == "predictions"
    }
    families = [family for derived in chosen.derived for family in derived.collect(view_of({"5m": {SERIES: row}}))]
    return {family.name: samples(family) for family in families}


def samples(family: Family) -> dict[Key, float]:
    return {
        tuple(
            value for name, value in sample.labels.items() if name not in ("model_name", "model_version", "window")
        ): sample.value
        for sample in family.samples
    }


def ages(*counts: int) -> list[float]:
    """So many records below 30, from 30 to 40, and of 40 or more."""
    return [value for value, count in zip((20.0, 35.0, 50.0), counts, strict=True) for _ in range(count)]


LIKE = ages(10, 20, 30)
PLACES = ["DE", "FR"] * 30


@pytest.mark.parametrize(
    ("counts", "places", "judged"),
    [
        pytest.param((10, 10, 10), ["DE"] * 15 + ["FR"] * 15, {"age", "place"}, id="ten a bin"),
        pytest.param((10, 10, 9), ["DE"] * 10 + ["FR"] * 19, {"place"}, id="one too few"),
        pytest.param((30, 0, 0), ["DE"] * 30, {"age", "place"}, id="ten a bin in the mean"),
        pytest.param((10, 20, 0), [None] * 29 + ["DE"], {"age", "place"}, id="a bin of missing values too"),
        pytest.param((10, 10, 9), ["JP"] * 29, set(), id="a bin of the window alone too"),
    ],
)
def test_there_is_no_value_under_ten_records_a_bin(
    counts: tuple[int, int, int], places: list[str | None], judged: set[str]
) -> None:
    told = tallied(numbers=[ages(*counts)], categories=[places])
    for method in ("psi", "chi2", "js", "psi_pvalue", "psi_critical", "chi2_pvalue"):
        assert {name for (name,) in told[f"model_feature_drift_{method}"]} == judged
    assert {name for (name,) in told["model_feature_drift_ks"]} == judged & {"age"}


def test_the_reference_is_told_by_the_hash_of_its_content() -> None:
    told = tallied(numbers=[LIKE], categories=[PLACES])
    assert told["model_reference_info"] == {(PROFILE.reference_id,): 1}


def test_nothing_has_drifted_that_is_like_the_reference() -> None:
    told = tallied(numbers=[LIKE], categories=[PLACES])
    assert told["model_feature_drift_psi"][("age",)] == pytest.approx(0, abs=1e-3)
    assert told["model_feature_drift_psi_pvalue"][("age",)] > 0.9
    assert told["model_feature_drifted"] == {("age",): 0, ("place",): 0}
    assert told["model_drifted_features_ratio"] == {(): 0}


def test_what_has_moved_far_has_drifted() -> None:
    told = tallied(numbers=[ages(60, 0, 0)], categories=[PLACES])
    assert told["model_feature_drift_psi"][("age",)] > 0.25
    assert told["model_feature_drifted"] == {("age",): 1, ("place",): 0}
    assert told["model_drifted_features_ratio"] == {(): 0.5}
    assert told["model_feature_drift_rank"] == {("age",): 1, ("place",): 2}


def test_a_flood_of_missing_values_is_drift() -> None:
    told = tallied(numbers=[[*ages(10, 20, 30), *[np.nan] * 100]], categories=[["DE", "FR"] * 80])
    assert told["model_feature_drift_psi"][("age",)] > 2
    assert told["model_feature_bin_share_change"][("age", "missing")] == pytest.approx(100 / 160)
    # Kolmogorov-Smirnov sees none of it: those that are there are as before.
    assert told["model_feature_drift_ks"][("age",)] == pytest.approx(0)


def test_what_bins_add_is_the_psi_and_what_their_shares_change_is_nothing() -> None:
    told = tallied(numbers=[ages(40, 10, 10)], categories=[["FR"] * 20 + ["XX"] * 30 + [None] * 10])
    for feature in ("age", "place"):
        added = [value for (name, _), value in told["model_feature_bin_drift_psi"].items() if name == feature]
        assert sum(added) == pytest.approx(told["model_feature_drift_psi"][(feature,)], rel=1e-12)
        changed = [value for (name, _), value in told["model_feature_bin_share_change"].items() if name == feature]
        assert sum(changed) == pytest.approx(0, abs=1e-12)
    assert told["model_feature_bin_share_change"][("place", "other")] == pytest.approx(0.5)
    assert told["model_feature_bin_share_change"][("age", "0: (-inf, 30)")] == pytest.approx(40 / 60 - 100 / 600)


def test_bins_are_told_of_the_five_features_that_have_moved_most() -> None:
    names = [f"x{i}" for i in range(8)]
    profile = reference(dict.fromkeys(names, AGES))
    moved = [ages(10 + 3 * i, 20, 30 - 3 * i) for i in range(8)]
    told = tallied(profile, numbers=moved)
    ranked = sorted(names, key=lambda name: -told["model_feature_drift_psi"][(name,)])
    assert [told["model_feature_drift_rank"][(name,)] for name in ranked] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {name for name, _ in told["model_feature_bin_drift_psi"]} == {*ranked[:5]}


def test_methods_that_are_not_wanted_are_not_told() -> None:
    told = tallied(drift=DriftConfig(methods=("ks",)), numbers=[LIKE], categories=[PLACES])
    assert {name for name in told if "_drift_" in name} == {
        f"model_{subject}_drift_{field}" for subject in ("feature", "prediction") for field in ("ks", "ks_pvalue")
    } | {f"model_{subject}_drift_level" for subject in ("feature", "prediction")} | {
        "model_feature_bin_drift_psi",
        "model_feature_drift_rank",
        "model_drift_judged_features",
        "model_drift_detectable_psi",
        "model_drift_overdispersion",
    }
    assert told["model_feature_drifted"]


def test_the_mix_of_classes_drifts_as_a_feature_does() -> None:
    told = tallied(prediction=["approve"] * 70 + ["deny"] * 30, numbers=[[35.0] * 100], categories=[["DE"] * 100])
    table = np.array([[70.5, 30.5], [100.5, 100.5]])
    p, q = table / table.sum(axis=1, keepdims=True)
    assert told["model_prediction_drift_psi"] == {(): pytest.approx(float(((p - q) * np.log(p / q)).sum()))}
    assert told["model_prediction_drifted"] == {(): 0}
    assert "model_probability_drift_psi" not in told


def test_a_class_that_vanishes_and_one_that_is_new_are_drift() -> None:
    told = tallied(prediction=["approve"] * 60 + ["retry"] * 40, numbers=[[35.0] * 100], categories=[["DE"] * 100])
    assert told["model_prediction_drifted"] == {(): 1}


def test_values_of_a_regression_and_probabilities_drift_too() -> None:
    profile = Profile(1, 600, {"age": AGES}, prediction=AGES, probability=numeric([0.3, 0.6], [200, 200, 200]))
    told = tallied(profile, numbers=[LIKE], value=ages(60, 0, 0), probability=[0.1, 0.5, 0.9] * 20)
    assert told["model_prediction_drifted"] == {(): 1}
    assert told["model_probability_drifted"] == {(): 0}
    assert told["model_prediction_drift_ks"] == {(): pytest.approx(1 - 100 / 600)}
    assert told["model_probability_drift_ks"] == {(): pytest.approx(0, abs=1e-12)}


@pytest.mark.parametrize("records", [49, 50])
def test_levels_need_fifty_records(records: int) -> None:
    found = tallied(numbers=[[20.0] * records], categories=[["DE"] * records])
    names = {"age", "place"} if records == 50 else set()
    for metric in ("drift_level", "drifted"):
        assert {name for (name,) in found[f"model_feature_{metric}"]} == names
    assert found["model_drift_judged_features"] == {(): len(names)}
    assert (() in found["model_drifted_features_ratio"]) == bool(names)
    assert (() in found["model_drift_detectable_psi"]) == bool(names)


@pytest.mark.parametrize("records", [99, 100])
def test_levels_need_a_hundred_records_of_the_reference(records: int) -> None:
    profile = reference({"age": numeric([30.0, 40.0], [10, 10, records - 20])})
    assert bool(tallied(profile, numbers=[[20.0] * 500])["model_feature_drift_level"]) == (records == 100)


def test_dependent_records_count_as_fewer_on_both_sides() -> None:
    found = []
    for overdispersion, records in ((1.0, 60), (2.0, 120)):
        profile = reference({"age": numeric([30.0, 40.0], [100 * int(overdispersion)] * 3)})
        drift = DriftConfig(overdispersion=overdispersion)
        found.append(tallied(profile, drift, numbers=[ages(records // 2, records // 2, 0)]))
        assert found[-1]["model_drift_overdispersion"] == {(): overdispersion}
    for metric in ("model_drift_detectable_psi", "model_feature_drift_psi_critical", "model_feature_drift_level"):
        assert list(found[0][metric].values()) == pytest.approx([*found[1][metric].values()], rel=1e-12)
    few = tallied(drift=DriftConfig(overdispersion=2.0), numbers=[ages(99, 0, 0)], categories=[["DE"] * 99])
    assert few["model_feature_drift_level"] == {}


def test_the_overdispersion_of_the_profile_is_the_default() -> None:
    profile = replace(PROFILE, overdispersion=3.0)
    assert tallied(profile, numbers=[LIKE], categories=[PLACES])["model_drift_overdispersion"] == {(): 3.0}


def test_limits_change_the_level_alone() -> None:
    found = []
    for thresholds, own, level in (
        ({}, {}, 2),
        ({"feature_drift_psi": 50.0, "feature_drift_wasserstein": 50.0}, {}, 1),
        ({}, {"feature_drift_psi": 50.0, "feature_drift_wasserstein": 50.0}, 1),
        (dict.fromkeys(FEATURE_MEANINGS, 50.0), {}, 0),
        (dict.fromkeys(FEATURE_MEANINGS, 50.0), {"feature_drift_psi": 0.25}, 2),
    ):
        config = Config(sources=[], thresholds=thresholds, features={"age": FeatureConfig(thresholds=own)})
        calculator = measures(config, PROFILE).one(Drift, kind=FEATURES).calculator
        batch = columns(60, numbers=[ages(60, 0, 0)], categories=[PLACES])
        row = {
            s.name: s.tally(batch)[0].astype(np.float64) for s in (calculator.bins, calculator.cuts, calculator.moments)
        }
        result = calculator.drift(window_of(row))
        assert result.levels.tolist() == [level, 0]
        found.append(result.psi.tolist())
    assert all(psi == found[0] for psi in found)
