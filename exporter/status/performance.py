"""Performance in a window: measured from ground truth, and estimated without it."""

import math
from collections.abc import Mapping

import msgspec

from exporter.derived.classification import FIGURES, Classification, Reliability, ScoreQuality
from exporter.derived.context import Coverage
from exporter.derived.degradation import Degradation
from exporter.derived.error_rate_drift import ErrorRateDrift
from exporter.derived.estimated_error import EstimatedError
from exporter.derived.estimated_performance import EstimatedPerformance
from exporter.derived.gauges import ClassFigure
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.regression import Regression
from exporter.status.selection import Selection

# The figures that may have a limit in `thresholds`.
LIMITED = ("accuracy", "mae", "rmse", "mape")


class PerformanceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Performance according to ground truth: figures by metric, such as `accuracy` of `model_accuracy`.

    `window` is the selected one if it is judged, else `latest`; None if there is none. `judged_until` is the epoch time
    until which predictions are judged. `samples` is the number of outcomes in the window, and `coverage` the share of
    its predictions with ground truth.
    `classes` has figures by class. `degraded` lists the metrics that dropped by more than chance. `limits` are those of
    `thresholds`, by metric. `courses` are sparklines of the metrics that have a trend.
    """

    window: str | None
    judged_until: float | None
    samples: int
    coverage: float
    figures: dict[str, float]
    classes: dict[str, dict[str, float]]
    baseline: dict[str, float]
    degraded: list[str]
    error_rate_drift: bool | None
    limits: dict[str, float]
    courses: dict[str, list[float]]


def performance(selection: Selection, *, charted: bool = False) -> PerformanceStatus | None:
    """Return the measured performance, with sparklines if it is `charted`; None without ground truth."""
    measures, judged = selection.measures, selection.outcomes
    judge = measures.find(OutcomeJudge)
    if judge is None:
        return None
    by_class = _by_class(selection)
    degradation = measures.find(Degradation)
    degraded = degradation.degraded(judged) if degradation and judged else {}
    return PerformanceStatus(
        window=judged.label if judged else None,
        judged_until=judge.half_days(selection.view)[selection.series].judged_until(selection.view.snapshot.time),
        samples=int(judge.samples(judged or selection.tallies)),
        coverage=measures.one(Coverage).share(judged or selection.tallies),
        figures=_figures(selection, by_class),
        classes=_classes(by_class),
        baseline={name: each.value for name, each in degradation.baseline.figures.items()} if degradation else {},
        degraded=[metric for metric, is_degraded in degraded.items() if is_degraded],
        limits={name: limit for name, limit in selection.thresholds.items() if name in LIMITED},
        courses=_courses(selection) if charted else {},
        error_rate_drift=measures.one(ErrorRateDrift).has_risen(
            selection.view, judge.half_days(selection.view)[selection.series]
        ),
    )


def _courses(selection: Selection) -> dict[str, list[float]]:
    classification, regression = selection.measures.find(Classification), selection.measures.find(Regression)
    judge = selection.measures.one(OutcomeJudge)
    past = [judge.judged(selection.view, window) for window in selection.past_windows]
    courses: dict[str, list[float]] = {}
    if classification:
        courses["accuracy"] = [classification.accuracy(window) if window else math.nan for window in past]
    if regression:
        figures = [regression.figures(window) if window else {} for window in past]
        courses |= {name: [each.get(name, math.nan) for each in figures] for name in ("mae", "rmse", "mape")}
    return courses


def estimated(selection: Selection) -> dict[str, float] | None:
    """Return the figures that are estimated without ground truth; None if there are none."""
    found: dict[str, float] = {}
    for performance in (selection.measures.find(EstimatedPerformance), selection.measures.find(EstimatedError)):
        if performance:
            found |= {name: each.value for name, each in performance.estimates(selection.tallies).items()}
    return found or None


def _figures(selection: Selection, by_class: Mapping[str, ClassFigure]) -> dict[str, float]:
    """Return figures over all classes; precision, recall, F1 and AUC are weighted averages."""
    measures, tallies = selection.measures, selection.outcomes
    if tallies is None:
        return {}
    found: dict[str, float] = {}
    if classification := measures.find(Classification):
        found["accuracy"] = classification.accuracy(tallies)
    found |= {name: figure.weighted for name, figure in by_class.items()}
    if scores := measures.find(ScoreQuality):
        found |= {"log_loss": scores.log_loss(tallies), "brier_score": scores.brier_score(tallies)}
    if reliability := measures.find(Reliability):
        found["expected_calibration_error"] = reliability.calibration_error(tallies)
    if regression := measures.find(Regression):
        found |= regression.figures(tallies)
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _classes(by_class: Mapping[str, ClassFigure]) -> dict[str, dict[str, float]]:
    """Return figures by class."""
    found: dict[str, dict[str, float]] = {}
    for name, figure in by_class.items():
        for label, value in figure.classes.items():
            if not math.isnan(value):
                found.setdefault(label, {})[name] = value
    return found


def _by_class(selection: Selection) -> dict[str, ClassFigure]:
    """Return figures by metric that have values by class."""
    classification, scores = selection.measures.find(Classification), selection.measures.find(ScoreQuality)
    judge, window = selection.measures.find(OutcomeJudge), selection.outcomes
    if judge is None or window not in judge.settled(selection.view):
        return {}
    figures = {name: classification.figure(name, window) for name in FIGURES} if classification else {}
    figures["auc"] = scores.auc(window) if scores else None
    return {name: figure for name, figure in figures.items() if figure}
