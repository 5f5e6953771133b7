"""Findings: what needs attention, according to the limits that alerts compare with."""

import math
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from exporter.counted import counted
from exporter.status.model import ModelStatus
from exporter.status.operation import CheckpointStatus, SourceStatus
from exporter.status.variables import VariableStatus

CRITICAL, WARNING = "critical", "warning"
MOST_NAMES = 3
LAG_SECONDS = 60.0


class Finding(msgspec.Struct, frozen=True):
    """Something that needs attention. `check` names what was checked; `severity` is critical or warning."""

    severity: str
    check: str
    text: str


def of_model(
    model: ModelStatus, thresholds: Mapping[str, float], window: str, *, had_requests: bool
) -> Iterator[Finding]:
    """Yield the findings about a model, the worst first."""
    serving = model.serving
    if not serving.predictions and had_requests:
        yield Finding(CRITICAL, "traffic", f"No predictions in the last {window}.")
    limit = thresholds.get("error_ratio", math.inf)
    if serving.error_ratio > limit:
        text = f"{serving.error_ratio:.1%} of requests failed; the limit is {limit:.1%}."
        yield Finding(CRITICAL, "error_ratio", text)
    p99, limit = serving.latency_seconds.get("0.99", math.nan), thresholds.get("latency_p99_seconds", math.inf)
    if p99 > limit:
        text = f"The 99th percentile of latency is {p99 * 1000:.3g} ms; the limit is {limit * 1000:.3g} ms."
        yield Finding(CRITICAL, "latency_p99_seconds", text)
    yield from _of_performance(model, thresholds)
    yield from _of_features(model)


def _of_performance(model: ModelStatus, thresholds: Mapping[str, float]) -> Iterator[Finding]:
    if model.performance is None:
        return
    accuracy, least = model.performance.figures.get("accuracy", math.nan), thresholds.get("accuracy", -math.inf)
    if accuracy < least:
        yield Finding(CRITICAL, "accuracy", f"Accuracy is {accuracy:.1%}; the limit is {least:.1%}.")
    if model.performance.degraded:
        text = f"Below the baseline by more than chance: {', '.join(model.performance.degraded)}."
        yield Finding(WARNING, "performance", text)
    if model.performance.concept_drift:
        yield Finding(WARNING, "concept_drift", "The rate of wrong predictions has risen.")


def _of_features(model: ModelStatus) -> Iterator[Finding]:
    drifted = [each for each in model.features if each.drifted and each.expected_until is None]
    for check, severity, one, many, found in (
        ("absent", CRITICAL, "is absent", "are absent", [each for each in model.features if each.absent]),
        ("stuck", WARNING, "is stuck at one value", "are stuck at one value", [e for e in model.features if e.stuck]),
        ("drift", WARNING, "has drifted", "have drifted", drifted),
    ):
        if found:
            what = counted(len(found), f"feature {one}", f"features {many}")
            yield Finding(severity, f"feature_{check}", f"{what}: {_names(found)}.")
    for output in model.outputs:
        if output.drifted:
            text = f"The {output.name} has drifted from the reference: PSI {output.psi:.2f}."
            yield Finding(WARNING, f"{output.name}_drift", text)
    if model.quality and model.quality.unknown_features:
        unknown = counted(model.quality.unknown_features, "feature that is", "features that are")
        yield Finding(WARNING, "unknown_features", f"Records contain {unknown} not in the reference.")


def of_operation(sources: Iterable[SourceStatus], checkpoint: CheckpointStatus) -> Iterator[Finding]:
    """Yield the findings about the exporter itself."""
    if checkpoint.problem:
        text = f"{checkpoint.problem}. This page shows the last saved state."
        yield Finding(CRITICAL, "checkpoint", text[0].upper() + text[1:])
    for source in sources:
        if source.failing_files:
            text = f"{source.name}: {counted(source.failing_files, 'file', 'files')} cannot be opened or read."
            yield Finding(CRITICAL, "source", text)
        if source.lag_seconds > LAG_SECONDS:
            yield Finding(WARNING, "source", f"{source.name}: reading is {source.lag_seconds:.0f} seconds behind.")
        if source.gaps:
            gone = counted(source.gaps, "file was gone before it was", "files were gone before they were")
            yield Finding(WARNING, "source", f"{source.name}: {gone} read to the end.")


def _names(found: list[VariableStatus]) -> str:
    names = ", ".join(feature.name for feature in found[:MOST_NAMES])
    more = len(found) - MOST_NAMES
    return f"{names} and {more} more" if more > 0 else names
