"""Label drift: the truth of a window against the reference's, as predictions are compared."""

import math

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.stats import chi2_contingency, ks_2samp

from exporter.assembly.measures import measures
from exporter.derived.drift_statistics import psi
from tests.derived.samples import profiled
from tests.outcomes import CONFIG, of_classes, of_values, outcomes, told, with_truth


def test_classes_are_compared_whatever_was_predicted() -> None:
    profile = with_truth(of_classes("ab"), {"a": 700, "b": 300})
    actual = ["a"] * 150 + ["b"] * 250
    found = told(outcomes(["a"] * 400, actual, classes="ab"), profile)
    expected = psi(np.array([150.0, 250.0]), np.array([700.0, 300.0]))
    assert found["model_label_drift_psi"] == {(): pytest.approx(float(expected))}
    table = chi2_contingency([[150, 250], [700, 300]], correction=False)
    assert found["model_label_drift_chi2"] == {(): pytest.approx(table.statistic)}
    assert found["model_label_drift_chi2_pvalue"] == {(): pytest.approx(table.pvalue)}
    assert found["model_label_drifted"] == {(): 1}
    assert found["model_label_bin_total"] == {("a",): 150, ("b",): 250, ("missing",): 0, ("other",): 0}


def test_values_are_compared() -> None:
    rng = np.random.default_rng(1)
    before, now = rng.normal(50, 5, 4000), rng.normal(52, 5, 800)
    profile = replace(of_values(), actual=profiled(before))
    found = told(outcomes(value=[50.5] * len(now), actual_value=now.tolist()), profile)
    assert found["model_label_drift_ks"][()] == pytest.approx(ks_2samp(now, before).statistic, abs=0.01)
    assert found["model_label_drift_wasserstein"][()] == pytest.approx(0.4, abs=0.05)


def test_the_metrics_are_those_of_prediction_drift() -> None:
    profile = with_truth(of_classes("ab"), {"a": 700, "b": 300})
    found = told(outcomes("ab" * 50, "ab" * 50, classes="ab"), profile)
    results = ("psi", "psi_critical", "psi_pvalue", "chi2", "chi2_pvalue", "js", "level")
    assert {name for name in found if name.startswith("model_label_drift_")} == {
        f"model_label_drift_{result}" for result in results
    }


def test_a_truth_that_is_missing_or_unknown_has_its_bin() -> None:
    profile = with_truth(of_classes("ab"), {"a": 700, "b": 300})
    found = told(outcomes("aaa", ["a", None, "z"], classes="ab"), profile)
    assert found["model_label_bin_total"] == {("a",): 1, ("b",): 0, ("missing",): 1, ("other",): 1}


def test_without_a_truth_in_the_reference_there_is_none() -> None:
    names = {statistic.name for statistic in measures(CONFIG, of_classes("ab")).statistics}
    assert not {"label_bins", "label_cuts"} & names


def test_a_value_that_is_no_number_is_missing() -> None:
    profile = replace(of_values(), actual=profiled(np.arange(100.0)))
    found = told(outcomes(value=[1.5, 2.5], actual_value=[math.nan, 3.0]), profile)
    assert found["model_label_bin_total"]["missing",] == 1
