"""From the configuration to what the engine does: the one list to add a statistic to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exporter import segments
from exporter.admission import CLASS_LABEL, ERROR_LABEL
from exporter.collector import Collector, Segmented
from exporter.derived import Derived, DerivedOfSegments, Judge, Pictures
from exporter.derived.absent_features import AbsentFeatures
from exporter.derived.changes import Changes
from exporter.derived.comparison import Comparison, Judgement
from exporter.derived.drift import Drift
from exporter.derived.drift_pictures import DriftPictures
from exporter.derived.embedding_drift import EmbeddingDrift
from exporter.derived.feature_health import FeatureHealth
from exporter.derived.multivariate_drift import MultivariateDrift
from exporter.derived.outlier_ratio import OutlierRatio
from exporter.derived.reference_info import ReferenceInfo
from exporter.derived.segment_drift import SegmentDrift
from exporter.derived.stuck_features import StuckFeatures
from exporter.derived.window_samples import WindowSamples
from exporter.forms import Forms
from exporter.plan import Limits, Plan
from exporter.profile import Categorical, Profile
from exporter.settings import DEFAULT_THRESHOLDS, Config
from exporter.stats import SEGMENTS, Scoped, Statistic
from exporter.stats.embedding import Embedding
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import FeatureMoments
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.stats.outputs import OfOutputs
from exporter.stats.reconstruction_error import ReconstructionError
from exporter.stats.record_quality import RecordQuality
from exporter.subject import FEATURES, OUTPUTS, Subject
from exporter.units import Duration
from exporter.windows import Window


@dataclass(frozen=True)
class Measures:
    """What is computed: the statistics, what is derived from them, and what of both is told of segments too."""

    statistics: Sequence[Statistic]
    derived: Sequence[Derived]
    segmented: Segmented
    judge: Judge | None = None
    changes: Changes | None = None
    pictures: Sequence[Pictures] = ()


def measures(config: Config, profile: Profile | None) -> Measures:
    """Choose the statistics; the one list to add a line to, and `of_segments` where they are told of segments too."""
    predictions = LabelCounts(
        "model_predictions_total",
        "Predictions served.",
        "prediction",
        CLASS_LABEL,
        "predictions",
        frozenset(_known_classes(profile)),
    )
    errors = LabelCounts("model_prediction_errors_total", "Requests that failed.", "error", ERROR_LABEL, "errors")
    latency = Histogram(
        "model_prediction_latency_seconds",
        "How long a prediction took.",
        "latency_seconds",
        config.buckets.latency_seconds,
    )
    statistics: list[Statistic] = [
        latency,
        predictions,
        errors,
        Histogram(
            "model_prediction_probability",
            "Score of the prediction, 0 to 1.",
            "probability",
            config.buckets.probability,
        ),
    ]
    derived: list[Derived] = [WindowSamples(predictions.name)]
    of_segments: list[Scoped] = [
        replace(latency, scope=SEGMENTS),
        replace(predictions, scope=SEGMENTS),
        replace(errors, scope=SEGMENTS),
    ]
    tallied: list[Statistic] = [*of_segments]
    derived_of_segments: list[DerivedOfSegments] = [WindowSamples(predictions.name, SEGMENTS)]
    missing = ("missing_feature",) if profile else ()
    duplicate = ("duplicate_request_id",) if config.quality.duplicate_ids else ()
    records = RecordQuality(profile.reference_id if profile else None, (*missing, *duplicate))
    if records.checks:
        statistics.append(records)
    absent = changes = None
    pictures: list[Pictures] = []
    if profile:
        features = _comparison(config, profile, FEATURES)
        if config.drift.before or config.drift.live_version is not None:
            live = config.drift.live_version
            changes = Changes(features, None if live is None else str(live))
        quality = FeatureQuality(profile, config.quality.bounds)
        absent = AbsentFeatures(profile, quality, records)
        statistics += [features.bins, features.cuts, features.moments, quality]
        derived += [
            ReferenceInfo(profile.reference_id),
            Drift(features, config.drift.methods),
            FeatureHealth(features.bins, features.cuts, features.moments),
            absent,
            OutlierRatio(features.cuts, config.quality.outliers),
            StuckFeatures(profile, features.bins, features.moments),
        ]
        pictures.append(DriftPictures(features))
        # Tallied for drift, and not shown: a series for each feature, bin and value is too much.
        tallied.append(features.bins)
        derived_of_segments.append(SegmentDrift(features.bins, features.judgement))
        if profile.outputs.features:
            outputs = _comparison(config, profile.outputs, OUTPUTS)
            parts = (outputs.bins, outputs.cuts, outputs.moments)
            statistics += [OfOutputs(statistic, profile.outputs) for statistic in parts]
            derived.append(Drift(outputs, config.drift.methods))
            pictures.append(DriftPictures(outputs))
        if profile.components:
            distances = ReconstructionError(profile, profile.components)
            statistics.append(distances)
            derived.append(MultivariateDrift(distances))
        if profile.vectors:
            embeddings = [Embedding(profile, feature) for feature in profile.vectors]
            statistics += embeddings
            derived.append(EmbeddingDrift(embeddings, config.smoothing.epsilon))
    segmented = Segmented(of_segments, derived_of_segments, tallied)
    return Measures(statistics, derived, segmented, absent, changes, pictures)


def _comparison(config: Config, profile: Profile, subject: Subject) -> Comparison:
    judgement = Judgement(
        config.drift.significance,
        config.drift.overdispersion,
        (DEFAULT_THRESHOLDS | config.thresholds)["feature_drift_psi"],
        config.smoothing.epsilon,
    )
    bins = FeatureBins(profile, subject, config.exported_bins if subject == FEATURES else None)
    cuts, moments = FeatureCuts(profile, subject), FeatureMoments(profile, subject)
    return Comparison(profile, bins, cuts, moments, judgement)


def plan(config: Config, profile: Profile | None) -> tuple[Plan, Collector]:
    """Return what the engine does, and how its results are shown."""
    chosen = measures(config, profile)
    windows = [Window(str(window), window.seconds, _before(config, window)) for window in config.windows]
    forms = Forms(config, profile)
    read = {str(source.url): forms.of(source) for source in config.sources}
    arrow = {str(source.url): make for source in config.sources if (make := forms.beside(source))}
    split_by = segments.resolve(config, profile)
    limits = Limits(
        line_bytes=config.limits.line_bytes,
        models=config.limits.models,
        prediction_classes=config.limits.prediction_classes,
        error_types=config.limits.error_types,
        request_ids=config.quality.duplicate_ids,
        segment_values=config.limits.segment_values,
    )
    thresholds = DEFAULT_THRESHOLDS | config.thresholds
    return (
        Plan(
            chosen.statistics,
            windows,
            decoders={name: form.decoder for name, form in read.items()},
            limits=limits,
            framers={name: form.framer for name, form in read.items()},
            arrow=arrow,
            known_series=(forms.model,) if forms.model else (),
            known_classes=_known_classes(profile),
            features=tuple(profile.features) if profile else (),
            remembered=frozenset({chosen.changes.comparison.bins.name}) if chosen.changes else frozenset(),
            segments=split_by,
            segmented=chosen.segmented.tallied,
        ),
        Collector(
            chosen.statistics,
            chosen.derived,
            windows,
            thresholds,
            chosen.judge,
            chosen.changes,
            chosen.segmented if split_by else None,
            chosen.pictures,
        ),
    )


def _before(config: Config, window: Duration) -> tuple[tuple[str, float], ...]:
    ago = ((str(before), before.of(window)) for before in config.drift.before)
    return tuple((label, seconds) for label, seconds in ago if seconds is not None)


def _known_classes(profile: Profile | None) -> tuple[str, ...]:
    known = profile.prediction if profile else None
    return tuple(known.categories) if isinstance(known, Categorical) else ()
