"""The statistics and derived values of a configuration, in the order of export."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from exporter.batch import Reads
from exporter.configuration import segments
from exporter.configuration.settings import BusinessConfig, Config, FeatureConfig, GroundTruthConfig
from exporter.configuration.thresholds import DEFAULT_THRESHOLDS
from exporter.decoding.columns import PredictionKind
from exporter.derived import Criteria, Measures
from exporter.derived.attribution_ranking import AttributionRanking
from exporter.derived.classification import Classification, Reliability, ScoreQuality
from exporter.derived.context import (
    Coverage,
    ExpectedChanges,
    FeatureThresholds,
    Overdispersion,
    ReferenceInfo,
    ReferenceMissing,
    ScoreCoverage,
    Thresholds,
    WindowSamples,
)
from exporter.derived.degradation import Degradation, Performance
from exporter.derived.drift import Drift, DriftAgainstPast, DriftCalculator
from exporter.derived.drift_level import DriftLimits
from exporter.derived.drift_statistics import DRIFT_STATISTICS
from exporter.derived.error_rate_drift import ErrorRateDrift
from exporter.derived.estimated_error import EstimatedError
from exporter.derived.estimated_performance import EstimatedPerformance
from exporter.derived.fairness import EqualOpportunity, ProtectedSegments
from exporter.derived.favourable import FavourableRatio
from exporter.derived.feature_health import (
    AbsentFeatures,
    FeatureHealth,
    OutlierRatio,
    StuckFeatures,
    UnknownFeatureCount,
)
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.multivariate_drift import EmbeddingDrift, MultivariateDrift
from exporter.derived.prediction_kind import LoggedPredictions
from exporter.derived.regression import Regression
from exporter.derived.segments import SegmentAccuracy, SegmentDrift, SegmentErrors, SegmentTotals
from exporter.derived.standard_errors import StandardErrors
from exporter.reference.profile import Categorical, Numeric, Profile
from exporter.stats import SEGMENTS, Statistic
from exporter.stats.absolute_attributions import AbsoluteAttributions
from exporter.stats.business import Business, RejectedAmounts
from exporter.stats.class_scores import ScoreLosses, ScoresByTruth
from exporter.stats.confidence import Confidence
from exporter.stats.embedding import Embedding
from exporter.stats.error_leaves import ErrorLeaves
from exporter.stats.feature_quality import FeatureQuality
from exporter.stats.feature_values import FeatureValues
from exporter.stats.histogram import Histogram
from exporter.stats.label_counts import LabelCounts
from exporter.stats.labelled import Labelled
from exporter.stats.outcomes import Outcomes
from exporter.stats.reconstruction_error import ReconstructionError
from exporter.stats.record_quality import RecordQuality
from exporter.stats.residuals import ResidualBins, Residuals
from exporter.stats.score_bins import ScoreBins
from exporter.stats.variable_kind import ATTRIBUTIONS, FEATURES, LABELS, OUTPUTS, OnColumns, VariableKind
from exporter.tallies.vocabulary import CLASS_LABEL, ERROR_LABEL

# A minute, ten minutes, an hour, six hours, a day, a week and thirty days.
DELAYS = (60.0, 600.0, 3600.0, 21600.0, 86400.0, 604800.0, 2592000.0)


def measures(config: Config, profile: Profile | None) -> Measures:
    """Return what is counted and derived of the records that a configuration and a reference are for."""
    chosen = Measures()
    predictions = LabelCounts(
        "model_predictions_total",
        "Predictions, by class.",
        "prediction",
        CLASS_LABEL,
        "predictions",
        frozenset(known_classes(profile)),
    )
    _add_requests(chosen, config, predictions)
    scored = chosen.one(Histogram, column="probability")
    chosen.derived.append(
        LoggedPredictions(predictions, scored, _prediction_kind(config, profile), config.positive_class)
    )
    if not predicts_values(config, profile):
        chosen.derived.append(ScoreCoverage(predictions, scored))
    checks = _checks(config, profile)
    records = RecordQuality(profile.reference_id if profile else None, checks)
    if checks:
        chosen.statistics.append(records)
    features = _add_features(chosen, config, profile, records) if profile else None
    if profile:
        _add_outputs(chosen, config, profile)
        _add_joint_distributions(chosen, config, profile)
        _add_estimates(chosen, config, profile, predictions)
    if config.ground_truth:
        _add_performance(chosen, config, config.ground_truth, profile, predictions)
    if features and (config.drift.before or config.drift.live_version is not None):
        live = config.drift.live_version
        chosen.derived.append(DriftAgainstPast(features, None if live is None else str(live)))
        chosen.remembered = frozenset({features.bins.name})
    if config.favourable is not None:
        chosen.derived.append(FavourableRatio(predictions, str(config.favourable)))
    if config.segments:
        _add_segments(chosen, config, profile, predictions, features)
    if profile:
        chosen.derived.append(UnknownFeatureCount())
    chosen.derived.append(ReferenceMissing(profile is None))
    _add_limits(chosen, config)
    return chosen


def _prediction_kind(config: Config, profile: Profile | None) -> PredictionKind | None:
    """Return what the configuration or the reference declares predictions to be."""
    of_reference = None if profile is None or profile.prediction is None else profile.predicts_values
    return config.prediction or (None if of_reference is None else "value" if of_reference else "class")


def predicts_values(config: Config, profile: Profile | None) -> bool:
    """Return whether the configuration or the reference declares that predictions are values."""
    return _prediction_kind(config, profile) == "value"


def known_classes(profile: Profile | None) -> tuple[str, ...]:
    """Return the classes that are exported from the start."""
    variables = (profile.prediction, profile.actual) if profile else ()
    categories = [name for variable in variables if isinstance(variable, Categorical) for name in variable.categories]
    return tuple(dict.fromkeys(categories))


def _add_limits(chosen: Measures, config: Config) -> None:
    """Add what alerts compare with."""
    chosen.derived.append(Thresholds(config.limits_of_metrics))
    own = {name: feature.thresholds for name, feature in config.features.items() if feature.thresholds}
    if own:
        chosen.derived.append(FeatureThresholds(own))
    if config.expected:
        chosen.derived.append(ExpectedChanges({change.feature: change.until.end for change in config.expected}))


def _add_requests(chosen: Measures, config: Config, predictions: LabelCounts) -> None:
    """Add what is counted in any log: latencies, classes, errors, scores and business figures."""
    errors = LabelCounts(
        "model_prediction_errors_total", "Failed requests, by error type.", "error", ERROR_LABEL, "errors"
    )
    latency = Histogram(
        "model_prediction_latency_seconds",
        "Latency of requests, those that failed included.",
        "latency_seconds",
        config.buckets.latency_seconds,
        "requests",
    )
    probability = Histogram(
        "model_prediction_probability",
        "Score of the prediction, 0 to 1.",
        "probability",
        config.buckets.probability,
    )
    chosen.statistics += [latency, predictions, errors, probability, *_business(config)]
    chosen.derived.append(WindowSamples(predictions))


def _business(config: Config) -> Iterator[Statistic]:
    """Yield what is counted of business figures; predictions' amounts and ground truth's are numbered separately."""
    figures: dict[Reads, list[BusinessConfig]] = {
        "predictions": [figure for figure in config.business if figure.field],
        "outcomes": [figure for figure in config.business if figure.truth],
    }
    for reads, row, figure in ((reads, *each) for reads, of_kind in figures.items() for each in enumerate(of_kind)):
        above = tuple(bound for bound in figure.buckets if bound >= 0)
        below = tuple(-bound for bound in reversed(figure.buckets) if bound < 0)
        yield Business(figure.name, row, above, reads)
        yield Business(figure.name, row, below, reads, is_negative=True)
        yield RejectedAmounts(figure.name, row, reads)


def _checks(config: Config, profile: Profile | None) -> tuple[str, ...]:
    """Return the checks of whole records."""
    missing = ("missing_feature",) if profile else ()
    duplicate = ("duplicate_request_id",) if config.quality.duplicate_ids else ()
    return (*missing, *duplicate)


def _add_features(chosen: Measures, config: Config, profile: Profile, records: RecordQuality) -> DriftCalculator:
    bounds = {name: feature.bounds for name, feature in config.features.items() if feature.bounds}
    quality, values = FeatureQuality(profile, bounds), FeatureValues(profile)
    chosen.derived += [ReferenceInfo(profile.reference_id), Overdispersion(_overdispersion(config, profile))]
    features = _add_drift(chosen, config, profile, FEATURES, _overdispersion(config, profile))
    chosen.statistics += [quality, values]
    chosen.derived += [
        FeatureHealth(features.bins, features.cuts, features.moments),
        AbsentFeatures(profile, quality, records),
        OutlierRatio(features.cuts, config.quality.outliers),
        StuckFeatures(profile, features.bins, features.moments, values),
    ]
    return features


def _add_outputs(chosen: Measures, config: Config, profile: Profile) -> None:
    overdispersion = _overdispersion(config, profile)
    if profile.outputs.features:
        _add_drift(chosen, config, profile.outputs, OUTPUTS, overdispersion)
    if profile.attributions:
        _add_drift(chosen, config, profile.attributed, ATTRIBUTIONS, overdispersion)
        absolute = AbsoluteAttributions(profile.attributed)
        chosen.statistics.append(absolute)
        chosen.derived.append(AttributionRanking(profile.attributions, absolute))


def _add_drift(
    chosen: Measures,
    config: Config,
    variables: Profile,
    kind: VariableKind,
    overdispersion: float,
    judge: OutcomeJudge | None = None,
) -> DriftCalculator:
    """Add the drift of the features of a profile, which are variables of a kind; `judge` is for those of outcomes."""
    exported = config.exported_bins if kind == FEATURES else None
    own = config.features if kind == FEATURES else {}
    calculator = DriftCalculator(
        variables,
        kind,
        _criteria(config, overdispersion),
        exported,
        {name: feature.importance for name, feature in own.items()},
        {name: _drift_limits(config, kind, own.get(name)) for name in variables.features},
    )
    parts = (calculator.bins, calculator.cuts, calculator.moments)
    chosen.statistics += parts if kind == FEATURES else [OnColumns(part, kind, variables) for part in parts]
    drift_statistics = (statistic for statistic in DRIFT_STATISTICS if statistic.name in config.drift.methods)
    chosen.derived.append(Drift(calculator, tuple(drift_statistics), judge))
    return calculator


def _drift_limits(config: Config, kind: VariableKind, feature: FeatureConfig | None) -> DriftLimits:
    """Return the limits of a variable; attributions and labels have a PSI of their own."""
    limits = config.limits_of_metrics | (feature.thresholds if feature else {})
    own = limits.get(f"{kind.name}_drift_psi", DEFAULT_THRESHOLDS["feature_drift_psi"])
    return DriftLimits(
        own if kind in (ATTRIBUTIONS, LABELS) else limits["feature_drift_psi"],
        limits["feature_drift_wasserstein"],
        limits["feature_drift_psi_moderate"],
        limits["feature_drift_wasserstein_moderate"],
    )


def _criteria(config: Config, overdispersion: float, threshold: float = 0.0) -> Criteria:
    return Criteria(config.drift.significance, overdispersion, threshold, config.smoothing.epsilon)


def _overdispersion(config: Config, profile: Profile | None) -> float:
    """Return how many records count as one independent record."""
    return config.drift.overdispersion or (profile and profile.overdispersion) or 1.0


def _add_joint_distributions(chosen: Measures, config: Config, profile: Profile) -> None:
    """Add what describes several numbers together: reconstruction errors and embeddings."""
    overdispersion, limits = _overdispersion(config, profile), config.limits_of_metrics
    if profile.components:
        errors = ReconstructionError(profile, profile.components)
        chosen.statistics.append(errors)
        chosen.derived.append(MultivariateDrift(errors, overdispersion))
    if profile.vectors:
        embeddings = [Embedding(profile, feature) for feature in profile.vectors]
        chosen.statistics += embeddings
        threshold = limits.get("embedding_drift_psi", limits["feature_drift_psi"])
        chosen.derived.append(EmbeddingDrift(embeddings, _criteria(config, overdispersion, threshold)))


def _add_estimates(chosen: Measures, config: Config, profile: Profile, predictions: LabelCounts) -> None:
    """Add what is estimated of performance without ground truth."""
    if profile.calibration:
        scores = ScoreBins(profile, profile.calibration)
        chosen.statistics.append(scores)
        chosen.derived.append(EstimatedPerformance(scores, predictions))
    if profile.errors and predicts_values(config, profile):
        leaves = ErrorLeaves(profile, profile.errors)
        chosen.statistics.append(leaves)
        chosen.derived.append(EstimatedError(leaves, _overdispersion(config, profile)))


def _add_performance(
    chosen: Measures, config: Config, labels: GroundTruthConfig, profile: Profile | None, predictions: LabelCounts
) -> None:
    """Add what is measured of outcomes. Predictions are classes, unless something declares them to be values."""
    prediction, overdispersion = profile.prediction if profile else None, _overdispersion(config, profile)
    performance: Classification | Regression
    judge_of = partial(
        OutcomeJudge,
        predictions,
        wait_seconds=labels.wait.seconds,
        coverage=labels.coverage,
        settled_seconds=labels.settled_seconds,
    )
    if predicts_values(config, profile):
        values = prediction if isinstance(prediction, Numeric) else None
        counted = ResidualBins(values)
        judge = judge_of(counted)
        performance = Regression(Residuals(values), counted, judge)
        chosen.statistics += [performance.residuals, performance.counted]
        chosen.derived += [judge, performance]
    else:
        outcomes, confidence = Outcomes(frozenset(known_classes(profile))), Confidence()
        judge = judge_of(outcomes)
        performance = Classification(outcomes, prediction is not None, judge)
        chosen.statistics += [outcomes, confidence]
        chosen.derived += [judge, Reliability(confidence, judge)]
        if isinstance(prediction, Categorical):
            scores, losses = ScoresByTruth(prediction), ScoreLosses(prediction)
            chosen.statistics += [scores, losses]
            chosen.derived += [ScoreQuality(scores, losses, judge)]
    baseline = profile and (profile.error_baseline if isinstance(performance, Regression) else profile.baseline)
    if baseline and isinstance(performance, Performance):
        criteria = _criteria(config, overdispersion, config.limits_of_metrics["performance_tolerance"])
        chosen.derived.append(Degradation(performance, baseline, criteria))
    labelled = Labelled()
    delay = Histogram(
        "model_ground_truth_delay_seconds",
        "Time from a prediction to its ground truth.",
        "delay_seconds",
        DELAYS,
        "outcomes",
    )
    chosen.statistics += [delay, labelled]
    chosen.derived.append(Coverage(predictions, labelled))
    if profile and profile.actual:
        _add_drift(chosen, config, profile.labels, LABELS, overdispersion, judge)
    if isinstance(performance, Classification):
        chosen.derived.append(performance)
    chosen.derived.append(StandardErrors(performance, chosen.find(ScoreQuality), overdispersion))
    chosen.derived.append(ErrorRateDrift(performance, overdispersion))
    chosen.by_half_days = frozenset(
        {predictions.name} | {each.name for each in chosen.statistics if each.reads == "outcomes"}
    )


def _add_segments(
    chosen: Measures,
    config: Config,
    profile: Profile | None,
    predictions: LabelCounts,
    features: DriftCalculator | None,
) -> None:
    latency = chosen.every(Histogram, column="latency_seconds")
    counted: tuple[Histogram | LabelCounts | Business, ...]
    counted = (*latency, *chosen.every(LabelCounts), *chosen.every(Business))
    statistics: list[Statistic] = [replace(statistic, scope=SEGMENTS) for statistic in counted]
    outcomes = Outcomes(scope=SEGMENTS) if chosen.find(Outcomes) else None
    if outcomes:
        statistics.append(outcomes)
    chosen.segmented += statistics
    chosen.derived += [SegmentTotals(statistics), WindowSamples(predictions, SEGMENTS)]
    favourable = None if config.favourable is None else str(config.favourable)
    protected = tuple(segment.name for segment in config.segments if segment.protected)
    if favourable is not None:
        chosen.derived.append(FavourableRatio(predictions, favourable, SEGMENTS))
        if protected:
            chosen.derived.append(ProtectedSegments(protected, favourable))
    if profile and features:
        # Its bins are not exported, because a series per feature, bin and segment would be too many.
        chosen.segmented.append(features.bins)
        chosen.derived.append(SegmentDrift(features, segments.features_of(config, profile)))
    if outcomes:
        judge = chosen.one(OutcomeJudge)
        samples = WindowSamples(outcomes, SEGMENTS, "model_window_outcomes", "Outcomes in a rolling window.")
        chosen.derived += [samples, SegmentAccuracy(outcomes, judge)]
        if favourable is not None and protected:
            chosen.derived.append(EqualOpportunity(outcomes, predictions, judge, favourable, protected))
    if regression := chosen.find(Regression):
        chosen.segmented.append(regression.residuals)
        chosen.derived.append(SegmentErrors(regression))
