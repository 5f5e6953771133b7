"""What is recorded for dashboards, by promtool, against sums and maxima that are made here."""

from collections import Counter
from pathlib import Path

import pytest

from alerts.rule_files import recordings
from dashboards import metrics
from tests.alerts.promtool import Scenario, files_of

pytestmark = pytest.mark.servers

FILES = ("dashboards",)
VERSION = {"namespace": "prod", "model_name": "credit", "model_version": "3"}
PODS = ("a", "b")
HOUR = 2
MINUTES = (HOUR + 1) * 60


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return Scenario(tmp_path, FILES, minutes=1, scrapes=1)


def target(pod: str) -> dict[str, str]:
    return {**VERSION, "job": "model", "pod": pod, "instance": f"{pod}:9465"}


def count(scenario: Scenario, name: str, labels: dict[str, str], a_minute: int) -> None:
    scenario.add(name, labels, f"0+{a_minute}x{MINUTES}")


def gauge(scenario: Scenario, name: str, labels: dict[str, str], value: float) -> None:
    scenario.add(name, labels, f"{value}x{MINUTES}")


def test_failed_checks_of_each_pod_are_those_of_all_its_features(scenario: Scenario) -> None:
    failed = {"a": {"missing": (3, 4), "wrong_type": (0, 5)}, "b": {"missing": (1, 1), "wrong_type": (0, 0)}}
    for pod, checks in failed.items():
        for check, steps in checks.items():
            for feature, step in zip(("age", "income"), steps, strict=True):
                labels = {**target(pod), "feature_name": feature, "check": check}
                count(scenario, "model_feature_quality_total", labels, step)
            scenario.expect(HOUR, metrics.RECORDED_CHECKS, {**target(pod), "check": check}, sum(steps) / 60)
    scenario.run()


def test_requests_errors_and_latency_are_those_of_each_pod(scenario: Scenario) -> None:
    for number, pod in enumerate(PODS):
        served, failed = {"yes": 30 + number, "no": 10}, {"timeout": 2, "invalid": number}
        for label, steps in (("prediction_class", served), ("error_type", failed)):
            name = "model_predictions_total" if steps is served else "model_prediction_errors_total"
            for value, step in steps.items():
                count(scenario, name, {**target(pod), label: value}, step)
        for bound, step in (("0.1", 20), ("+Inf", 40 + number)):
            # Of whatever else a bucket is told apart by, the sum.
            for route in ("x", "y"):
                labels = {**target(pod), "le": bound, "route": route}
                count(scenario, "model_prediction_latency_seconds_bucket", labels, step)
            scenario.expect(HOUR, metrics.RECORDED_LATENCY, {**target(pod), "le": bound}, 2 * step / 60)
        requests = sum(served.values()) + sum(failed.values())
        scenario.expect(HOUR, metrics.RECORDED_REQUESTS, target(pod), requests / 60)
        scenario.expect(HOUR, metrics.RECORDED_ERRORS, target(pod), sum(failed.values()) / 60)
    # One that has never had an error, and one that has had nothing else.
    count(scenario, "model_predictions_total", {**target("well"), "prediction_class": "yes"}, 6)
    scenario.expect(HOUR, metrics.RECORDED_REQUESTS, target("well"), 0.1)
    scenario.expect_nothing(HOUR, metrics.RECORDED_ERRORS, target("well"))
    count(scenario, "model_prediction_errors_total", {**target("ill"), "error_type": "timeout"}, 6)
    scenario.expect(HOUR, metrics.RECORDED_REQUESTS, target("ill"), 0.1)
    scenario.run()


def test_psi_is_that_of_each_pod_and_window_and_the_largest_of_a_pod_is_of_all_its_features(scenario: Scenario) -> None:
    psi = {("a", "1h"): (0.1, 0.3), ("a", "24h"): (0.02, 0.01), ("b", "1h"): (0.5, 0.25)}
    for (pod, window), values in psi.items():
        labels = {**target(pod), "window": window}
        for feature, value in zip(("age", "income"), values, strict=True):
            gauge(scenario, "model_feature_drift_psi", {**labels, "feature_name": feature}, value)
            scenario.expect(HOUR, metrics.RECORDED_PSI, {**labels, "feature_name": feature}, value)
        scenario.expect(HOUR, metrics.RECORDED_LARGEST_PSI, labels, max(values))
    scenario.run()


def test_refused_lines_are_told_by_reason_and_only_where_there_are_some(scenario: Scenario) -> None:
    sidecar = {"job": "model", "pod": "a", "instance": "a:9465", "source": "/logs/*"}
    for reason, step in (("invalid_json", 6), ("oversize", 0)):
        labels = {**sidecar, "reason": reason}
        count(scenario, "prediction_exporter_source_rejected_lines_total", labels, step)
    scenario.expect(HOUR, metrics.RECORDED_REFUSED, {**sidecar, "reason": "invalid_json"}, 0.1)
    scenario.expect_nothing(HOUR, metrics.RECORDED_REFUSED, {**sidecar, "reason": "oversize"})
    scenario.run()


def test_segments_are_those_of_all_pods(scenario: Scenario) -> None:
    rates: Counter[tuple[str, str]] = Counter()
    psi: dict[tuple[str, str], float] = {}
    for number, pod in enumerate(PODS):
        for place, country in enumerate(("DE", "FR")):
            labels = {**target(pod), "segment": "country", "segment_value": country}
            for label, name, value, step in (
                ("prediction_class", "model_segment_predictions_total", "yes", 30 + 7 * number),
                ("prediction_class", "model_segment_predictions_total", "no", 5 + place),
                ("error_type", "model_segment_prediction_errors_total", "timeout", 1 + place + number),
                ("le", "model_segment_prediction_latency_seconds_bucket", "0.1", 12 + place),
            ):
                count(scenario, name, {**labels, label: value}, step)
                rates[country, value] += step
            value = 0.1 + 0.3 * number - 0.05 * place
            gauge(scenario, "model_segment_feature_drift_psi", {**labels, "feature_name": "age", "window": "1h"}, value)
            psi[country, "age"] = max(value, psi.get((country, "age"), 0))
    for country in ("DE", "FR"):
        labels = {**VERSION, "segment": "country", "segment_value": country}
        yes, no, failed = (rates[country, value] / 60 for value in ("yes", "no", "timeout"))
        scenario.expect(HOUR, metrics.RECORDED_SEGMENT_CLASSES, {**labels, "prediction_class": "yes"}, yes)
        scenario.expect(HOUR, metrics.RECORDED_SEGMENT_CLASSES, {**labels, "prediction_class": "no"}, no)
        scenario.expect(HOUR, metrics.RECORDED_SEGMENT_REQUESTS, labels, yes + no + failed)
        scenario.expect(HOUR, metrics.RECORDED_SEGMENT_ERRORS, labels, failed)
        scenario.expect(HOUR, metrics.RECORDED_SEGMENT_LATENCY, {**labels, "le": "0.1"}, rates[country, "0.1"] / 60)
        of_age = {**labels, "feature_name": "age", "window": "1h"}
        scenario.expect(HOUR, metrics.RECORDED_SEGMENT_PSI, of_age, psi[country, "age"])
    scenario.run()


def test_every_rule_is_tested_here() -> None:
    text = Path(__file__).read_text()
    names = {name: value for name, value in vars(metrics).items() if name.startswith("RECORDED_")}
    assert {*names.values()} == recordings(files_of(FILES)).keys()
    assert [name for name in names if f"metrics.{name}," not in text] == []
