"""The configuration as typed Structs: every key, its type and its default.

The text below a key is what exporter/CONFIGURATION.md says of it; `make reference` writes that page. `loading` makes
one of a file, and reports every mistake in a line.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from exporter.configuration.source_config import SourceConfig
from exporter.configuration.thresholds import DEFAULT_THRESHOLDS, TRUTH_THRESHOLDS
from exporter.derived.drift_statistics import DRIFT_STATISTICS
from exporter.state.outlet import OutletOptions
from exporter.units import Ascending, Before, Bounds, Duration, FieldPath, FilePath, Listen, Positive, Size, Tails

DEFAULT_LISTEN = "0.0.0.0:9465"
MOST_IDS = 1_000_000
DRIFT_METHODS = tuple(statistic.name for statistic in DRIFT_STATISTICS)
if TYPE_CHECKING:
    DriftMethod = str
else:
    DriftMethod = Literal[DRIFT_METHODS]


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model of records that do not name one."""

    # In the order of the labels of Series.
    name: str = "unknown"
    """The name of the model."""
    version: str | int = "unknown"
    """Its version; the two are labels of all `model_*` metrics."""


class SegmentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What predictions are split by: a name alone is a categorical feature, or else a path."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    """The label `segment`: a categorical feature of the reference, or else a path in the record."""
    path: FieldPath | None = None
    """A path in the record, spelt as in `fields`, where it is not the name."""


class SmoothingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How shares are kept from zero: Jeffreys' 0.5 a bin, or with `epsilon` the textbook's constant."""

    epsilon: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    """What is added to each share, as `0.0001` in the textbook; without it, 0.5 is added to each count."""


class DriftConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is computed of drift, and how it is judged."""

    methods: tuple[DriftMethod, ...] = DRIFT_METHODS
    """Which are computed and exported."""
    significance: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.01
    """The share of windows in which chance may raise a false alarm."""
    overdispersion: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    """How many records are worth one independent one."""
    before: tuple[Before, ...] = ()
    """How long ago windows are compared with themselves: `previous`, or durations such as `1d`."""
    live_version: str | int | None = None
    """The version that others in the log are compared with."""


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what a log may make of the sidecar."""

    prediction_classes: Positive = 100
    """Distinct classes; the rest count as `other`."""
    models: Positive = 20
    """Distinct pairs of model and version; of the rest the version is `other`, and the model, if it is new."""
    error_types: Positive = 100
    """Distinct types of error; the rest count as `other`."""
    segment_values: Positive = 20
    """Distinct values of a segment; the rest count as `other`."""
    line_bytes: Size = Size(1024**2)
    """A longer line is refused."""
    future: Duration = Duration.parse("5m")
    """How far after its arrival a timestamp may lie."""
    past: Duration = Duration.parse("30d")
    """How far before its arrival a timestamp may lie."""


class BucketsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Upper bounds of the histograms, ascending."""

    latency_seconds: Ascending = Ascending((0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0))
    """Of `model_prediction_latency_seconds`; those of `slo_latency` and alerts need their limit among them."""
    probability: Ascending = Ascending((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    """Of `model_prediction_probability`."""


class QualityConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is expected of the data besides the reference; `duplicate_ids` is how many request ids are remembered."""

    bounds: dict[str, Bounds] = {}
    """Least and greatest value, by numeric feature, instead of the reference's extremes: `[0, 120]`, or `[0, null]`."""
    outliers: Tails = Tails((0.01, 0.99))
    """The quantiles beyond which a value is an outlier: the nearest of the profile's fine ones are taken."""
    duplicate_ids: Annotated[int, msgspec.Meta(ge=0, le=MOST_IDS)] = 0
    """How many request ids are remembered, to count duplicates; with 0 none is read."""


class GroundTruthConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the truth comes from; for `wait` it and its prediction wait for each other, `waiting` predictions at most.

    `fields` says where `request_id`, `actual` and `timestamp` lie.
    """

    sources: list[SourceConfig]
    """Where truth comes from, by the same kinds of source as predictions."""
    wait: Duration = Duration.parse("24h")
    """For how long a prediction and its truth wait for each other, from their arrival."""
    waiting: Positive = 1_000_000
    """How many predictions wait at most; past it the oldest are put out."""
    fields: dict[str, FieldPath] = {}
    """Where `request_id`, `actual` and `timestamp` lie in a record of truth."""


class BusinessConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A business figure: an amount at the path `field` of a record, or at the path `truth` of a ground truth."""

    name: str
    """The end of its metric's name, `model_business_NAME`."""
    field: FieldPath | None = None
    """The amount's path in a prediction's record."""
    truth: FieldPath | None = None
    """The amount's path in a truth's record. One of the two is required."""
    buckets: Ascending = Ascending()
    """Upper bounds of its histogram, ascending; without any there are its count and its sum."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of it; every key has a line in exporter/CONFIGURATION.md."""

    sources: list[SourceConfig]
    """Where predictions come from: URLs or paths, or mappings with a `url` and its options."""
    reload_endpoint: bool = False
    """Whether a POST to `/-/reload` reads the configuration again, as SIGHUP does."""
    listen: Listen = Listen.parse(DEFAULT_LISTEN)
    """The address that `/metrics` and all else is served on. Port 0 takes a free one."""
    state_dir: FilePath | None = None
    """The folder of counters and read positions. Without it, counters start at zero at each start."""
    web_config: FilePath | None = None
    """A file in Prometheus's own format, for TLS and passwords."""
    model: ModelConfig | None = None
    """The model, where a record does not say."""
    reference: FilePath | None = None
    """A profile made by `prediction-exporter profile`; without it there is no drift."""
    ground_truth: GroundTruthConfig | None = None
    """Where the truth comes from; without it there is no performance."""
    exported_bins: tuple[str, ...] | None = None
    """Only the bins of these features are exported; without it, of all, and with `[]` of none."""
    windows: tuple[Duration, ...] = tuple(map(Duration.parse, ("5m", "1h", "24h")))
    """Rolling windows of event time, each in 60 steps. Rules and dashboards need these three."""
    fields: dict[str, FieldPath] = {}
    """Where fields of a record lie in your log, by field."""
    segments: tuple[SegmentConfig, ...] = ()
    """What predictions are split by: names, or mappings."""
    drift: DriftConfig = DriftConfig()
    """What is computed of drift, and how it is judged."""
    smoothing: SmoothingConfig = SmoothingConfig()
    """How shares are kept from zero: Jeffreys' 0.5 a bin, or the textbook's constant."""
    buckets: BucketsConfig = BucketsConfig()
    """Upper bounds of the histograms, ascending."""
    thresholds: dict[str, Annotated[float, msgspec.Meta(ge=0)]] = {}
    """The limits that alerts compare with, by metric."""
    limits: LimitsConfig = LimitsConfig()
    """Bounds on what a log may make of the sidecar."""
    quality: QualityConfig = QualityConfig()
    """What is expected of the data besides the reference."""
    business: tuple[BusinessConfig, ...] = ()
    """Amounts in the log that become histograms."""

    @property
    def limits_of_metrics(self) -> dict[str, float]:
        """The thresholds, those that are not given at their defaults."""
        return DEFAULT_THRESHOLDS | (TRUTH_THRESHOLDS if self.ground_truth else {}) | self.thresholds

    @property
    def label_sources(self) -> list[SourceConfig]:
        """The sources of ground truth."""
        return self.ground_truth.sources if self.ground_truth else []

    @property
    def all_sources(self) -> list[SourceConfig]:
        """The sources of predictions, and those of ground truth."""
        return [*self.sources, *self.label_sources]

    @property
    def outlets(self) -> dict[str, OutletOptions]:
        """Where accepted records go besides the metrics, by name."""
        return {}

    @property
    def reads_request_ids(self) -> bool:
        """Whether the request ids of predictions are needed."""
        return bool(self.quality.duplicate_ids or self.ground_truth)
