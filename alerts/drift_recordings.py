"""Which pods and attributions have drifted: large, and beyond chance."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.limits import over
from alerts.models import BEYOND_CHANCE, ENOUGH, where_known_since
from alerts.promql import FEATURE, VERSION, by
from alerts.rules import Recording

DRIFTED_INSTANCES = "instance_model_version:model_feature_drift_psi_other_instances:max"
DRIFTED_ATTRIBUTIONS = "model_version_feature:model_attribution_drift_psi:drifted"


def recordings() -> Iterator[Recording]:
    instances = "instance_model_version_feature:model_feature_drift_psi_other_instances"
    of_pod = "instance_model_version_feature:model_feature_bin:increase1h"
    pod = (*VERSION, "pod", "instance")
    drifted = (
        f"{instances}:increase1h\nand {of_pod} >= {ENOUGH}\n"
        f"and {instances}:increase1h > {BEYOND_CHANCE} * {instances}_critical:increase1h"
    )
    yield Recording(
        DRIFTED_INSTANCES,
        f"max by ({by(pod)}) (\n{over(f'({chr(10)}{drifted}{chr(10)})', 'feature_drift_psi')}\n)",
        "The greatest PSI of a pod against all others of its version, of the pods that differ beyond chance.",
    )
    attribution = 'model_attribution_drift_psi{window="1h"}'
    critical = 'model_attribution_drift_psi_critical{window="1h"}'
    judged = f"avg by ({by(FEATURE)}) ({attribution} > bool {BEYOND_CHANCE} * {critical}) >= 0.5"
    median = f"(\nquantile by ({by(FEATURE)}) (0.5, {attribution})\nand {judged}\n{where_known_since('1h')}\n)"
    yield Recording(
        DRIFTED_ATTRIBUTIONS,
        over(median, "attribution_drift_psi"),
        "PSI of the attributions that have drifted: over the limit and beyond chance at half of the pods.",
    )
