"""What dashboards ask again and again, added up beforehand: of each pod, so that one may still be chosen."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.promql import INSTANCE, VERSION, by
from alerts.rules import Group, Recording, RuleFile
from exporter.subject import FEATURES

POD = (*VERSION, "job", *INSTANCE)
FAILED_CHECKS = "instance_model_version_check:model_feature_quality:rate5m"


def file() -> RuleFile:
    return RuleFile(
        "dashboards",
        "dashboards",
        "What dashboards ask of each pod, over all of its features: so that a hundred pods are shown at once.",
        (Group("model-dashboards", (*_recorded(),), 50_000, "30s"),),
    )


def _recorded() -> Iterator[Recording]:
    yield Recording(
        FAILED_CHECKS,
        f"sum by ({by((*POD, 'check'))}) (rate({FEATURES.metric('quality_total')}[5m]))",
        "Failed checks a second of a pod, all features together.",
    )
