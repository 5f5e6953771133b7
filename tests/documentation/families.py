"""All metrics that the code declares: those of a sidecar that is asked for everything, before its first record.

No page shows them all, since a model predicts classes or values; so there are two such sidecars.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from exporter.configuration.settings import BusinessConfig as Business
from exporter.configuration.settings import (
    Config,
    DriftConfig,
    ExpectedChange,
    FeatureConfig,
    GroundTruthConfig,
    ModelConfig,
    QualityConfig,
    SegmentConfig,
)
from exporter.engine.engine import Engine
from exporter.joins.memory_store import MemoryStore
from exporter.reference.errors import ErrorBaseline, ErrorEstimate, ErrorLeaf, ErrorTree
from exporter.reference.performance import Baseline, Estimate
from exporter.reference.profile import Profile
from exporter.telemetry import Telemetry
from exporter.units import Before, Day, FieldPath, Limit
from tests.records import NOW, PROFILE, categorical, numeric, plan

FIGURE = Estimate(0.9, 0.01)
CLASSES = msgspec.structs.replace(
    PROFILE,
    probability=numeric([0.5], [500, 500]),
    actual=categorical({"approve": 500, "deny": 500}),
    baseline=Baseline(1000, FIGURE, FIGURE, FIGURE, FIGURE),
)
VALUES = msgspec.structs.replace(
    PROFILE,
    prediction=numeric([1.5], [500, 500]),
    actual=numeric([1.5], [500, 500]),
    calibration=msgspec.UNSET,
    error_baseline=ErrorBaseline(1000, ErrorEstimate(2.0, 0.1), ErrorEstimate(3.0, 0.1)),
    errors=ErrorTree([], [ErrorLeaf(1000, 2.0, 1.0)]),
)
EVERYTHING = Config(
    sources=[],
    # Without a series, there are no metrics of models.
    model=ModelConfig(),
    favourable="approve",
    features={"age": FeatureConfig(thresholds={"feature_drift_psi": Limit(0.2)})},
    expected=(ExpectedChange("age", Day.parse("9999-12-31")),),
    ground_truth=GroundTruthConfig(sources=[]),
    drift=DriftConfig(before=(Before.parse("previous"),), live_version="3"),
    segments=(SegmentConfig("country", protected=True),),
    business=(Business("NAME", field=FieldPath.parse("amount")),),
    quality=QualityConfig(duplicate_ids=1),
)


class Declared(NamedTuple):
    """A metric as the code declares it. Its name is that of its samples, less what buckets and such end with."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def declared() -> dict[str, Declared]:
    """Return all metrics by name."""
    found = [*_of(CLASSES), *_of(VALUES), *_of_the_process()]
    return {metric.name: metric for metric in reversed(found)}


def _of(profile: Profile) -> Iterator[Declared]:
    planned, collector = plan(EVERYTHING, profile)
    snapshot = Engine(planned, store=MemoryStore()).snapshot(NOW)
    for family in collector.collect(snapshot):
        name = family.name + "_total" * (family.type == "counter")
        yield Declared(name, family.type, family.labels, family.help)


def _of_the_process() -> Iterator[Declared]:
    for collector in Telemetry().registry._collector_to_names:
        for metric in collector.collect():
            name = metric.name + "_total" * (metric.type == "counter")
            yield Declared(name, metric.type, tuple(getattr(collector, "_labelnames", ())), metric.documentation)
