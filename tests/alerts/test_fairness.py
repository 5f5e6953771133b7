"""The recording rules of protected groups, by promtool, against figures by hand and plain formulas."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.alerts.promtool import MINUTES, Counter, Scenario

pytestmark = pytest.mark.servers

VERSION = {"namespace": "prod", "model_name": "credit", "model_version": "3"}
HOURS = 26
# Scrapes in a day.
DAY = 24 * 60 // MINUTES
# What each pod counts between two scrapes: favourable predictions, and others.
PODS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "a": {"white": (4, 2), "black": (1, 2), "none": (0, 4)},
    "b": {"white": (2, 2), "black": (0, 1), "asian": (1, 1)},
}
# Judged outcomes whose actual class is favourable: predicted as such, and not.
DESERVED = {"white": (300.0, 100.0), "black": (90.0, 60.0), "asian": (20.0, 40.0)}
NAMES = (
    *("favourable_ratio", "disparate_impact", "disparate_impact_log_stderr"),
    *("statistical_parity", "statistical_parity_stderr"),
)


def group(name: str, **more: str) -> dict[str, str]:
    return {**VERSION, "segment": "race", "segment_value": name, **more}


def scenario(folder: Path, pods: Mapping[str, Mapping[str, tuple[int, int]]], overdispersion: int = 1) -> Scenario:
    found = Scenario(folder, ("fairness",), scrapes=MINUTES)
    for pod, groups in pods.items():
        for name, steps in groups.items():
            for prediction, step in zip(("approve", "deny"), steps, strict=True):
                labels = group(name, prediction_class=prediction, pod=pod)
                found.add("model_segment_predictions_total", labels, Counter([step] * (HOURS + 1)).spelt)
                other = labels | {"segment": "shoe size"}
                found.add("model_segment_predictions_total", other, Counter([step] * (HOURS + 1)).spelt)
        protected = {**VERSION, "segment": "race", "prediction_class": "approve", "pod": pod}
        found.add("model_segment_protected", protected, "1x3000")
        found.add("model_drift_overdispersion", {**VERSION, "pod": pod}, f"{overdispersion}x3000")
    return found


def recorded(name: str) -> str:
    return f"model_version_segment:model_{name}:increase24h"


def test_groups_are_compared_with_the_one_that_gets_it_most_often(tmp_path: Path) -> None:
    told = scenario(tmp_path, PODS, overdispersion=2)
    counts = {
        name: [sum(PODS[pod].get(name, (0, 0))[side] * DAY for pod in PODS) for side in (0, 1)]
        for name in ("white", "black", "asian", "none")
    }
    totals = {name: sum(both) for name, both in counts.items()}
    ratio = {name: good / totals[name] for name, (good, _) in counts.items()}
    smoothed = {name: (good + 0.5) / (totals[name] + 0.5) for name, (good, _) in counts.items()}
    log_variance = {name: 1 / (good + 0.5) - 1 / (totals[name] + 0.5) for name, (good, _) in counts.items()}
    variance = {name: ratio[name] * (1 - ratio[name]) / totals[name] for name in counts}
    best = max(ratio, key=ratio.__getitem__)
    assert (best, ratio["white"], ratio["black"]) == ("white", 0.6, 0.25)
    for name in counts:
        values = (
            ratio[name],
            smoothed[name] / smoothed[best],
            math.sqrt(2 * (log_variance[name] + log_variance[best])),
            ratio[name] - ratio[best],
            math.sqrt(2 * (variance[name] + variance[best])),
        )
        for metric, value in zip(NAMES, values, strict=True):
            told.expect(HOURS, recorded(metric), group(name), value)
            # A segment that is not protected is not compared.
            told.expect_nothing(HOURS, recorded(metric), group(name) | {"segment": "shoe size"})
    told.run()


def test_the_four_fifths_rule_by_hand(tmp_path: Path) -> None:
    # Of the Uniform Guidelines' questions and answers: 48 of 80 white applicants were hired, and 12 of 40 black ones.
    told = scenario(tmp_path, {"a": {"white": (48, 32), "black": (12, 28)}})
    told.expect(HOURS, recorded("favourable_ratio"), group("white"), 0.6)
    told.expect(HOURS, recorded("favourable_ratio"), group("black"), 0.3)
    told.expect(HOURS, recorded("disparate_impact"), group("black"), 0.5, relative=1e-3)
    told.expect(HOURS, recorded("statistical_parity"), group("black"), -0.3)
    told.run()


def test_small_and_unknown_groups_are_not_compared(tmp_path: Path) -> None:
    told = scenario(tmp_path, {"a": {"white": (1, 1), "missing": (9, 0), "other": (9, 0)}})
    small = group("black", prediction_class="approve", pod="a")
    told.add("model_segment_predictions_total", small, f"0x{HOURS * 12 - 99} 0+1x98")
    told.expect(HOURS, recorded("disparate_impact"), group("white"), 1.0)
    for name in ("missing", "other", "black"):
        told.expect_nothing(HOURS, recorded("favourable_ratio"), group(name))
        told.expect_nothing(HOURS, recorded("disparate_impact"), group(name))
    told.run()


def test_opportunity_is_that_of_all_pods(tmp_path: Path) -> None:
    told = scenario(tmp_path, PODS)
    for name, both in DESERVED.items():
        for predicted, value in zip(("favourable", "unfavourable"), both, strict=True):
            for pod, share in (("a", 0.25), ("b", 0.75)):
                labels = group(name, predicted=predicted, pod=pod)
                told.add("model_segment_actual_favourable", labels, f"{value * share}x3000")
    share = {name: found / (found + missed) for name, (found, missed) in DESERVED.items()}
    variance = {name: share[name] * (1 - share[name]) / sum(DESERVED[name]) for name in DESERVED}
    assert (share["white"], share["black"]) == (0.75, 0.6)
    for name in ("white", "black"):
        told.expect(HOURS, "model_version_segment:model_opportunity:latest", group(name), share[name])
        told.expect(
            HOURS, "model_version_segment:model_equal_opportunity:latest", group(name), share[name] - share["white"]
        )
        stderr = math.sqrt(variance[name] + variance["white"])
        told.expect(HOURS, "model_version_segment:model_equal_opportunity_stderr:latest", group(name), stderr)
    # Sixty are too few.
    told.expect_nothing(HOURS, "model_version_segment:model_opportunity:latest", group("asian"))
    told.run()
