"""What is recorded for dashboards, by promtool: the sums over a pod's features."""

from pathlib import Path

import pytest

from tests.alerts.promtool import Scenario

pytestmark = pytest.mark.servers

VERSION = {"namespace": "prod", "model_name": "credit", "model_version": "3"}
HOUR = 2
# Values that fail between two scrapes, by check, of two features.
FAILED = {"a": {"missing": (3, 4), "wrong_type": (0, 5)}, "b": {"missing": (1, 1), "wrong_type": (0, 0)}}


def test_failed_checks_of_each_pod_are_those_of_all_its_features(tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, minutes=1, scrapes=1)
    for pod, failed in FAILED.items():
        target = {**VERSION, "job": "model", "pod": pod, "instance": f"{pod}:9465"}
        for index, feature in enumerate(("age", "income")):
            for check, steps in failed.items():
                labels = {**target, "feature_name": feature, "check": check}
                scenario.add("model_feature_quality_total", labels, f"0+{steps[index]}x{(HOUR + 1) * 60}")
        for check, steps in failed.items():
            name = "instance_model_version_check:model_feature_quality:rate5m"
            scenario.expect(HOUR, name, {**target, "check": check}, sum(steps) / 60)
    scenario.run()
