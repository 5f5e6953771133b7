"""What dashboards ask over hours, recorded once a minute: so that a hundred pods are shown at once.

A chart of hours reads every sample of every series that it adds up. Of what there is a series for each feature, bucket
or reason of each pod, that is millions; these rules leave a quarter of them, or one of each version.
"""

from __future__ import annotations

from collections.abc import Iterator

from alerts.promql import FEATURE, INSTANCE, VERSION, by
from alerts.rules import Group, Recording, RuleFile
from exporter.stats import SEGMENTS
from exporter.stats.variable_kind import FEATURES
from exporter.telemetry import PREFIX

SIDECAR = ("job", *INSTANCE)
POD = (*VERSION, *SIDECAR)
SEGMENT = ("segment", "segment_value")

# Of each pod: it may still be chosen.
FAILED_CHECKS = "instance_model_version_check:model_feature_quality:rate5m"
REQUESTS = "instance_model_version:model_requests:rate5m"
ERRORS = "instance_model_version:model_prediction_errors:rate5m"
LATENCY = "instance_model_version_le:model_prediction_latency_seconds_bucket:rate5m"
PSI = "instance_model_version_feature_window:model_feature_drift_psi:max"
LARGEST_PSI = "instance_model_version_window:model_feature_drift_psi:max"
REFUSED = "instance_source_reason:prediction_exporter_source_rejected_lines:rate5m"
# Of all pods together: segments are many as they are.
SEGMENT_CLASSES = "model_version_segment_class:model_segment_predictions:rate5m"
SEGMENT_REQUESTS = "model_version_segment:model_segment_requests:rate5m"
SEGMENT_ERRORS = "model_version_segment:model_segment_prediction_errors:rate5m"
SEGMENT_LATENCY = "model_version_segment_le:model_segment_prediction_latency_seconds_bucket:rate5m"
SEGMENT_PSI = "model_version_feature_segment_window:model_segment_feature_drift_psi:max"


def file() -> RuleFile:
    return RuleFile(
        "dashboards",
        "dashboards",
        "What dashboards ask over hours, recorded once a minute: so that a hundred pods are shown at once.",
        (
            Group("model-dashboards", (*_of_pods(),), 200_000, "1m"),
            segments(),
        ),
    )


def segments() -> Group:
    """Return the rules whose series have no job and no instance."""
    return Group("model-dashboards-segments", (*_of_segments(),), 200_000, "1m")


def _of_pods() -> Iterator[Recording]:
    yield Recording(
        FAILED_CHECKS,
        _sum((*POD, "check"), _rate(FEATURES.metric("quality_total"))),
        "Failed checks a second of a pod, all features together.",
    )
    predictions, errors = _rate("model_predictions_total"), _rate("model_prediction_errors_total")
    yield Recording(REQUESTS, _sum(POD, f"{predictions} or {errors}"), "Predictions and errors a second of a pod.")
    yield Recording(ERRORS, _sum(POD, errors), "Errors a second of a pod.")
    yield Recording(
        LATENCY,
        _sum((*POD, "le"), _rate("model_prediction_latency_seconds_bucket")),
        "Predictions a second of a pod that were as fast as each bucket's bound.",
    )
    yield Recording(
        PSI,
        f"max by ({by((*FEATURE, *SIDECAR, 'window'))}) ({FEATURES.metric('drift_psi')})",
        "The PSI of each feature, as each pod computes it.",
    )
    yield Recording(LARGEST_PSI, f"max by ({by((*POD, 'window'))}) ({PSI})", "The largest PSI of a pod's features.")
    yield Recording(
        REFUSED,
        _sum((*SIDECAR, "source", "reason"), _rate(f"{PREFIX}source_rejected_lines_total")) + " > 0",
        "Lines a second that a source refuses, by reason; nothing for reasons that there are none of.",
    )


def _of_segments() -> Iterator[Recording]:
    of_segment = (*VERSION, *SEGMENT)
    predictions = _rate(SEGMENTS.name("model_predictions_total"))
    errors = _rate(SEGMENTS.name("model_prediction_errors_total"))
    yield Recording(
        SEGMENT_CLASSES,
        _sum((*of_segment, "prediction_class"), predictions),
        "Predictions a second of a segment, by class.",
    )
    yield Recording(
        SEGMENT_REQUESTS,
        _sum(of_segment, f"{predictions} or {errors}"),
        "Predictions and errors a second of a segment.",
    )
    yield Recording(SEGMENT_ERRORS, _sum(of_segment, errors), "Errors a second of a segment.")
    yield Recording(
        SEGMENT_LATENCY,
        _sum((*of_segment, "le"), _rate(SEGMENTS.name("model_prediction_latency_seconds_bucket"))),
        "Predictions a second of a segment that were as fast as each bucket's bound.",
    )
    yield Recording(
        SEGMENT_PSI,
        f"max by ({by((*FEATURE, *SEGMENT, 'window'))}) ({SEGMENTS.name(FEATURES.metric('drift_psi'))})",
        "The PSI of each feature of a segment, of the pod where it is largest.",
    )


def _sum(labels: tuple[str, ...], expression: str) -> str:
    return f"sum by ({by(labels)}) ({expression})"


def _rate(counter: str) -> str:
    return f"rate({counter}[5m])"
