"""Which features, pods and attributions have drifted: large, beyond chance, and not of broken data."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.feature_series import derived, size
from alerts.limits import over
from alerts.models import ENOUGH, where_known_since
from alerts.promql import FEATURE, VERSION, by
from alerts.quality import BROKEN
from alerts.rules import Recording

DRIFTED = "model_version_feature:model_feature_drift_psi:drifted"
DRIFTED_RATIO = "model_version:model_drifted_features_per_feature:ratio"
DRIFTED_INSTANCES = "instance_model_version:model_feature_drift_psi_other_instances:max"
DRIFTED_ATTRIBUTIONS = "model_version_feature:model_attribution_drift_psi:drifted"
# Twice what chance reaches once in a hundred, it reaches in fewer than three of 10,000; of ten bins, of a million.
BEYOND_CHANCE = 2


def recordings() -> Iterator[Recording]:
    hour, busy = size("1h"), f"max_over_time({size('1h')}[1d:10m]) >= {ENOUGH}"
    gauges = (
        f'quantile by ({by(FEATURE)}) (0.5, model_feature_drift_psi{{window="1h"}})\n'
        f'and avg by ({by(FEATURE)}) (model_feature_drifted{{window="1h"}}) >= 0.5\n'
        f"{where_known_since('1h')}\nunless {hour}"
    )
    found = (
        f"(\n{_certain('1h')}\n{where_known_since('1h')}\n)\n"
        f"or (\n{_certain('24h')}\n{where_known_since('24h')}\nunless {busy}\n)\n"
        f"or (\n{gauges}\n)"
    )
    yield Recording(
        DRIFTED,
        f"{over(f'({chr(10)}{found}{chr(10)})', 'feature_drift_psi')}\nunless on ({by(FEATURE)}) {BROKEN}",
        "PSI of the features that have drifted: over the limit, of at least 100 values, and twice what chance reaches "
        "once in a hundred. By the last hour, or by the last day where no hour has as many; by the pods' own verdicts "
        "where `exported_bins` leaves bins out. Not of a new version until its window is full, and not of a feature "
        "whose values are broken: that is an alert of its own.",
    )
    judged = f'{derived("drift_psi", "1h")} or max by ({by(FEATURE)}) (model_feature_drift_psi{{window="1h"}})'
    yield Recording(
        DRIFTED_RATIO,
        f"count by ({by(VERSION)}) ({DRIFTED})\n/ count by ({by(VERSION)}) ({judged})",
        "The share of features that have drifted.",
    )
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


def _certain(window: str) -> str:
    psi, n, critical = derived("drift_psi", window), size(window), derived("drift_psi_critical", window)
    return f"{psi}\nand {n} >= {ENOUGH}\nand {psi} > {BEYOND_CHANCE} * {critical}"
