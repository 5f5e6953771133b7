"""Every recorded rule, by promtool, against plain loops over the same counts."""

import math
import random
from collections import Counter as Total
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from scipy.stats import chi2

from exporter.reference.profile import bin_labels
from tests.alerts import oracle
from tests.alerts.oracle import Drift, wilson_hilferty
from tests.alerts.promtool import DRIFT as DRIFT_FILES
from tests.alerts.promtool import Counter, Scenario, rule_names
from tests.records import numeric

pytestmark = pytest.mark.servers

# The day's window is full, and each hour of it is evaluated at each scrape.
HOURS, NOW = 26, 25
# Of counts that are there already, a week and a day.
HOURS_OF_WEEKS, LATER = 200, 196
MODEL = {"namespace": "prod", "model_name": "credit"}
BINS = {
    # Of two digits, so that sums go over a ten.
    "amount": bin_labels(numeric([float(edge) for edge in range(12)])),
    "income": bin_labels(numeric([-1.0, 0.0, 1.0])),
    "country": ("DE", "FR", "never"),
}
# The version's pods, and how many they count at most in a bin at a scrape.
PODS = {"3": {"a": 9, "b": 40, "c": 15}, "4": {"d": 6}}
VERSION = {"namespace": "prod", "model_name": "credit", "model_version": "3"}
REFERENCE = {"reference_id": "r1"}
AGE = {**VERSION, **REFERENCE, "feature_name": "age"}
DRIFT = "model_version_feature:model_feature_drift_psi:increase1h"
ENOUGH = "model_version_feature:model_feature_drift_enough:increase1h"
COUNTED = "model_version_feature_bin:model_feature_bin:increase1h"
OVERDISPERSION = 2
drift = partial(oracle.drift, overdispersion=OVERDISPERSION)
EARLIER = {"yesterday": 24, "last_week": 168}


def bins(feature: str) -> tuple[str, ...]:
    return (*BINS[feature], "missing", "other")


