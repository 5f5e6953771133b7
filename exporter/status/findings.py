"""Findings: what needs attention, according to the limits that alerts compare with."""

from __future__ import annotations

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


class Finding(msgspec.Struct, frozen=True, kw_only=True):
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
        yield Finding(severity=CRITICAL, check="traffic", text=f"No predictions in the last {window}.")
    if serving.error_ratio > thresholds.get("error_ratio", math.inf):
        limit = thresholds["error_ratio"]
        yield Finding(
            severity=CRITICAL,
            check="error_ratio",
            text=f"{serving.error_ratio:.1%} of requests failed; the limit is {limit:.1%}.",
        )
    p99, limit = serving.latency_seconds.get("0.99", math.nan), thresholds.get("latency_p99_seconds", math.inf)
    if p99 > limit:
        text = f"The 99th percentile of latency is {p99 * 1000:.3g} ms; the limit is {limit * 1000:.3g} ms."
        yield Finding(severity=CRITICAL, check="latency_p99_seconds", text=text)
    yield from _of_performance(model, thresholds)
    yield from _of_features(model)


def _of_performance(model: ModelStatus, thresholds: Mapping[str, float]) -> Iterator[Finding]:
    if model.performance is None:
        return
    accuracy, least = model.performance.figures.get("accuracy", math.nan), thresholds.get("accuracy", -math.inf)
    if accuracy < least:
        text = f"Accuracy is {accuracy:.1%}; the limit is {least:.1%}."
        yield Finding(severity=CRITICAL, check="accuracy", text=text)
    if model.performance.degraded:
        text = f"By more than chance below the baseline: {', '.join(model.performance.degraded)}."
        yield Finding(severity=WARNING, check="performance", text=text)
    if model.performance.concept_drift:
        yield Finding(severity=WARNING, check="concept_drift", text="The rate of wrong predictions has changed.")


def _of_features(model: ModelStatus) -> Iterator[Finding]:
    for check, severity, one, many, found in (
        ("absent", CRITICAL, "is absent", "are absent", [each for each in model.features if each.absent]),
        ("stuck", WARNING, "is stuck at one value", "are stuck at one value", [e for e in model.features if e.stuck]),
        ("drift", WARNING, "has drifted", "have drifted", [each for each in model.features if each.drifted]),
    ):
        if found:
            what = counted(len(found), f"feature {one}", f"features {many}")
            yield Finding(severity=severity, check=f"feature_{check}", text=f"{what}: {_names(found)}.")
    for output in model.outputs:
        if output.drifted:
            yield Finding(
                severity=WARNING,
                check=f"{output.name}_drift",
                text=f"The {output.name} has drifted from the reference: PSI {output.psi:.2f}.",
            )
    if model.quality and model.quality.unknown_features:
        unknown = counted(model.quality.unknown_features, "feature", "features")
        text = f"Records hold {unknown} that the reference does not know."
        yield Finding(severity=WARNING, check="unknown_features", text=text)


def of_operation(sources: Iterable[SourceStatus], checkpoint: CheckpointStatus) -> Iterator[Finding]:
    """Yield the findings about the exporter itself."""
    if checkpoint.problem:
        text = f"{checkpoint.problem}. What is shown is of the last time that it could be."
        yield Finding(severity=CRITICAL, check="checkpoint", text=text[0].upper() + text[1:])
    for source in sources:
        if source.failing_files:
            text = f"{source.name}: {counted(source.failing_files, 'file', 'files')} cannot be opened or read."
            yield Finding(severity=CRITICAL, check="source", text=text)
        if source.lag_seconds > LAG_SECONDS:
            text = f"{source.name}: reading is {source.lag_seconds:.0f} seconds behind."
            yield Finding(severity=WARNING, check="source", text=text)
        if source.gaps:
            gone = counted(source.gaps, "file was gone before it was", "files were gone before they were")
            text = f"{source.name}: {gone} read to the end."
            yield Finding(severity=WARNING, check="source", text=text)


def _names(found: list[VariableStatus]) -> str:
    names = ", ".join(feature.name for feature in found[:MOST_NAMES])
    more = len(found) - MOST_NAMES
    return f"{names} and {more} more" if more > 0 else names
