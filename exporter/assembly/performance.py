"""What is measured of outcomes, predictions joined with their truth: the part of `measuring.measures` for these."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.assembly.measures import Measures
from exporter.derived.auc import Auc
from exporter.derived.classification import Classification
from exporter.derived.concept_drift import ConceptDrift, Errors, LargeResiduals, WrongClasses
from exporter.derived.degradation import Degradation, Tolerance
from exporter.derived.regression import Regression
from exporter.derived.reliability import Reliability
from exporter.derived.score_loss import ScoreLoss
from exporter.derived.segment_accuracy import SegmentAccuracy
from exporter.derived.window_samples import WindowSamples
from exporter.reference.profile import Categorical, Feature, Numeric, Profile
from exporter.stats import SEGMENTS, SERIES, Scope
from exporter.stats.confidence import Confidence
from exporter.stats.histogram import Histogram
from exporter.stats.outcomes import Outcomes
from exporter.stats.residuals import ResidualBins, ResidualSums
from exporter.stats.score_losses import ScoreLosses
from exporter.stats.scores_by_truth import ScoresByTruth

# A minute, ten, an hour, six; a day, a week, thirty days.
DELAYS = (60.0, 600.0, 3600.0, 21600.0, 86400.0, 604800.0, 2592000.0)


def add_performance(chosen: Measures, profile: Profile | None, classes: Sequence[str], tolerance: Tolerance) -> None:
    """Add what is measured. What the model predicts is classes, unless the reference says that it is values."""
    prediction = profile.prediction if profile else None
    if isinstance(prediction, Numeric):
        _add_values(chosen, prediction)
        errors: Errors = LargeResiduals(ResidualBins(prediction))
    else:
        _add_classes(chosen, prediction, classes)
        _add_segments(chosen)
        errors = WrongClasses(Outcomes(), is_declared=prediction is not None)
        if profile and profile.baseline:
            chosen.derived.append(Degradation(Outcomes(), profile.baseline, tolerance))
    chosen.of_panes.append(ConceptDrift(errors, tolerance.overdispersion))
    chosen.statistics.append(
        Histogram(
            "model_ground_truth_delay_seconds",
            "How long after its prediction a truth came.",
            "delay_seconds",
            DELAYS,
            "outcomes",
        )
    )


def _add_values(chosen: Measures, prediction: Numeric) -> None:
    sums, bins = ResidualSums(prediction), ResidualBins(prediction)
    chosen.statistics += [sums, bins]
    chosen.derived += [_samples(bins.name), Regression(sums, bins)]


def _add_classes(chosen: Measures, prediction: Feature | None, classes: Sequence[str]) -> None:
    outcomes, confidence = Outcomes(frozenset(classes)), Confidence()
    chosen.statistics += [outcomes, confidence]
    chosen.derived += [_samples(outcomes.name), Reliability(confidence)]
    chosen.of_classes.append(Classification(outcomes, is_declared=prediction is not None))
    if isinstance(prediction, Categorical):
        scores, losses = ScoresByTruth(prediction), ScoreLosses(prediction)
        chosen.statistics += [scores, losses]
        chosen.derived += [Auc(scores), ScoreLoss(losses)]


def _add_segments(chosen: Measures) -> None:
    outcomes = Outcomes(scope=SEGMENTS)
    chosen.of_segments.append(outcomes)
    chosen.tallied.append(outcomes)
    chosen.derived_of_segments += [_samples(outcomes.name, SEGMENTS), SegmentAccuracy(outcomes.name)]


def _samples(counted: str, scope: Scope = SERIES) -> WindowSamples:
    return WindowSamples(counted, scope, "model_window_outcomes", "Outcomes that a rolling window holds.")
