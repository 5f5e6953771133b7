"""Performance in a window: measured from ground truth, and estimated without it."""

from __future__ import annotations

import math

import msgspec

from exporter.derived.auc import Auc
from exporter.derived.classification import Classification
from exporter.derived.concept_drift import ConceptDrift
from exporter.derived.coverage import Coverage
from exporter.derived.degradation import Degradation
from exporter.derived.estimated_performance import EstimatedPerformance
from exporter.derived.regression import Regression
from exporter.derived.reliability import Reliability
from exporter.derived.score_loss import ScoreLoss
from exporter.derived.window_samples import WindowSamples
from exporter.stats import SERIES
from exporter.status.selection import Selection


class PerformanceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Performance in the window according to ground truth: figures by metric, such as `accuracy` of `model_accuracy`.

    `samples` is the number of outcomes in the window, and `coverage` the share of its predictions with ground truth.
    `classes` has figures by class. `degraded` lists the metrics that dropped by more than chance.
    """

    samples: int
    coverage: float
    figures: dict[str, float]
    classes: dict[str, dict[str, float]]
    baseline: dict[str, float]
    degraded: list[str]
    concept_drift: bool | None


def performance(selection: Selection) -> PerformanceStatus | None:
    """Return the measured performance; None without ground truth."""
    measures, tallies = selection.measures, selection.tallies
    samples = measures.find(WindowSamples, metric="model_window_outcomes", scope=SERIES)
    if samples is None:
        return None
    degradation = measures.find(Degradation)
    degraded = degradation.degraded(tallies) if degradation else {}
    return PerformanceStatus(
        samples=int(samples.count(tallies)),
        coverage=measures.one(Coverage).share(tallies),
        figures=_figures(selection),
        classes=_classes(selection),
        baseline={name: each.value for name, each in degradation.baseline.figures.items()} if degradation else {},
        degraded=[metric for metric, is_degraded in degraded.items() if is_degraded],
        concept_drift=measures.one(ConceptDrift).has_risen(selection.view, selection.series),
    )


def estimated(selection: Selection) -> dict[str, float] | None:
    """Return the figures that are estimated from the model's own probabilities; None if there are none."""
    estimate = selection.measures.find(EstimatedPerformance)
    return (estimate.figures(selection.tallies) if estimate else {}) or None


def _figures(selection: Selection) -> dict[str, float]:
    """Return figures over all classes; precision, recall, F1 and AUC are weighted averages."""
    measures, tallies = selection.measures, selection.tallies
    found: dict[str, float] = {}
    classification, auc = measures.find(Classification), measures.find(Auc)
    if classification and (classified := classification.result(tallies)):
        rates = classified.rates
        found = {"accuracy": classified.accuracy}
        for name in ("precision", "recall", "f1"):
            found[name] = rates.weighted(getattr(rates, name))
    if auc and (areas := auc.result(tallies)):
        found["auc"] = areas.weighted
    if losses := measures.find(ScoreLoss):
        found |= {"log_loss": losses.log_loss(tallies), "brier_score": losses.brier_score(tallies)}
    if reliability := measures.find(Reliability):
        found["expected_calibration_error"] = reliability.calibration_error(tallies)
    if regression := measures.find(Regression):
        found |= regression.figures(tallies)
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _classes(selection: Selection) -> dict[str, dict[str, float]]:
    """Return figures by class."""
    measures, tallies = selection.measures, selection.tallies
    found: dict[str, dict[str, float]] = {}
    classification, auc = measures.find(Classification), measures.find(Auc)
    if classification and (classified := classification.result(tallies)):
        rates = zip(classified.rates.precision, classified.rates.recall, classified.rates.f1, strict=True)
        for name, (precision, recall, f1) in zip(classified.classes, rates, strict=True):
            found[name] = {"precision": float(precision), "recall": float(recall), "f1": float(f1)}
    if auc and (areas := auc.result(tallies)):
        for name, area in areas.classes.items():
            found.setdefault(name, {})["auc"] = area
    known = {
        name: {figure: value for figure, value in figures.items() if not math.isnan(value)}
        for name, figures in found.items()
    }
    return {name: figures for name, figures in known.items() if figures}
