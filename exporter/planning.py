"""From the configuration to what the engine does: the one list to add a statistic to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter import presets, source_list
from exporter.batch import Series
from exporter.collector import Collector
from exporter.decode import Decoder
from exporter.engine import CLASS_LABEL, ERROR_LABEL
from exporter.plan import Limits, Plan
from exporter.profile import Categorical, Profile
from exporter.schema import Schema
from exporter.settings import DEFAULT_THRESHOLDS, Config
from exporter.stats import Derived, Judge, Statistic
from exporter.stats.absent_features import AbsentFeatures
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_outliers import FeatureOutliers, OutlierRatio
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.stats.psi import FeaturePsi
from exporter.stats.record_quality import RecordQuality
from exporter.stats.stuck_features import FeatureHashes, StuckFeatures
from exporter.stats.window_samples import WindowSamples
from exporter.windows import Window

UNKNOWN = Series("unknown", "unknown")


@dataclass(frozen=True)
class Measures:
    """What is computed: the statistics, and what is derived from them."""

    statistics: Sequence[Statistic]
    derived: Sequence[Derived]
    judge: Judge | None = None


def measures(config: Config, profile: Profile | None) -> Measures:
    """Choose the statistics; the one list to add a line to."""
    predictions = LabelCounts(
        "model_predictions_total",
        "Predictions served.",
        "prediction",
        CLASS_LABEL,
        "predictions",
        frozenset(_known_classes(profile)),
    )
    statistics: list[Statistic] = [
        Histogram(
            "model_prediction_latency_seconds",
            "How long a prediction took.",
            "latency_seconds",
            config.buckets.latency_seconds,
        ),
        predictions,
        LabelCounts("model_prediction_errors_total", "Requests that failed.", "error", ERROR_LABEL, "errors"),
        Histogram(
            "model_prediction_probability",
            "Score of the prediction, 0 to 1.",
            "probability",
            config.buckets.probability,
        ),
    ]
    derived: list[Derived] = [WindowSamples(predictions.name)]
    missing = ("missing_feature",) if profile else ()
    duplicate = ("duplicate_request_id",) if config.quality.duplicate_ids else ()
    records = RecordQuality(profile.reference_id if profile else None, (*missing, *duplicate))
    if records.checks:
        statistics.append(records)
    absent = None
    if profile:
        bins = FeatureBins(profile)
        quality = FeatureQuality(profile, config.quality.bounds)
        absent = AbsentFeatures(profile, quality, records)
        outliers, hashes = FeatureOutliers(profile, config.quality.outliers), FeatureHashes(profile)
        statistics += [bins, quality, outliers, hashes]
        derived += [
            FeaturePsi(bins, config.smoothing.epsilon),
            absent,
            OutlierRatio(outliers),
            StuckFeatures(profile, hashes),
        ]
    return Measures(statistics, derived, absent)


def plan(config: Config, profile: Profile | None) -> tuple[Plan, Collector]:
    """Return what the engine does, and how its results are shown."""
    chosen = measures(config, profile)
    windows = [Window(str(window), window.seconds) for window in config.windows]
    model = Series(config.model.name, str(config.model.version)) if config.model else None
    features = (tuple(profile.numeric), tuple(profile.categorical)) if profile else ((), ())
    decoders = {
        str(source.url): Decoder(
            Schema(presets.fields(source, config.fields), *features, asked_for=config.fields_asked_for),
            model or UNKNOWN,
            past_seconds=config.limits.past.seconds,
            future_seconds=config.limits.future.seconds,
        )
        for source in config.sources
    }
    limits = Limits(
        line_bytes=config.limits.line_bytes,
        models=config.limits.models,
        prediction_classes=config.limits.prediction_classes,
        error_types=config.limits.error_types,
        request_ids=config.quality.duplicate_ids,
    )
    thresholds = DEFAULT_THRESHOLDS | config.thresholds
    return (
        Plan(
            chosen.statistics,
            windows,
            decoders=decoders,
            limits=limits,
            framers={str(source.url): source_list.framer(source) for source in config.sources},
            known_series=(model,) if model else (),
            known_classes=_known_classes(profile),
            features=tuple(profile.features) if profile else (),
        ),
        Collector(chosen.statistics, chosen.derived, windows, thresholds, chosen.judge),
    )


def _known_classes(profile: Profile | None) -> tuple[str, ...]:
    known = profile.prediction if profile else None
    return tuple(known.categories) if isinstance(known, Categorical) else ()
