"""What is computed of a configuration: the statistics, and what they mean; the place to add a statistic to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from exporter.assembly.measures import Measures
from exporter.assembly.performance import add_performance
from exporter.configuration.settings import Config
from exporter.derived.absent_features import AbsentFeatures
from exporter.derived.attribution_ranking import AttributionRanking
from exporter.derived.changes import Changes
from exporter.derived.comparison import Comparison, Judgement
from exporter.derived.coverage import Coverage
from exporter.derived.degradation import Tolerance
from exporter.derived.drift import Drift
from exporter.derived.drift_pictures import DriftPictures
from exporter.derived.embedding_drift import EmbeddingDrift
from exporter.derived.estimated_performance import EstimatedPerformance
from exporter.derived.feature_health import FeatureHealth
from exporter.derived.multivariate_drift import MultivariateDrift
from exporter.derived.outlier_ratio import OutlierRatio
from exporter.derived.reference_info import ReferenceInfo
from exporter.derived.segment_drift import SegmentDrift
from exporter.derived.stuck_features import StuckFeatures
from exporter.derived.window_samples import WindowSamples
from exporter.reference.profile import Attribution, Categorical, Profile
from exporter.stats import SEGMENTS, SERIES, Scope, Scoped
from exporter.stats.absolute_attributions import AbsoluteAttributions
from exporter.stats.business import Business
from exporter.stats.embedding import Embedding
from exporter.stats.feature_bins import FeatureBins
from exporter.stats.feature_cuts import FeatureCuts
from exporter.stats.feature_moments import FeatureMoments
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.stats.labelled import Labelled
from exporter.stats.reconstruction_error import ReconstructionError
from exporter.stats.record_quality import RecordQuality
from exporter.stats.score_bins import ScoreBins
from exporter.stats.subject import ATTRIBUTIONS, FEATURES, LABELS, OUTPUTS, Subject
from exporter.stats.views import of_attributions, of_outputs, of_truth
from exporter.tallies.vocabulary import CLASS_LABEL, ERROR_LABEL


def measures(config: Config, profile: Profile | None) -> Measures:
    """Choose what is computed."""
    predictions = LabelCounts(
        "model_predictions_total",
        "Predictions served.",
        "prediction",
        CLASS_LABEL,
        "predictions",
        frozenset(known_classes(profile)),
    )
    chosen = _of_requests(config, predictions)
    records = _records(config, profile)
    if records.checks:
        chosen.statistics.append(records)
    if profile:
        _add_features(chosen, config, profile, records)
        if profile.outputs.features:
            _add_outputs(chosen, config, profile)
        if profile.attributions:
            _add_attributions(chosen, config, profile, profile.attributions)
        _add_relations(chosen, config, profile)
        if profile.calibration:
            scores = ScoreBins(profile, profile.calibration)
            chosen.statistics.append(scores)
            chosen.derived.append(EstimatedPerformance(scores, predictions.name))
    if config.ground_truth:
        _add_truth(chosen, config, profile, predictions)
    return chosen


def known_classes(profile: Profile | None) -> tuple[str, ...]:
    """Return the classes that are exported from the start."""
    known = (profile.prediction, profile.actual) if profile else ()
    categories = [name for feature in known if isinstance(feature, Categorical) for name in feature.categories]
    return tuple(dict.fromkeys(categories))


def _of_requests(config: Config, predictions: LabelCounts) -> Measures:
    """Return what is computed of any log: latencies, classes, errors, scores and business figures."""
    errors = LabelCounts("model_prediction_errors_total", "Requests that failed.", "error", ERROR_LABEL, "errors")
    latency = Histogram(
        "model_prediction_latency_seconds",
        "How long a prediction took.",
        "latency_seconds",
        config.buckets.latency_seconds,
    )
    probability = Histogram(
        "model_prediction_probability",
        "Score of the prediction, 0 to 1.",
        "probability",
        config.buckets.probability,
    )
    of_segments: list[Scoped] = [
        *(replace(statistic, scope=SEGMENTS) for statistic in (latency, predictions, errors)),
        *_figures(config, SEGMENTS),
    ]
    return Measures(
        [latency, predictions, errors, probability, *_figures(config, SERIES)],
        [WindowSamples(predictions.name)],
        of_segments,
        [WindowSamples(predictions.name, SEGMENTS)],
        [*of_segments],
    )


def _figures(config: Config, scope: Scope) -> Iterator[Business]:
    """Yield the business figures; the amounts of records are numbered separately from those of labels."""
    for row, figure in enumerate(figure for figure in config.business if figure.field):
        yield Business(figure.name, row, figure.buckets, "predictions", scope)
    for row, figure in enumerate(figure for figure in config.business if figure.truth):
        yield Business(figure.name, row, figure.buckets, "outcomes", scope)


def _records(config: Config, profile: Profile | None) -> RecordQuality:
    missing = ("missing_feature",) if profile else ()
    duplicate = ("duplicate_request_id",) if config.quality.duplicate_ids else ()
    return RecordQuality(profile.reference_id if profile else None, (*missing, *duplicate))


def _add_features(chosen: Measures, config: Config, profile: Profile, records: RecordQuality) -> None:
    features = _comparison(config, profile, FEATURES)
    if config.drift.before or config.drift.live_version is not None:
        live = config.drift.live_version
        chosen.changes = Changes(features, None if live is None else str(live))
        chosen.remembered = frozenset({features.bins.name})
    quality = FeatureQuality(profile, config.quality.bounds)
    chosen.judge = absent = AbsentFeatures(profile, quality, records)
    chosen.statistics += [features.bins, features.cuts, features.moments, quality]
    chosen.derived += [
        ReferenceInfo(profile.reference_id),
        Drift(features, config.drift.methods),
        FeatureHealth(features.bins, features.cuts, features.moments),
        absent,
        OutlierRatio(features.cuts, config.quality.outliers),
        StuckFeatures(profile, features.bins, features.moments),
    ]
    chosen.pictures.append(DriftPictures(features))
    # Tallied for drift, and not shown: a series for each feature, bin and value is too much.
    chosen.tallied.append(features.bins)
    chosen.derived_of_segments.append(SegmentDrift(features.bins, features.judgement))


def _add_outputs(chosen: Measures, config: Config, profile: Profile) -> None:
    outputs = _comparison(config, profile.outputs, OUTPUTS)
    parts = (outputs.bins, outputs.cuts, outputs.moments)
    chosen.statistics += [of_outputs(statistic, profile.outputs) for statistic in parts]
    chosen.derived.append(Drift(outputs, config.drift.methods))
    chosen.pictures.append(DriftPictures(outputs))


def _add_attributions(chosen: Measures, config: Config, profile: Profile, reference: Mapping[str, Attribution]) -> None:
    attributions = _comparison(config, profile.attributed, ATTRIBUTIONS)
    absolute = AbsoluteAttributions(profile.attributed)
    parts = (attributions.bins, attributions.cuts, attributions.moments)
    chosen.statistics += [*(of_attributions(statistic) for statistic in parts), absolute]
    chosen.derived += [Drift(attributions, config.drift.methods), AttributionRanking(reference, absolute)]


def _add_relations(chosen: Measures, config: Config, profile: Profile) -> None:
    """Add what sees features together: reconstruction errors, and embeddings."""
    if profile.components:
        distances = ReconstructionError(profile, profile.components)
        chosen.statistics.append(distances)
        chosen.derived.append(MultivariateDrift(distances))
    if profile.vectors:
        embeddings = [Embedding(profile, feature) for feature in profile.vectors]
        chosen.statistics += embeddings
        chosen.derived.append(EmbeddingDrift(embeddings, config.smoothing.epsilon))


def _add_truth(chosen: Measures, config: Config, profile: Profile | None, predictions: LabelCounts) -> None:
    limit = config.limits_of_metrics["performance_tolerance"]
    tolerance = Tolerance(limit, config.drift.significance, config.drift.overdispersion)
    add_performance(chosen, profile, known_classes(profile), tolerance)
    labelled = Labelled()
    chosen.statistics.append(labelled)
    chosen.derived.append(Coverage(predictions.name, labelled.name))
    if profile and profile.actual:
        labels = _comparison(config, profile.truth, LABELS)
        parts = (labels.bins, labels.cuts, labels.moments)
        chosen.statistics += [of_truth(statistic, profile.truth) for statistic in parts]
        chosen.derived.append(Drift(labels, config.drift.methods))


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
