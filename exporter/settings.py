"""The configuration as typed Structs: every key, its type and its default.

The README describes each key. How a file becomes one of these, and every mistake in it a line, is in `config`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from exporter.units import DATABASES, Before, Bounds, Duration, FieldPath, FileMode, Listen, Size, SourceUrl, Tails

DEFAULT_LISTEN = "0.0.0.0:9465"
DEFAULT_THRESHOLDS = {
    "feature_drift_psi": 0.25,
    "latency_p99_seconds": 0.5,
    "accuracy": 0.8,
    "attribution_ranking_ndcg": 0.9,
}
# Those that there are where there is ground truth.
TRUTH_THRESHOLDS = {"performance_tolerance": 0.05}
# Those that rules have limits of their own for, where none is set.
RULES_THRESHOLDS = (
    "error_ratio",
    "class_share",
    "drifted_features_ratio",
    "label_drift_psi",
    "embedding_drift_psi",
    "multivariate_drift",
    "attribution_drift_psi",
    "missing_ratio",
    "invalid_ratio",
    "unseen_ratio",
    "slo_errors",
    "slo_latency",
)
# Those that are no more than 1.
SHARES = {
    "accuracy",
    "attribution_ranking_ndcg",
    "error_ratio",
    "class_share",
    "drifted_features_ratio",
    "missing_ratio",
    "invalid_ratio",
    "unseen_ratio",
    "slo_errors",
    "slo_latency",
}

MOST_IDS = 1_000_000

Positive = Annotated[int, msgspec.Meta(gt=0)]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model, where a record does not say."""

    name: str = "unknown"
    version: str | int = "unknown"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source and its options; SOURCE_OPTIONS says which has which."""

    url: SourceUrl
    start: Literal["beginning", "end"] = "beginning"
    format: Literal["lines", "cri", "docker", "bentoml", "kserve", "arrow"] = "lines"
    prediction: str | None = None
    features: tuple[str, ...] | None = None
    socket: Literal["stream", "datagram"] = "stream"
    framing: Literal["newline", "length"] = "newline"
    connections: Positive = 1000
    idle_timeout: Duration = Duration.parse("10m")
    mode: FileMode = FileMode.parse("0660")
    owner: str | None = None
    group: str | None = None
    body_bytes: Size = Size(8 * 1024**2)
    requests: Positive = 32
    token_file: str | None = None
    query: str | None = None
    mark: str | None = None
    initial: str | int | float | None = None
    every: Duration = Duration.parse("30s")
    lag: Duration | None = None
    timeout: Duration = Duration.parse("30s")
    rows: Positive = 10_000
    password_file: str | None = None

    @property
    def is_database(self) -> bool:
        return self.url.scheme in DATABASES

    @property
    def is_datagram(self) -> bool:
        return self.url.scheme == "udp" or self.socket == "datagram"


QUERY_OPTIONS = ("query", "mark", "initial", "every", "lag", "timeout", "rows")
STREAM_OPTIONS = ("format", "framing", "connections", "idle_timeout")
SOURCE_OPTIONS = {
    "file": ("start", "format", "prediction"),
    "unix": ("socket", "mode", "owner", "group", *STREAM_OPTIONS),
    "tcp": STREAM_OPTIONS,
    "udp": (),
    "http": ("body_bytes", "requests", "token_file", "format", "features"),
    "postgresql": ("password_file", *QUERY_OPTIONS),
    "sqlite": QUERY_OPTIONS,
}


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What predictions are split by: a name alone is a categorical feature, or else a path."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    path: FieldPath | None = None


class Smoothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How shares are kept from zero: Jeffreys' 0.5 a bin, or with `epsilon` the textbook's constant."""

    epsilon: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None


class DriftConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is computed of drift, and how it is judged."""

    methods: tuple[Literal["psi", "ks", "chi2", "js", "wasserstein"], ...] = ("psi", "ks", "chi2", "js", "wasserstein")
    significance: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.01
    overdispersion: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    before: tuple[Before, ...] = ()
    live_version: str | int | None = None


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what a log may make of the sidecar."""

    prediction_classes: Positive = 100
    models: Positive = 20
    error_types: Positive = 100
    segment_values: Positive = 20
    line_bytes: Size = Size(1024**2)
    future: Duration = Duration.parse("5m")
    past: Duration = Duration.parse("30d")


class Buckets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Upper bounds of the histograms, ascending."""

    latency_seconds: tuple[float, ...] = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
    probability: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Quality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is expected of the data besides the reference; `duplicate_ids` is how many request ids are remembered."""

    bounds: dict[str, Bounds] = {}
    outliers: Tails = Tails((0.01, 0.99))
    duplicate_ids: Annotated[int, msgspec.Meta(ge=0, le=MOST_IDS)] = 0


class GroundTruth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the truth comes from; for `wait` it and its prediction wait for each other, `waiting` predictions at most.

    `fields` says where `request_id`, `actual` and `timestamp` lie.
    """

    sources: list[Source]
    wait: Duration = Duration.parse("24h")
    waiting: Positive = 1_000_000
    fields: dict[str, FieldPath] = {}


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A business figure: an amount at the path `field` of a record, or at the path `truth` of a ground truth."""

    name: str
    field: FieldPath | None = None
    truth: FieldPath | None = None
    buckets: tuple[float, ...] = ()


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of it; every key is described in the README."""

    sources: list[Source]
    reload_endpoint: bool = False
    listen: Listen = Listen.parse(DEFAULT_LISTEN)
    state_dir: str | None = None
    web_config: str | None = None
    model: Model | None = None
    reference: str | None = None
    ground_truth: GroundTruth | None = None
    exported_bins: tuple[str, ...] | None = None
    windows: tuple[Duration, ...] = tuple(map(Duration.parse, ("5m", "1h", "24h")))
    fields: dict[str, FieldPath] = {}
    segments: tuple[Segment, ...] = ()
    drift: DriftConfig = DriftConfig()
    smoothing: Smoothing = Smoothing()
    buckets: Buckets = Buckets()
    thresholds: dict[str, Annotated[float, msgspec.Meta(ge=0)]] = {}
    limits: LimitsConfig = LimitsConfig()
    quality: Quality = Quality()
    business: tuple[Figure, ...] = ()

    @property
    def limits_of_metrics(self) -> dict[str, float]:
        """The thresholds, those that are not given at their defaults."""
        return DEFAULT_THRESHOLDS | (TRUTH_THRESHOLDS if self.ground_truth else {}) | self.thresholds

    @property
    def all_sources(self) -> list[Source]:
        """Those of predictions, and those of truth."""
        return [*self.sources, *(self.ground_truth.sources if self.ground_truth else ())]

    @property
    def fields_asked_for(self) -> tuple[str, ...]:
        """The record fields that are read only for what the configuration asks for."""
        return ("request_id",) if self.quality.duplicate_ids or self.ground_truth else ()
