"""What ground truth says of a window, and what can be estimated without it."""

from __future__ import annotations

import math
from collections import defaultdict

from exporter.status.document import Performance
from exporter.status.figures import Figures, flag

# Of the whole window; `precision`, `recall`, `f1` and `auc` are averages over the classes.
FIGURES = (
    *("accuracy", "precision", "recall", "f1", "auc", "log_loss", "brier_score", "expected_calibration_error"),
    *("mae", "rmse", "mape", "r2", "bias"),
)
OF_CLASSES = ("precision", "recall", "f1", "auc")
AVERAGE = "weighted"


def performance(figures: Figures) -> Performance | None:
    """Return it; None where there is no ground truth."""
    samples = figures.one("model_window_outcomes")
    if math.isnan(samples):
        return None
    classes: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for metric in OF_CLASSES:
        for (name,), value in figures.rows(f"model_{metric}", "class"):
            if name:
                classes[name][metric] = value
    return Performance(
        samples=int(samples),
        coverage=figures.one("model_ground_truth_coverage"),
        figures=_figures(figures, "model_"),
        classes=dict(classes),
        baseline=figures.by("metric", "model_performance_baseline"),
        degraded=[metric for metric, value in figures.by("metric", "model_performance_degraded").items() if value],
        concept_drift=flag(figures.one("model_concept_drift")),
    )


def estimated(figures: Figures) -> dict[str, float] | None:
    """Return the figures that are estimated from the model's own probabilities; None where there are none."""
    return _figures(figures, "model_estimated_") or None


def _figures(figures: Figures, prefix: str) -> dict[str, float]:
    found = {}
    for metric in FIGURES:
        for (average, name), value in figures.rows(prefix + metric, "average", "class"):
            if average in ("", AVERAGE) and not name:
                found[metric] = value
    return found
