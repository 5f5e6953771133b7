"""What keeps alerts quiet: few values, a new version, broken data, a name from a log; and what owners set."""

import re
from pathlib import Path

import pytest

from exporter.configuration.thresholds import MEANINGS
from tests.alerts.cases_drift import bins, even, reference
from tests.alerts.cases_quality import failing
from tests.alerts.rule_files import ALERTS, RECORDINGS
from tests.alerts.timeline import HEALTHY, STEP, VERSION, Case, Level, Series, firing, of, run, thresholds

pytestmark = pytest.mark.servers

DRIFTING = bins({"age": (50, 10)})
LIMIT = "model_version_metric:model_threshold:max"
LIMIT_READ = re.compile(rf'{LIMIT}{{metric="(\w+)"}}')


def fires(folder: Path, case: Case, *expected: str) -> None:
    wrong = run(folder, case, {"promql_expr_test": [firing(case.begins + case.fires, expected)]})
    assert not wrong, wrong


def case(healthy: Series, fault: Series, *, begins: int = 80, fires: int = 80) -> Case:
    return Case("", fault, {}, "", "", healthy=healthy, begins=begins, fires=fires, resolves=STEP)


def test_drift_of_fewer_than_fifty_values_does_not_alert(tmp_path: Path) -> None:
    # 45 values in the hour, of one bin alone: beyond chance.
    few = even("age") | bins({"age": (0.75, 0.75)})
    fires(tmp_path, case(few, bins({"age": (0.75, 0.0)})))
    fires(tmp_path, case(few, bins({"age": (1.0, 0.0)})), "ModelFeatureDrift")


def test_dependent_records_count_as_fewer(tmp_path: Path) -> None:
    few = even("age") | bins({"age": (2.0, 2.0)})
    alike = {of("model_drift_overdispersion"): Level(10)}
    fires(tmp_path, case(few | alike, bins({"age": (4.0, 0.0)})))
    fires(tmp_path, case(few, bins({"age": (4.0, 0.0)})), "ModelFeatureDrift")


def test_a_single_pod_s_level_is_that_of_its_sidecar(tmp_path: Path) -> None:
    age = 'feature_name="age",window="1h"'
    healthy = reference("age") | bins({"age": (30, 30)})
    gauges = {of("model_feature_drift_psi", age): Level(0.06), of("model_feature_drift_level", age): Level(2)}
    fires(tmp_path, case(healthy, DRIFTING))
    fires(tmp_path, case(healthy | {name: Level(0) for name in gauges}, gauges), "ModelFeatureDrift")


def test_an_expected_change_does_not_alert_until_its_day(tmp_path: Path) -> None:
    name = of("model_feature_drift_expected_until_timestamp_seconds", 'feature_name="age"')
    fires(tmp_path, case(even("age") | {name: Level(86400)}, DRIFTING))
    fires(tmp_path, case(even("age") | {name: Level(5000)}, DRIFTING), "ModelFeatureDrift")
    other = name.replace("age", "income")
    fires(tmp_path, case(even("age") | {other: Level(86400)}, DRIFTING), "ModelFeatureDrift")


def test_a_feature_may_have_a_limit_of_its_own(tmp_path: Path) -> None:
    own = of("model_feature_threshold", 'feature_name="age",metric="feature_drift_psi"')
    drifting = bins({"age": (50, 10), "income": (50, 10)})
    fires(tmp_path, case(even("age") | {own: Level(0.6)}, DRIFTING))
    fires(
        tmp_path,
        case(even("age", "income", "city", "size", "d", "e", "f") | {own: Level(0.6)}, drifting),
        "ModelFeatureDrift",
    )


def test_a_new_version_is_not_told_of_drift_until_its_window_is_full(tmp_path: Path) -> None:
    new = {name.replace('"3"', '"4"'): shape for name, shape in {**HEALTHY, **even("age"), **DRIFTING}.items()}
    silent = {name: shape for name, shape in new.items() if "model_version" in name}
    # It comes after 80 minutes; an hour later it is known, and told a quarter of an hour after that.
    fires(tmp_path, case(even("age"), silent, fires=60))
    fires(tmp_path, case(even("age"), silent, fires=88), "ModelFeatureDrift")


