"""One version of a model in one window."""

import msgspec

from exporter.status import breakdown, performance, variables
from exporter.status.breakdown import BusinessStatus, ClassShare, SegmentStatus
from exporter.status.performance import PerformanceStatus
from exporter.status.selection import Selection
from exporter.status.serving import ServingStatus
from exporter.status.variables import AttributionsStatus, DriftStatus, QualityStatus, VariableStatus


class ModelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model. Features are sorted by how far their drift is over its limit.

    `drift` and `quality` are null without a reference, `performance` without ground truth, `attributions` if the
    reference has none, and `estimated` (figures that need no ground truth) if nothing can be estimated.
    """

    name: str
    version: str
    serving: ServingStatus
    classes: list[ClassShare]
    outputs: list[VariableStatus]
    drift: DriftStatus | None
    features: list[VariableStatus]
    quality: QualityStatus | None
    performance: PerformanceStatus | None
    estimated: dict[str, float] | None
    attributions: AttributionsStatus | None
    business: list[BusinessStatus]
    segments: list[SegmentStatus]


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list of models."""

    name: str
    version: str
    predictions: int
    requests_per_second: float
    error_ratio: float
    latency_p99_seconds: float
    drifted_features: int | None


def model(selection: Selection, served: ServingStatus) -> ModelStatus:
    """Return everything about one model."""
    outputs, features = variables.outputs(selection), variables.features(selection)
    prediction = next((output for output in outputs if output.name == "prediction"), None)
    return ModelStatus(
        name=selection.series.model_name,
        version=selection.series.model_version,
        serving=served,
        classes=breakdown.classes(selection, prediction),
        outputs=outputs,
        drift=variables.drift(selection, features),
        features=features,
        quality=variables.quality(selection, features),
        performance=performance.performance(selection, charted=True),
        estimated=performance.estimated(selection),
        attributions=variables.attributions(selection),
        business=breakdown.business(selection),
        segments=breakdown.segments(selection),
    )


def summary(selection: Selection, served: ServingStatus) -> ModelSummary:
    """Return the summary of one model."""
    return ModelSummary(
        name=selection.series.model_name,
        version=selection.series.model_version,
        predictions=served.predictions,
        requests_per_second=served.requests_per_second,
        error_ratio=served.error_ratio,
        latency_p99_seconds=served.latency_seconds["0.99"],
        drifted_features=variables.drifted_features(selection),
    )
