"""Findings: what needs attention, according to the limits that alerts compare with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from exporter.counted import counted
from exporter.derived.degradation import FEWEST_OUTCOMES
from exporter.status import variables
from exporter.status.operation import CheckpointStatus, SourceStatus
from exporter.status.performance import PerformanceStatus, performance
from exporter.status.selection import FEWEST_REQUESTS, Selection
from exporter.status.serving import ServingStatus, serving
from exporter.status.variables import VariableStatus

CRITICAL, WARNING = "critical", "warning"
MOST_NAMES = 3
LAG_SECONDS = 60.0


class FeatureCheck(NamedTuple):
    """What is found of features: as the subject of a sentence, for one of them and for several."""

    name: str
    severity: str
    one: str
    many: str
    is_found: Callable[[VariableStatus], bool | None]


FEATURE_CHECKS = (
    FeatureCheck("absent", CRITICAL, "is absent", "are absent", lambda each: each.absent),
    FeatureCheck("stuck", WARNING, "is stuck at one value", "are stuck at one value", lambda each: each.stuck),
    # A change that is expected does not alert.
    FeatureCheck(
        "drift", WARNING, "has drifted", "have drifted", lambda each: each.drifted and each.expected_until is None
    ),
)


class Finding(msgspec.Struct, frozen=True):
    """Something that needs attention. `check` names what was checked; `severity` is critical or warning."""

    severity: str
    check: str
    text: str


@dataclass(frozen=True)
class Verdicts:
    """What is judged of a model in one window."""

    window: str
    serving: ServingStatus
    performance: PerformanceStatus | None
    features: Sequence[VariableStatus]
    outputs: Sequence[VariableStatus]
    unknown_features: int

    @classmethod
    def of(cls, selection: Selection) -> Verdicts:
        return cls(
            selection.window.label,
            serving(selection),
            performance(selection),
            variables.features(selection, charted=False),
            variables.outputs(selection, charted=False),
            variables.unknown_features(selection) or 0,
        )


def of_model(verdicts: Sequence[Verdicts], thresholds: Mapping[str, float], *, had_requests: bool) -> Iterator[Finding]:
    """Yield the findings about a model from all its windows, the shortest first."""
    idle = [each.window for each in verdicts if not each.serving.predictions]
    if idle and had_requests:
        yield Finding(CRITICAL, "traffic", f"No predictions in the last {idle[-1]}.")
    yield from _of_serving(verdicts, thresholds)
    yield from _of_performance(verdicts, thresholds)
    yield from _of_features(verdicts)


def _of_serving(verdicts: Sequence[Verdicts], thresholds: Mapping[str, float]) -> Iterator[Finding]:
    """Judge the shortest window with enough requests: alerts on errors and latency end soon after their cause."""
    enough = (each for each in verdicts if each.serving.predictions + each.serving.errors >= FEWEST_REQUESTS)
    judged = next(enough, verdicts[-1])
    served, last = judged.serving, f"in the last {judged.window}"
    limit = thresholds.get("error_ratio", math.inf)
    if served.error_ratio > limit:
        text = f"{served.error_ratio:.1%} of requests failed {last}; the limit is {limit:.1%}."
        yield Finding(CRITICAL, "error_ratio", text)
    p99, limit = served.latency_seconds.get("0.99", math.nan), thresholds.get("latency_p99_seconds", math.inf)
    if p99 > limit:
        text = f"The 99th percentile of latency is {p99 * 1000:.3g} ms {last}; the limit is {limit * 1000:.3g} ms."
        yield Finding(CRITICAL, "latency_p99_seconds", text)


def _of_performance(verdicts: Sequence[Verdicts], thresholds: Mapping[str, float]) -> Iterator[Finding]:
    measured = [(each.window, each.performance) for each in verdicts if each.performance is not None]
    least = thresholds.get("accuracy", -math.inf)
    for window, each in [found for found in measured if found[1].samples >= FEWEST_OUTCOMES][:1] or measured[-1:]:
        accuracy = each.figures.get("accuracy", math.nan)
        if accuracy < least:
            text = f"Accuracy is {accuracy:.1%} in the last {window}; the limit is {least:.1%}."
            yield Finding(CRITICAL, "accuracy", text)
    if degraded := _by_name((window, each.degraded) for window, each in measured):
        text = f"Below the baseline by more than chance: {_listed(degraded, len(degraded))}."
        yield Finding(WARNING, "performance", text)
    if any(each.error_rate_drift for _, each in measured):
        yield Finding(WARNING, "error_rate_drift", "The rate of wrong predictions has risen.")


def _of_features(verdicts: Sequence[Verdicts]) -> Iterator[Finding]:
    for check, severity, one, many, is_found in FEATURE_CHECKS:
        found = _by_name((each.window, [of.name for of in each.features if is_found(of)]) for each in verdicts)
        if found:
            what = counted(len(found), f"feature {one}", f"features {many}")
            yield Finding(severity, f"feature_{check}", f"{what}: {_listed(found)}.")
    drifted = _by_name((each.window, [of.name for of in each.outputs if of.drifted]) for each in verdicts)
    for output, windows in drifted.items():
        text = f"The {output} has drifted from the reference in the last {' and '.join(windows)}."
        yield Finding(WARNING, f"{output}_drift", text)
    if count := verdicts[0].unknown_features:
        unknown = counted(count, "feature that is", "features that are")
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


def _by_name(found: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
    """Return the windows in which each name was found."""
    windows: dict[str, list[str]] = {}
    for window, names in found:
        for name in names:
            windows.setdefault(name, []).append(window)
    return windows


def _listed(found: Mapping[str, Sequence[str]], most: int = MOST_NAMES) -> str:
    names = ", ".join(f"{name} ({', '.join(windows)})" for name, windows in [*found.items()][:most])
    more = len(found) - most
    return f"{names} and {more} more" if more > 0 else names
