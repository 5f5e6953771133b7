"""One pod against the others of its version."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from alerts import promql
from alerts.feature_series import references
from alerts.promql import BIN, FEATURE, INSTANCE, by
from alerts.rules import Group, Recording, RuleFile

LIMIT = 500_000
COUNTS = "instance_model_version_feature_bin:model_feature_bin:increase1h"
SIZE = "instance_model_version_feature:model_feature_bin:increase1h"
USED = "instance_model_version_feature:model_feature_bin_used_other_instances:increase1h"
PSI = "instance_model_version_feature:model_feature_drift_psi_other_instances:increase1h"
PSI_CRITICAL = "instance_model_version_feature:model_feature_drift_psi_other_instances_critical:increase1h"


def file() -> RuleFile:
    return RuleFile(
        "feature-drift-instances",
        "feature_drift_instances",
        "How far each feature at one pod is from the same at all other pods of its version. Needs "
        "feature-drift.yaml, and costs more than it, for it records the counts of each pod.",
        (Group("model-feature-drift-instances", tuple(_rules()), LIMIT, "4m"),),
    )


def _rules() -> Iterator[Recording]:
    of_pod = (*FEATURE, *INSTANCE)
    others = f"(sum by ({by(BIN)}) ({COUNTS}) - on ({by(BIN)}) group_right() {COUNTS})"
    m = f"(sum by ({by(FEATURE)}) ({SIZE}) - on ({by(FEATURE)}) group_right() {SIZE})"
    counted = indent(promql.counted("1h"), "  ")
    yield Recording(
        COUNTS,
        f"sum by ({by((*BIN, *INSTANCE))}) (\n{counted}\n)\n{promql.where_one(references('1h'))}",
        "Values in each bin at each pod in the last hour; nothing where pods had different references.",
    )
    yield Recording(SIZE, f"sum by ({by(of_pod)}) ({COUNTS})", "Values at the pod, n.")
    yield Recording(
        USED, promql.used_bins(COUNTS, others, of_pod), "Bins that are not empty both there and at all others."
    )
    yield Recording(
        PSI,
        f"{promql.psi(COUNTS, others, SIZE, m, USED, of_pod)}\n"
        f"and {promql.enough(SIZE, USED)}\nand {promql.enough(m, USED)}",
        "PSI of the pod's values against those of all other pods.",
    )
    yield Recording(
        PSI_CRITICAL,
        promql.psi_critical(SIZE, m, USED),
        "What it exceeds by chance once in 100.",
    )
