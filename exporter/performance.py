"""What is measured of outcomes, predictions joined with their truth: the part of `measuring.measures` for these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporter.derived import Derived, DerivedOfClasses, DerivedOfPanes
from exporter.derived.auc import Auc
from exporter.derived.classification import Classification
from exporter.derived.concept_drift import ConceptDrift, Errors, LargeResiduals, WrongClasses
from exporter.derived.degradation import Degradation, Tolerance
from exporter.derived.regression import Regression
from exporter.derived.reliability import Reliability
from exporter.derived.score_loss import ScoreLoss
from exporter.derived.window_samples import WindowSamples
from exporter.profile import Categorical, Feature, Numeric, Profile
from exporter.stats import SERIES, Statistic
from exporter.stats.confidence import Confidence
from exporter.stats.histogram import Histogram
from exporter.stats.outcomes import Outcomes
from exporter.stats.residuals import ResidualBins, ResidualSums
from exporter.stats.score_losses import ScoreLosses
from exporter.stats.scores_by_truth import ScoresByTruth

# A minute, ten, an hour, six; a day, a week, thirty days.
DELAYS = (60.0, 600.0, 3600.0, 21600.0, 86400.0, 604800.0, 2592000.0)


OUTCOMES_HELD = "Outcomes that a rolling window holds."


@dataclass
class Performance:
    """Statistics, and what is derived from them; see measuring.Measures."""

    statistics: list[Statistic] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)
    of_classes: list[DerivedOfClasses] = field(default_factory=list)
    of_panes: list[DerivedOfPanes] = field(default_factory=list)


def performance(profile: Profile | None, classes: Sequence[str], tolerance: Tolerance) -> Performance:
    """Choose what is measured. What the model predicts is classes, unless the reference says that it is values."""
    prediction = profile.prediction if profile else None
    if isinstance(prediction, Numeric):
        chosen = _of_values(prediction)
        errors: Errors = LargeResiduals(ResidualBins(prediction))
    else:
        chosen = _of_classes(prediction, classes)
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
    return chosen


def _of_values(prediction: Numeric) -> Performance:
    sums, bins = ResidualSums(prediction), ResidualBins(prediction)
    return Performance([sums, bins], [_samples(bins.name), Regression(sums, bins)])


def _of_classes(prediction: Feature | None, classes: Sequence[str]) -> Performance:
    outcomes, confidence = Outcomes(frozenset(classes)), Confidence()
    chosen = Performance(
        [outcomes, confidence],
        [_samples(outcomes.name), Reliability(confidence)],
        [Classification(outcomes, is_declared=prediction is not None)],
    )
    if isinstance(prediction, Categorical):
        scores, losses = ScoresByTruth(prediction), ScoreLosses(prediction)
        chosen.statistics += [scores, losses]
        chosen.derived += [Auc(scores), ScoreLoss(losses)]
    return chosen


def _samples(counted: str) -> WindowSamples:
    return WindowSamples(counted, SERIES, "model_window_outcomes", OUTCOMES_HELD)