def test_the_drift_of_broken_values_is_told_as_broken_alone_and_another_feature_s_beside_it(tmp_path: Path) -> None:
    healthy = even("age", "income", "city", "size") | failing("missing", age=0)
    broken = DRIFTING | failing("missing", age=30)
    fires(tmp_path, case(healthy, broken), "ModelFeatureMissing")
    fires(tmp_path, case(healthy, broken | bins({"income": (50, 10)})), "ModelFeatureMissing", "ModelFeatureDrift")


def test_a_model_s_owner_may_set_its_limit(tmp_path: Path) -> None:
    fires(tmp_path, case(even("age") | thresholds(feature_drift_psi=0.6), DRIFTING))
    fires(tmp_path, case(even("age") | thresholds(feature_drift_psi=0.5), DRIFTING), "ModelFeatureDrift")


def test_drift_is_told_by_the_pods_where_bins_are_not_exported(tmp_path: Path) -> None:
    age = 'feature_name="age",window="1h"'
    gauges = {of("model_feature_drift_psi", age): Level(0.4), of("model_feature_drift_level", age): Level(2)}
    fires(tmp_path, case({name: Level(0) for name in gauges}, gauges), "ModelFeatureDrift")


def test_many_drifted_features_are_many_too_if_only_a_day_has_enough_records(tmp_path: Path) -> None:
    gauges = [
        of(name, f'feature_name="{feature}",window="24h"')
        for name in ("model_feature_drift_psi", "model_feature_drift_level")
        for feature in ("age", "income", "city")
    ]
    drifted = case(dict.fromkeys(gauges, Level(0)), dict.fromkeys(gauges, Level(2)), begins=1500)
    fires(tmp_path, drifted, "ModelDriftWidespread")


def test_one_pod_of_three_that_says_so_by_chance_is_not_told(tmp_path: Path) -> None:
    hour = 'window="1h"'
    pods = [f'job="model",pod="{pod}",instance="{pod}:9465"' for pod in ("a", "c", "d")]
    healthy = {of("model_prediction_drifted", hour, pod=pod): Level(0) for pod in pods}
    fires(tmp_path, case(healthy, {of("model_prediction_drifted", hour, pod=pods[0]): Level(1)}))
    two = {of("model_prediction_drifted", hour, pod=pod): Level(1) for pod in pods[:2]}
    fires(tmp_path, case(healthy, two), "ModelPredictionDrift")


def test_a_name_of_a_log_cannot_become_a_query_or_a_template(tmp_path: Path) -> None:
    name = 'x\\"} or vector(1) #{{ .Value }}'
    odd = VERSION.replace('"3"', f'"{name}"')
    healthy, fault = (
        {one.replace(VERSION, odd): shape for one, shape in series.items()}
        for series in ({**HEALTHY, **even("age")}, DRIFTING)
    )
    label = 'x"} or vector(1) #{{ .Value }}'
    alert = {
        "eval_time": "160m",
        "alertname": "ModelFeatureDrift",
        "exp_alerts": [
            {
                "exp_labels": {
                    "namespace": "prod",
                    "model_name": "credit",
                    "model_version": label,
                    "severity": "warning",
                    "theme": "drift",
                    "ruleset": "prediction-exporter",
                },
                "exp_annotations": {
                    "summary": "Feature age has drifted.",
                    "description": f"Inputs of credit, version {label}, have moved away from the reference by more "
                    "than chance explains. PSI by feature (limit 0.25): age 0.54. First see which bins have grown, and "
                    "ask where the feature comes from.",
                    "runbook_url": "https://github.com/prediction-exporter/prediction-exporter/blob/main/alerts/runbooks/"
                    "ModelFeatureDrift.md",
                    "dashboard_url": "http://localhost:3000/d/prediction-exporter-drift?var-model_name=credit&"
                    "var-model_version=x%22%7D+or+vector%281%29+%23%7B%7B+.Value+%7D%7D&var-namespace=prod",
                },
            }
        ],
    }
    wrong = run(tmp_path, case(healthy, fault), {"alert_rule_test": [alert]})
    assert not wrong, wrong


def test_every_limit_of_a_rule_can_be_set_in_a_sidecar() -> None:
    defaults = {*re.findall(r'"metric", "(\w+)"', RECORDINGS[LIMIT]["expr"])}
    read = {metric for rule in (*ALERTS.values(), *RECORDINGS.values()) for metric in LIMIT_READ.findall(rule["expr"])}
    assert {"feature_drift_psi", "slo_latency"} <= read
    assert read <= defaults
    assert defaults <= MEANINGS.keys()
