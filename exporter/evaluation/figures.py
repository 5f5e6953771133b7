"""What an evaluation found, as plain data: figures by model and version, and which of them fall short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from exporter.families import Family

# Metrics that are told of a whole, by the name they have here.
WHOLE = {
    "model_accuracy": "accuracy",
    "model_log_loss": "log_loss",
    "model_brier_score": "brier_score",
    "model_expected_calibration_error": "expected_calibration_error",
    "model_mae": "mae",
    "model_rmse": "rmse",
    "model_mape": "mape",
    "model_r2": "r2",
    "model_bias": "bias",
}
# Metrics that are told as averages, and by class.
BY_CLASS = {"model_precision": "precision", "model_recall": "recall", "model_f1": "f1", "model_auc": "auc"}
# In the order in which they are told.
ORDER = tuple(dict.fromkeys(("accuracy", *BY_CLASS.values(), *WHOLE.values())))
# Of a baseline, by metric.
BASELINE = "model_performance_baseline"


class Evaluated(msgspec.Struct):
    """Of one model and version: averages are weighted by how often a class is the truth, where not said otherwise."""

    model_name: str
    model_version: str
    predictions: int = 0
    outcomes: int = 0
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    macro: dict[str, float] = {}
    classes: dict[str, dict[str, float]] = {}
    confusion: dict[str, dict[str, int]] = {}

    @property
    def name(self) -> str:
        return f"{self.model_name} {self.model_version}"

    def drop(self, figure: str) -> float | None:
        """Return by how much a figure is below the baseline."""
        if figure not in self.baseline or figure not in self.figures:
            return None
        return self.baseline[figure] - self.figures[figure]


def read(families: Iterable[Family]) -> list[Evaluated]:
    """Return the figures in the sidecar's metrics of one window."""
    found: dict[tuple[str, str], Evaluated] = {}
    for family in families:
        for sample in family.samples:
            if "model_name" in sample.labels:
                key = sample.labels["model_name"], sample.labels["model_version"]
                _put(found.setdefault(key, Evaluated(*key)), sample.name, sample.labels, sample.value)
    for evaluated in found.values():
        evaluated.figures = dict(sorted(evaluated.figures.items(), key=lambda figure: ORDER.index(figure[0])))
    return [evaluated for evaluated in found.values() if evaluated.predictions or evaluated.outcomes]


def _put(evaluated: Evaluated, name: str, labels: Mapping[str, str], value: float) -> None:
    if name in WHOLE:
        evaluated.figures[WHOLE[name]] = value
    elif name in BY_CLASS and labels["average"] == "weighted":
        evaluated.figures[BY_CLASS[name]] = value
    elif name in BY_CLASS and labels["average"] == "macro":
        evaluated.macro[BY_CLASS[name]] = value
    elif name in BY_CLASS:
        evaluated.classes.setdefault(labels["class"], {})[BY_CLASS[name]] = value
    elif name == BASELINE:
        evaluated.baseline[labels["metric"]] = value
    elif name == "model_window_samples":
        evaluated.predictions = int(value)
    elif name == "model_window_outcomes":
        evaluated.outcomes = int(value)
    elif name == "model_outcomes_total":
        evaluated.confusion.setdefault(labels["predicted"], {})[labels["actual"]] = int(value)


def short(evaluated: Evaluated, least: Mapping[str, float], most_drop: Mapping[str, float]) -> list[str]:
    """Return a line for each figure that falls short; one that is not known does."""
    lines = []
    for figure, limit in least.items():
        value = evaluated.figures.get(figure)
        if value is None or value < limit:
            lines.append(f"{evaluated.name}: {figure} is {_spelt(value)}, expected at least {limit:g}")
    for figure, limit in most_drop.items():
        drop = evaluated.drop(figure)
        if drop is None or drop > limit:
            known = evaluated.baseline.get(figure)
            lines.append(
                f"{evaluated.name}: {figure} is {_spelt(evaluated.figures.get(figure))}, "
                f"expected at most {limit:g} below the baseline, which is {_spelt(known)}"
            )
    return lines


def table(evaluated: Evaluated) -> list[str]:
    """Return the figures as lines for people."""
    lines = [f"{evaluated.name}: {evaluated.outcomes:,} of {evaluated.predictions:,} predictions have their truth"]
    if evaluated.figures:
        lines.append(f"  {'':28}{'now':>10}{'baseline':>10}{'drop':>10}")
    for figure, value in evaluated.figures.items():
        drop = evaluated.drop(figure)
        compared = "" if drop is None else f"{evaluated.baseline[figure]:>10.4f}{drop:>+10.4f}"
        lines.append(f"  {figure:28}{value:>10.4f}{compared}")
    for name, figures in evaluated.classes.items():
        told = ", ".join(f"{figure} {value:.4f}" for figure, value in figures.items())
        lines.append(f"  class {name}: {told}")
    return lines


def as_json(found: Iterable[Evaluated], failed: Iterable[str], counts: Mapping[str, Any]) -> bytes:
    """Return all of it as JSON."""
    told = {"models": list(found), "failed": list(failed), **counts}
    return msgspec.json.format(msgspec.json.encode(told), indent=2)


def _spelt(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
