"""From the configuration to what the engine does: the one list to add a statistic to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from exporter import ground_truth, segments
from exporter.admission import CLASS_LABEL, ERROR_LABEL
from exporter.collector import Collector, Segmented
from exporter.derived import Derived, DerivedOfClasses, DerivedOfPanes, DerivedOfSegments, Judge
from exporter.derived.absent_features import AbsentFeatures
from exporter.derived.changes import Changes
from exporter.derived.comparison import Comparison, Judgement
from exporter.derived.coverage import Coverage
from exporter.derived.degradation import Tolerance
from exporter.derived.drift import Drift
from exporter.derived.embedding_drift import EmbeddingDrift
from exporter.derived.estimated_performance import EstimatedPerformance
from exporter.derived.feature_health import FeatureHealth
from exporter.derived.multivariate_drift import MultivariateDrift
from exporter.derived.outlier_ratio import OutlierRatio
from exporter.derived.reference_info import ReferenceInfo
from exporter.derived.segment_drift import SegmentDrift
from exporter.derived.stuck_features import StuckFeatures
from exporter.derived.window_samples import WindowSamples
from exporter.forms import Forms
from exporter.performance import Performance, performance
from exporter.plan import Limits, Plan
from exporter.profile import Categorical, Profile
from exporter.reading import Form
from exporter.settings import Config
from exporter.stats import SEGMENTS, Scoped, Statistic
from exporter.stats.answered import Answered
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
from exporter.stats.score_bins import ScoreBins
from exporter.subject import FEATURES, LABELS, OUTPUTS, Subject
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
    of_classes: Sequence[DerivedOfClasses] = ()
    of_panes: Sequence[DerivedOfPanes] = ()


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
        # Tallied for drift, and not shown: a series for each feature, bin and value is too much.
        tallied.append(features.bins)
        derived_of_segments.append(SegmentDrift(features.bins, features.judgement))
        if profile.outputs.features:
            outputs = _comparison(config, profile.outputs, OUTPUTS)
            parts = (outputs.bins, outputs.cuts, outputs.moments)
            statistics += [OfOutputs(statistic, profile.outputs) for statistic in parts]
            derived.append(Drift(outputs, config.drift.methods))
        if profile.components:
            distances = ReconstructionError(profile, profile.components)
            statistics.append(distances)
            derived.append(MultivariateDrift(distances))
        if profile.calibration:
            scores = ScoreBins(profile, profile.calibration)
            statistics.append(scores)
            derived.append(EstimatedPerformance(scores, predictions.name))
        if profile.vectors:
            embeddings = [Embedding(profile, feature) for feature in profile.vectors]
            statistics += embeddings
            derived.append(EmbeddingDrift(embeddings, config.smoothing.epsilon))
    truth = _of_truth(config, profile, predictions) if config.ground_truth else Performance()
    statistics += truth.statistics
    derived += truth.derived
    segmented = Segmented(of_segments, derived_of_segments, tallied)
    return Measures(statistics, derived, segmented, absent, changes, truth.of_classes, truth.of_panes)


def _of_truth(config: Config, profile: Profile | None, predictions: LabelCounts) -> Performance:
    limit = config.limits_of_metrics["performance_tolerance"]
    tolerance = Tolerance(limit, config.drift.significance, config.drift.overdispersion)
    chosen = performance(profile, _known_classes(profile), tolerance)
    answered = Answered()
    chosen.statistics.append(answered)
    chosen.derived.append(Coverage(predictions.name, answered.name))
    if profile and profile.actual:
        labels = _comparison(config, profile.truth, LABELS)
        parts = (labels.bins, labels.cuts, labels.moments)
        chosen.statistics += [OfOutputs(statistic, profile.truth, "outcomes") for statistic in parts]
        chosen.derived.append(Drift(labels, config.drift.methods))
    return chosen


def _comparison(config: Config, profile: Profile, subject: Subject) -> Comparison:
    judgement = Judgement(
        config.drift.significance,
        config.drift.overdispersion,
        config.limits_of_metrics["feature_drift_psi"],
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
    read, arrow = _read(forms)
    truth = config.ground_truth
    if truth:
        of_truths, arrow_of_truths = _read(ground_truth.forms(config, truth))
        read, arrow = read | of_truths, arrow | arrow_of_truths
    split_by = segments.resolve(config, profile)
    limits = Limits(
        line_bytes=config.limits.line_bytes,
        models=config.limits.models,
        prediction_classes=config.limits.prediction_classes,
        error_types=config.limits.error_types,
        request_ids=config.quality.duplicate_ids,
        segment_values=config.limits.segment_values,
        waiting=truth.waiting if truth else 0,
    )
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
            truths=frozenset(str(source.url) for source in truth.sources) if truth else frozenset(),
            wait_seconds=truth.wait.seconds if truth else 0.0,
        ),
        Collector(
            chosen.statistics,
            chosen.derived,
            windows,
            config.limits_of_metrics,
            chosen.judge,
            chosen.changes,
            chosen.segmented if split_by else None,
            chosen.of_classes,
            chosen.of_panes,
        ),
    )


def _read(forms: Forms) -> tuple[dict[str, Form], dict[str, Callable[[], Form]]]:
    """Return how each source is read, and how the Arrow is that its clients may send beside lines."""
    sources = forms.config.sources
    return (
        {str(source.url): forms.of(source) for source in sources},
        {str(source.url): make for source in sources if (make := forms.beside(source))},
    )


def _before(config: Config, window: Duration) -> tuple[tuple[str, float], ...]:
    ago = ((str(before), before.of(window)) for before in config.drift.before)
    return tuple((label, seconds) for label, seconds in ago if seconds is not None)


def _known_classes(profile: Profile | None) -> tuple[str, ...]:
    known = (profile.prediction, profile.actual) if profile else ()
    categories = [name for feature in known if isinstance(feature, Categorical) for name in feature.categories]
    return tuple(dict.fromkeys(categories))
