"""The configuration as typed Structs: every key, its type and its default.

`make reference` copies the text below each key to exporter/CONFIGURATION.md. `loading` reads a file.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from exporter.configuration.source_config import SourceConfig
from exporter.configuration.thresholds import DEFAULT_THRESHOLDS, FAIRNESS_THRESHOLDS, TRUTH_THRESHOLDS
from exporter.decoding.columns import PredictionKind
from exporter.decoding.conditions import Where
from exporter.decoding.field_rule import FieldRule
from exporter.derived.drift_statistics import DRIFT_STATISTICS
from exporter.state.outlet import OutletOptions
from exporter.units import (
    Ascending,
    Before,
    Bounds,
    Day,
    Duration,
    FieldPath,
    FilePath,
    Limit,
    Listen,
    Size,
    Tails,
    TimeZone,
)

LabelLimit = Annotated[int, msgspec.Meta(gt=0, le=10_000)]
MAX_WAITING = 100_000_000
# How long outcomes are kept after their labels may arrive.
VIEW_SECONDS = 30 * 86400.0
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
    """The version of the model. Name and version are labels of all `model_*` metrics."""


class SegmentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dimension by which predictions are broken down. A text is short for `{name: …}`."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    """The value of the label `segment`. Without `path` and `of`, the name of a feature, or a path in the record."""
    path: FieldPath | None = None
    """The path of the value in the record, written as in `fields`."""
    bounds: Ascending = Ascending()
    """Split a number into bands at these values, such as `[25, 40]`: `under 25`, `25 to 40`, `40 and over`."""
    of: tuple[str, ...] = ()
    """Two or three other segments whose values are combined, such as `[country, channel]`: `DE / web`."""
    protected: bool = False
    """Whether its groups should get the `favourable` class equally often, as the law may ask of ages or sexes."""


class SmoothingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How PSI treats empty bins: by default, 0.5 is added to the count of each bin (Jeffreys' prior)."""

    epsilon: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    """A constant that is added to each share instead, such as the common `0.0001`."""


class DriftConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How drift is computed and when it is significant."""

    methods: tuple[DriftMethod, ...] = DRIFT_METHODS
    """The statistics that are computed and exported."""
    significance: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.01
    """The significance of critical values and of drops of performance. Levels of drift have their own, far smaller."""
    overdispersion: Annotated[float, msgspec.Meta(ge=1)] | None = None
    """How many records count as one independent record, for example if clients retry or send batches. The default is
    what `profile` has found in the reference."""
    before: tuple[Before, ...] = ()
    """Earlier windows to compare each window with: `previous`, or how long ago, such as `1d`."""
    live_version: str | int | None = None
    """The version with which all other versions in the log are compared."""


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits on what a log can add to memory and series."""

    # Outcomes are counted by pairs of classes.
    prediction_classes: Annotated[int, msgspec.Meta(gt=0, le=1000)] = 100
    """Distinct classes per model. Further classes count as `other`."""
    models: LabelLimit = 20
    """Distinct pairs of model and version. Further versions count as `other`, and so do further models."""
    idle: Duration = Duration.parse("30d")
    """After how long without a record a version of a model is forgotten, with its series."""
    error_types: LabelLimit = 100
    """Distinct error types per model. Further types count as `other`."""
    segment_values: LabelLimit = 20
    """Distinct values per segment of a model. Further values count as `other`."""
    line_bytes: Size = Size(1024**2)
    """The maximum length of a line. Longer lines are rejected."""
    future: Duration = Duration.parse("5m")
    """How far in the future a timestamp may be. Records beyond that are rejected."""
    past: Duration = Duration.parse("30d")
    """How old a timestamp may be. Older records are rejected."""


class BucketsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The upper bounds of histogram buckets, ascending."""

    latency_seconds: Ascending = Ascending((0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0))
    """Of `model_prediction_latency_seconds`. One of them must be `thresholds.latency_p99_seconds` for alerts."""
    probability: Ascending = Ascending((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    """Of `model_prediction_probability`."""


class FeatureConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one feature of the reference."""

    bounds: Bounds | None = None
    """The range of valid values of a numeric feature instead of the reference's: `[0, 120]`, or `[0, null]`."""
    ignore: bool = False
    """Whether the feature is not monitored."""
    importance: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """The weight of the feature in `model_drifted_features_ratio`."""
    thresholds: dict[str, Limit] = {}
    """Limits on the drift of this feature, instead of those for all: the `feature_drift_*` of `thresholds`."""


class ExpectedChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A known change of a feature, whose drift does not alert for some time."""

    feature: str
    """The name of the feature."""
    until: Day
    """The last day without alerts, in UTC, such as `2026-12-31`."""


class VersionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one version of a model. They take precedence over those of the model."""

    reference: FilePath | None = None
    """The profile that the records are compared with. It is never applied to another model."""
    thresholds: dict[str, Limit] = {}
    """The limits that alerts use, per metric."""
    segments: tuple[SegmentConfig, ...] | None = None
    """Dimensions by which predictions are broken down, instead of the general ones."""
    features: dict[str, FeatureConfig] = {}
    """Settings per feature."""
    expected: tuple[ExpectedChange, ...] = ()
    """Known changes of features that do not alert, besides the general ones."""
    prediction: PredictionKind | None = None
    """What predictions are: `class`, or `value` as of a regression. The default is what the reference says."""
    positive_class: str | int | None = None
    """The class that a single `probability` belongs to, of two classes. The default is the predicted class."""
    favourable: str | int | None = None
    """The class that is good for the person concerned; its share is exported, also by segment."""


class ModelSettings(VersionSettings, frozen=True, forbid_unknown_fields=True):
    """Settings of one model. They take precedence over those of `"*"`, which are for all models."""

    versions: dict[str, VersionSettings] = {}
    """Settings per version of the model: the same keys, except for this one."""


class QualityConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Checks of the data besides those that follow from the reference."""

    outliers: Tails = Tails((0.01, 0.99))
    """The quantiles of the reference beyond which a value is an outlier; rounded to those in the profile."""
    duplicate_ids: Annotated[int, msgspec.Meta(ge=0, le=MOST_IDS)] = 0
    """How many request ids are remembered to detect duplicates. 0 disables the check."""


class GroundTruthConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where ground-truth labels come from, and how they are joined with predictions."""

    sources: list[SourceConfig]
    """The sources of labels, of the same kinds as the sources of predictions."""
    wait: Duration = Duration.parse("24h")
    """How long a prediction waits for its label, and a label for its prediction, from its arrival."""
    waiting: Annotated[int, msgspec.Meta(gt=0, le=MAX_WAITING)] = 1_000_000
    """How many predictions may wait. Beyond that, the oldest are evicted."""
    view: Duration | None = None
    """How long outcomes are kept by the time of their prediction. The default is `wait` and 30 days."""
    coverage: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.9
    """The share of the expected labels of each class from which a stretch of time is judged. With 0, all outcomes are
    shown as they arrive."""
    settled: Duration | None = None
    """How old predictions must be before precision, recall and F1 are computed, because labels of one class may come
    late or be revised. Until then, a revised label takes the place of the one before. By default, any age will do, and
    the first label counts."""

    @property
    def settled_seconds(self) -> float:
        return self.settled.seconds if self.settled else 0.0

    @property
    def view_seconds(self) -> float:
        return self.view.seconds if self.view else self.wait.seconds + VIEW_SECONDS

    fields: dict[str, FieldRule] = {}
    """The paths of `request_id`, `actual` and `timestamp` in a label record."""


class BusinessConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in prediction records or in label records, which is exported as a histogram."""

    name: str
    """The NAME in the metric `model_business_NAME`."""
    field: FieldPath | None = None
    """The path of the amount in a prediction record. Either `field` or `truth` is required."""
    truth: FieldPath | None = None
    """The path of the amount in a label record."""
    buckets: Ascending = Ascending()
    """The upper bounds of the buckets, ascending; those below 0 are buckets of the negative amounts. Without buckets,
    only counts and sums are exported."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration."""

    sources: list[SourceConfig]
    """Where predictions come from: paths, URLs, or mappings with a `url` and options."""
    reload_endpoint: bool = False
    """Whether a POST to `/-/reload` reloads the configuration, as SIGHUP does."""
    listen: Listen = Listen.parse(DEFAULT_LISTEN)
    """The address to serve HTTP on. Port 0 chooses a free port."""
    state_dir: FilePath | None = None
    """The folder for counters and read positions. Without it, counters restart at zero with the process."""
    web_config: FilePath | None = None
    """A web configuration file in Prometheus' format, for TLS and passwords."""
    model: ModelConfig | None = None
    """The model of records that do not name one."""
    reference: FilePath | None = None
    """A profile made by `prediction-exporter profile`, for the one model that it names, or else that `model` names, or
    else the first model in the log. Models without a reference have no drift."""
    models: dict[str, ModelSettings] = {}
    """Settings per model, by name; those of `"*"` are for all models, and take precedence over the general ones."""
    ground_truth: GroundTruthConfig | None = None
    """Where ground-truth labels come from. Without it, performance is not measured."""
    exported_bins: tuple[str, ...] | None = None
    """The features whose bins are exported. By default all; `[]` means none."""
    windows: tuple[Duration, ...] = tuple(map(Duration.parse, ("5m", "1h", "24h")))
    """Rolling windows of event time, each moving in 60 steps. Rules and dashboards need the default windows."""
    fields: dict[str, FieldRule] = {}
    """The paths of record fields in your log, if they differ from the defaults."""
    where: Where = Where()
    """The values by path that lines must have to be records. Others are skipped. Not for ground truth and Arrow."""
    time_zone: TimeZone | None = None
    """The zone of times without one. The default is UTC."""
    segments: tuple[SegmentConfig, ...] = ()
    """Dimensions by which predictions are broken down: names, or mappings."""
    drift: DriftConfig = DriftConfig()
    """How drift is computed and when it is significant."""
    smoothing: SmoothingConfig = SmoothingConfig()
    """How PSI treats empty bins."""
    buckets: BucketsConfig = BucketsConfig()
    """The upper bounds of histogram buckets, ascending."""
    thresholds: dict[str, Limit] = {}
    """The limits that alerts use, per metric."""
    features: dict[str, FeatureConfig] = {}
    """Settings per feature of the reference."""
    expected: tuple[ExpectedChange, ...] = ()
    """Known changes of features that do not alert."""
    prediction: PredictionKind | None = None
    """What predictions are: `class`, or `value` as of a regression. The default is what the reference says."""
    positive_class: str | int | None = None
    """The class that a single `probability` belongs to, of two classes. The default is the predicted class."""
    favourable: str | int | None = None
    """The class that is good for the person concerned; its share is exported, also by segment."""
    limits: LimitsConfig = LimitsConfig()
    """Limits on what a log can add to memory and series."""
    quality: QualityConfig = QualityConfig()
    """Checks of the data besides those that follow from the reference."""
    business: tuple[BusinessConfig, ...] = ()
    """Amounts in the log that are exported as histograms."""

    @property
    def limits_of_metrics(self) -> dict[str, float]:
        """The thresholds, with defaults for those that are not configured."""
        of_truth = TRUTH_THRESHOLDS if self.ground_truth else {}
        of_groups = FAIRNESS_THRESHOLDS if any(segment.protected for segment in self.segments) else {}
        return DEFAULT_THRESHOLDS | of_truth | of_groups | self.thresholds

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
        """The outlets of accepted records, by name."""
        return {}

    @property
    def reads_request_ids(self) -> bool:
        """Whether the request ids of predictions are needed."""
        return bool(self.quality.duplicate_ids or self.ground_truth)