def random_counters(rng: random.Random) -> dict[tuple[str, str, str, str], Counter]:
    """Return counters by version, pod, feature and bin; shares move from day to day, and one bin is always empty."""
    counters = {}
    for version, pods in PODS.items():
        for pod, most in pods.items():
            begin = NOW - 20 if pod == "c" else 0
            for feature in BINS:
                for name in bins(feature):
                    steps = []
                    for hour in range(begin, HOURS):
                        weight = 1 + (len(name) * (hour // 24) + ord(name[-2])) % 4
                        steps.append(0 if name == "never" else rng.randint(0, most) * weight)
                    counters[version, pod, feature, name] = Counter(steps, begin)
    return counters


@pytest.fixture
def rng() -> random.Random:
    return random.Random(11)


def labels_of(version: str, feature: str, **more: str) -> dict[str, str]:
    return {**MODEL, "model_version": version, **REFERENCE, "feature_name": feature, **more}


def scenario_of(
    folder: Path, counters: dict[tuple[str, str, str, str], Counter], reference: dict[str, Total]
) -> Scenario:
    scenario = Scenario(folder, overdispersion=OVERDISPERSION)
    for version, pods in PODS.items():
        for pod in pods:
            target = {"job": "model", "pod": pod, "instance": f"{pod}:9465"}
            for feature, counts in reference.items():
                for name, count in counts.items():
                    labels = labels_of(version, feature, bin=name, **target)
                    scenario.add("model_feature_reference_bin", labels, f"{count}x{HOURS * 12}")
                    scenario.add("model_feature_bin_total", labels, counters[version, pod, feature, name].spelt)
    return scenario


class Fleet:
    """The counts that are expected."""

    def __init__(self, counters: dict[tuple[str, str, str, str], Counter]) -> None:
        self._counters = counters

    def counted(self, version: str, feature: str, hours: int, ago: int = 0, pod: str = "") -> dict[str, float]:
        """Count over the hours before NOW - ago, over all pods or one."""
        end = NOW - ago
        of_pods = [
            {name: self._counters[version, each, feature, name] for name in bins(feature)}
            for each in PODS[version]
            if pod in ("", each)
        ]
        return {
            name: float(sum(of[name].at(end) - of[name].at(end - hours) for of in of_pods)) for name in bins(feature)
        }


def test_every_rule_records_what_plain_loops_say(tmp_path: Path, rng: random.Random) -> None:
    counters = random_counters(rng)
    reference = {
        feature: Total({name: 0 if name == "never" else rng.randint(0, 300) for name in bins(feature)})
        for feature in BINS
    }
    scenario, fleet = scenario_of(tmp_path, counters, reference), Fleet(counters)
    for window, hours in {"1h": 1, "24h": 24}.items():
        for version in PODS:
            for feature in BINS:
                now = fleet.counted(version, feature, hours)
                against_reference(scenario, labels_of(version, feature), window, now, reference[feature])
        against_main_version(scenario, fleet, window, hours)
    against_other_instances(scenario, fleet)
    assert scenario.checked == rule_names() - compared_with_earlier()
    scenario.run()


def compared_with_earlier() -> set[str]:
    return {name for name in rule_names() if any(earlier in name for earlier in EARLIER)}


def test_every_comparison_with_an_earlier_day_is_what_plain_loops_say(tmp_path: Path, rng: random.Random) -> None:
    scenario = Scenario(tmp_path, DRIFT_FILES[:3], scrapes=60, overdispersion=OVERDISPERSION)
    for feature in BINS:
        # Shares move from day to day.
        hours = [
            {
                name: 0 if name == "never" else rng.randint(0, 900) * (1 + (len(name) * (hour // 24)) % 4)
                for name in bins(feature)
            }
            for hour in range(HOURS_OF_WEEKS)
        ]
        for name in bins(feature):
            values = " ".join(str(hour[name]) for hour in hours)
            scenario.add(COUNTED, {**VERSION, **REFERENCE, "feature_name": feature, "bin": name}, values)
        for window, length in {"1h": 1, "24h": 24}.items():
            now, *then = (
                {name: float(sum(hour[name] for hour in hours[end + 1 - length : end + 1])) for name in bins(feature)}
                for end in (LATER, *(LATER - ago for ago in EARLIER.values()))
            )
            for name, before in zip(EARLIER, then, strict=True):
                compared(
                    scenario,
                    {**VERSION, **REFERENCE, "feature_name": feature},
                    name,
                    window,
                    drift(now, before),
                    at=LATER,
                )
    assert scenario.checked == compared_with_earlier()
    scenario.run()


def against_main_version(scenario: Scenario, fleet: Fleet, window: str, hours: int) -> None:
    main = f"model_version:model_main_version:increase{window}"
    most = max(sum(fleet.counted("3", feature, hours).values()) for feature in BINS)
    scenario.expect(NOW, main, {**MODEL, "model_version": "3"}, most)
    scenario.expect_nothing(NOW, main, {**MODEL, "model_version": "4"})
    for feature in BINS:
        of_main = fleet.counted("3", feature, hours)
        expected = drift(fleet.counted("4", feature, hours), of_main)
        compared(scenario, labels_of("4", feature), "main_version", window, expected)
        psi = f"model_version_feature:model_feature_drift_psi_main_version:increase{window}"
        scenario.expect_nothing(NOW, psi, labels_of("3", feature))
        name = f"model_feature_bin_main_version:increase{window}"
        scenario.expect(NOW, f"model_version_feature:{name}", labels_of("4", feature), sum(of_main.values()))
        for each, count in of_main.items():
            scenario.expect(NOW, f"model_version_feature_bin:{name}", labels_of("4", feature, bin=each), count)


def against_other_instances(scenario: Scenario, fleet: Fleet) -> None:
    level = "instance_model_version_feature"
    for pod in PODS["3"]:
        for feature in BINS:
            at_pod, of_all = fleet.counted("3", feature, 1, pod=pod), fleet.counted("3", feature, 1)
            others = {name: of_all[name] - at_pod[name] for name in of_all}
            of_pod = {"pod": pod, "instance": f"{pod}:9465"}
            labels = labels_of("3", feature, **of_pod)
            compared(scenario, labels, "other_instances", "1h", drift(at_pod, others), level)
            scenario.expect(NOW, f"{level}:model_feature_bin:increase1h", labels, sum(at_pod.values()))
            for name, count in at_pod.items():
                labels = labels_of("3", feature, bin=name, **of_pod)
                scenario.expect(NOW, f"{level}_bin:model_feature_bin:increase1h", labels, count)
    # Alone, a pod has no others.
    scenario.expect_nothing(NOW, f"{level}:model_feature_drift_psi_other_instances:increase1h", {"pod": "d"})


def compared(
    scenario: Scenario,
    labels: dict[str, str],
    name: str,
    window: str,
    expected: Drift,
    level: str = "model_version_feature",
    at: int = NOW,
) -> None:
    scenario.expect(at, f"{level}:model_feature_bin_used_{name}:increase{window}", labels, expected.used)
    scenario.expect(at, f"{level}:model_feature_drift_psi_{name}:increase{window}", labels, expected.psi)
    critical = f"{level}:model_feature_drift_psi_{name}_critical:increase{window}"
    scenario.expect(at, critical, labels, expected.critical, relative=0.003)


def against_reference(
    scenario: Scenario, labels: dict[str, str], window: str, now: dict[str, float], reference: dict[str, float]
) -> None:
    expected = drift(now, reference)
    level = "model_version_feature"
    values = {
        "bin": expected.n,
        "bin_used": expected.used,
        "drift_enough": 1,
        "drift_psi": expected.psi,
        "drift_chi2": expected.chi2,
        "drift_effect": expected.effect,
        "drift_g": expected.g,
        "drift_level": expected.level(),
        **({} if math.isnan(expected.ks) else {"drift_ks": expected.ks}),
    }
    for name, value in values.items():
        scenario.expect(NOW, f"{level}:model_feature_{name}:increase{window}", labels, value)
    critical = f"{level}:model_feature_drift_psi_critical:increase{window}"
    scenario.expect(NOW, critical, labels, expected.critical, relative=0.003)
    for limit, psi in (("limit", 0.25), ("moderate_limit", 0.1)):
        ratio = f"{level}:model_feature_drift_effect_per_{limit}:ratio_increase{window}"
        scenario.expect(NOW, ratio, labels, expected.effect / psi)
    ratio = f"{level}:model_feature_drift_g_per_critical:ratio_increase{window}"
    scenario.expect(NOW, ratio, labels, expected.g / expected.g_critical, relative=0.02)
    scenario.expect(NOW, f"{level}:model_feature_reference_bin:sum", labels, expected.m)
    for name, count in now.items():
        scenario.expect(NOW, f"{level}_bin:model_feature_bin:increase{window}", {**labels, "bin": name}, count)
        scenario.expect(NOW, f"{level}_bin:model_feature_reference_bin:max", {**labels, "bin": name}, reference[name])
    numbers = sorted(name for name in now if ":" in name)
    within = 0.0
    for number, name in enumerate(numbers):
        share, share_before = (side[name] / sum(side[each] for each in numbers) for side in (now, reference))
        within = share - share_before + (within if number % 10 else 0.0)
        ten = {"ten": name[0]} if name[1].isdigit() else {}
        differences = f"model_feature_bin_share_difference:increase{window}"
        scenario.expect(NOW, f"{level}_bin:{differences}", {**labels, "bin": name, **ten}, share - share_before)
        edge = f"{level}_edge:{differences.replace('increase', 'sum_increase')}"
        scenario.expect(NOW, edge, {**labels, **ten, "unit": str(number % 10)}, within)


def small(folder: Path, pods: dict[str, dict[str, str]], ids: dict[str, tuple[str, str]]) -> Scenario:
    """Return a version's pods, with each one's values of two bins and its reference's id while it is up."""
    scenario = Scenario(folder, ("feature-drift",))
    for pod, counts in pods.items():
        target = {"instance": f"{pod}:9465"}
        reference_id, up = ids[pod]
        for name, values in counts.items():
            labels = {**AGE, **target, "reference_id": reference_id, "bin": name}
            scenario.add("model_feature_bin_total", labels, values)
            scenario.add("model_feature_reference_bin", labels, up.replace("1x", "500x"))
    return scenario


def one_pod(
    folder: Path, features: Mapping[str, Mapping[str, str]], scrapes: int, files: tuple[str, ...] = ("feature-drift",)
) -> Scenario:
    """Return a version's only pod, with the values of the bins of its features for so many scrapes."""
    scenario = Scenario(folder, files)
    for feature, counts in features.items():
        for name, values in counts.items():
            labels = {**VERSION, **REFERENCE, "instance": "a:9465", "feature_name": feature, "bin": name}
            scenario.add("model_feature_bin_total", labels, values)
            scenario.add("model_feature_reference_bin", labels, f"500x{scrapes}")
    return scenario


def test_counts_are_those_of_all_pods_within_a_percent_while_pods_come_and_go(tmp_path: Path) -> None:
    always = {"b": "0x180"}
    pods = {
        "stays": {"a": "7+3x180", **always},
        "comes": {"a": "_x135 0+5x45", **always},
        "goes": {"a": "100+4x135", **always},
        "comes in the middle of its count": {"a": "_x150 1000000+2x30", **always},
    }
    scenario = small(tmp_path, pods, dict.fromkeys(pods, ("r1", "1x180")))
    scenario.scrapes = 1
    # From sample 120 to sample 180.
    scenario.expect(3, COUNTED, {**AGE, "bin": "a"}, 3 * 60 + 5 * 45 + 4 * 15 + 2 * 30, relative=0.01)
    scenario.expect(3, COUNTED, {**AGE, "bin": "b"}, 0)
    scenario.run()


def test_what_follows_a_reset_is_counted_from_zero(tmp_path: Path) -> None:
    pods = {"a": {"a": "1000+3x28 3+3x7", "b": "0x36"}, "b": {"a": "50+2x36", "b": "0x36"}}
    scenario = small(tmp_path, pods, dict.fromkeys(pods, ("r1", "1x36")))
    scenario.expect(3, COUNTED, {**AGE, "bin": "a"}, 12 * 3 + 12 * 2)
    scenario.run()


def test_what_comes_while_scrapes_fail_is_counted_when_they_work_again(tmp_path: Path) -> None:
    pods = {"a": {"a": "0+3x150 stale _x2 462+3x26", "b": "0x150 stale _x2 0x26"}}
    scenario = small(tmp_path, pods, {"a": ("r1", "1x180")})
    scenario.scrapes = 1
    scenario.expect(3, COUNTED, {**AGE, "bin": "a"}, 60 * 3)
    scenario.run()


def test_pods_of_different_references_are_added_up_separately(tmp_path: Path) -> None:
    new = {"a": "_x24 0+30x48", "b": "_x24 0+60x48"}
    pods = {"old": {"a": "0+60x30", "b": "0+30x30"}, "new": new, "new too": new}
    ids = {"old": ("r1", "1x30"), "new": ("r2", "_x24 1x48"), "new too": ("r2", "_x24 1x48")}
    scenario = small(tmp_path, pods, ids)
    old, new_ones = AGE, {**AGE, "reference_id": "r2"}
    reference = {"a": 500, "b": 500}
    scenario.expect(2, DRIFT, old, drift({"a": 720, "b": 360}, reference).psi)
    scenario.expect_nothing(2, DRIFT, new_ones)
    # The old pod has gone, and with it its reference.
    scenario.expect(3, DRIFT, new_ones, drift({"a": 720, "b": 1440}, reference).psi)
    scenario.expect_nothing(3, DRIFT, old)
    scenario.expect(3, COUNTED, {**new_ones, "bin": "a"}, 720)
    scenario.expect_nothing(4, COUNTED, {**old, "bin": "a"})
    scenario.run()


def test_with_too_few_values_there_is_no_drift_and_a_series_that_says_so(tmp_path: Path) -> None:
    steps = {"enough": 2, "too few": 1}
    features = {feature: {"a": f"0+{step}x24", "b": "0x24"} for feature, step in steps.items()}
    scenario = one_pod(tmp_path, features, 24)
    enough, too_few = ({**VERSION, **REFERENCE, "feature_name": feature} for feature in steps)
    scenario.expect(2, ENOUGH, enough, 1)
    scenario.expect(2, DRIFT, enough, drift({"a": 24}, {"a": 500, "b": 500}).psi)
    scenario.expect(2, ENOUGH, too_few, 0)
    scenario.expect_nothing(2, DRIFT, too_few)
    scenario.run()


def test_other_bins_than_yesterday_are_not_compared(tmp_path: Path) -> None:
    length, noon = 12 * 26, 12 * 12
    always, until_noon, since_noon = f"0+30x{length}", f"0+30x{noon}", f"_x{noon} 0+30x{length - noon}"
    features = {
        "the same": {"a": always, "b": always},
        "another": {"a": always, "b": until_noon, "c": since_noon},
        "one less": {"a": always, "b": until_noon},
        "one more": {"a": always, "c": since_noon},
    }
    scenario = one_pod(tmp_path, features, length, ("feature-drift", "feature-drift-comparisons"))
    psi = "model_version_feature:model_feature_drift_psi_yesterday:increase1h"
    for feature in features:
        labels = {**VERSION, **REFERENCE, "feature_name": feature}
        scenario.expect(26, COUNTED, {**labels, "bin": "a"}, 360)
        if feature == "the same":
            scenario.expect(26, psi, labels, 0)
        else:
            scenario.expect_nothing(26, psi, labels)
    scenario.run()


def test_ks_is_that_of_a_loop_for_any_number_of_bins(tmp_path: Path, rng: random.Random) -> None:
    features, expected = {}, {}
    for number in (2, 3, 9, 10, 11, 20, 21, 57, 99, 100):
        names = bin_labels(numeric([float(edge) for edge in range(number - 1)]))
        steps = {name: rng.randint(0, 9) for name in names}
        steps[names[0]] += 1
        features[f"of {number}"] = {name: f"0+{10 * step}x12" for name, step in steps.items()}
        counts = {name: 120 * step for name, step in steps.items()}
        expected[f"of {number}"] = drift(counts, dict.fromkeys(names, 500)).ks
    scenario = one_pod(tmp_path, features, 12)
    for feature, ks in expected.items():
        name = "model_version_feature:model_feature_drift_ks:increase1h"
        scenario.expect(1, name, {**VERSION, **REFERENCE, "feature_name": feature}, ks)
    scenario.run()


def test_the_critical_value_is_within_what_is_said_of_scipy_s(tmp_path: Path) -> None:
    all_degrees = (1, 2, 3, 5, 11, 30, 101)
    features = {f"of {degrees}": {str(at): "0+9x12" for at in range(degrees + 1)} for degrees in all_degrees}
    scenario = one_pod(tmp_path, features, 12)
    for degrees in all_degrees:
        n, m = 108 * (degrees + 1), 500 * (degrees + 1)
        expected = chi2.isf(0.01, degrees) * (1 / n + 1 / m)
        name = "model_version_feature:model_feature_drift_psi_critical:increase1h"
        labels = {**VERSION, **REFERENCE, "feature_name": f"of {degrees}"}
        scenario.expect(1, name, labels, expected, relative=0.008 if degrees == 1 else 0.003)
    scenario.run()


def test_the_critical_value_of_g_is_that_of_a_thousand_features_or_stricter() -> None:
    for freedom in range(1, 102):
        exact = chi2.isf(3e-6 / 1000, freedom)
        assert exact * 0.99 <= wilson_hilferty(5.8, freedom) <= exact * 1.25
