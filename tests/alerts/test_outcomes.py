"""The recording rules of outcomes, by promtool, against scikit-learn on all outcomes of two pods together."""

from collections import Counter as Total
from pathlib import Path

import pytest
from sklearn import metrics

from tests.alerts.promtool import MINUTES, Counter, Scenario

pytestmark = pytest.mark.servers

# What each pod counts between two scrapes: predicted, actual.
PODS = {
    "a": {("yes", "yes"): 5, ("yes", "no"): 1, ("no", "yes"): 2, ("no", "no"): 7, ("never", "never"): 0},
    "b": {("yes", "yes"): 1, ("no", "maybe"): 3, ("no", "no"): 2, ("wrong", "no"): 1},
}
VERSION = {"namespace": "prod", "model_name": "credit", "model_version": "3"}
HOURS = 30


def test_figures_of_a_fleet_are_those_of_all_its_outcomes(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, ("outcomes",))
    counts: Total[tuple[str, str]] = Total()
    for pod, pairs in PODS.items():
        for (predicted, actual), step in pairs.items():
            labels = {**VERSION, "pod": pod, "predicted": predicted, "actual": actual}
            scenario.add("model_outcomes_total", labels, Counter([step] * (HOURS + 1)).spelt)
            counts[predicted, actual] += step
    outcomes = [pair for pair, count in counts.items() for _ in range(count)]
    predicted, actual = ([pair[side] for pair in outcomes] for side in (0, 1))
    classes = sorted({*predicted, *actual})
    figures = metrics.precision_recall_fscore_support(actual, predicted, labels=classes, zero_division=0.0)
    for window, hours in {"1h": 1, "24h": 24}.items():
        for pair, count in counts.items():
            labels = {**VERSION, "predicted": pair[0], "actual": pair[1]}
            name = f"model_version_predicted_actual:model_outcomes:increase{window}"
            scenario.expect(HOURS, name, labels, count * hours * 60 // MINUTES, relative=1e-9)
        accuracy = metrics.accuracy_score(actual, predicted)
        scenario.expect(HOURS, f"model_version:model_accuracy:increase{window}", VERSION, accuracy)
        for name, values in zip(("precision", "recall", "f1"), figures, strict=False):
            for of_class, value in zip(classes, values, strict=True):
                series = f"model_version_class:model_{name}:increase{window}"
                among = {"precision": predicted, "recall": actual, "f1": classes}[name]
                if of_class in among:
                    scenario.expect(HOURS, series, {**VERSION, "class": of_class}, value)
                else:
                    scenario.expect_nothing(HOURS, series, {**VERSION, "class": of_class})
    scenario.run()


def test_different_classes_that_are_counted_as_other_are_wrong(tmp_path: Path) -> None:
    pairs = {
        ("other", "other"): 4,
        ("other", "other (different)"): 6,
        ("other", "a"): 2,
        ("a", "other"): 1,
        ("a", "a"): 5,
    }
    scenario = Scenario(tmp_path, ("outcomes",))
    for (predicted, actual), step in pairs.items():
        labels = {**VERSION, "pod": "a", "predicted": predicted, "actual": actual}
        scenario.add("model_outcomes_total", labels, Counter([step] * (HOURS + 1)).spelt)
    expected = {"precision": 4 / 12, "recall": 4 / 11, "f1": 2 * 4 / (12 + 11)}
    for window in ("1h", "24h"):
        scenario.expect(HOURS, f"model_version:model_accuracy:increase{window}", VERSION, 9 / 18)
        for name, value in expected.items():
            series = f"model_version_class:model_{name}:increase{window}"
            scenario.expect(HOURS, series, {**VERSION, "class": "other"}, value)
            scenario.expect_nothing(HOURS, series, {**VERSION, "class": "other (different)"})
    scenario.run()
