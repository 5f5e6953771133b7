"""The figures of an evaluation by model and version, and which of them fall short."""

from collections.abc import Iterable, Mapping

import msgspec

from exporter.families import Family

# Each is the metric `model_NAME`, for all classes together or by class and as averages over the classes.
WHOLE = ("accuracy", "log_loss", "brier_score", "expected_calibration_error", "mae", "rmse", "mape", "r2", "bias")
BY_CLASS = ("precision", "recall", "f1", "auc")
# In the order in which they are shown.
ORDER = (WHOLE[0], *BY_CLASS, *WHOLE[1:])


class ModelFigures(msgspec.Struct):
    """The figures of one model and version; averages in `figures` and `baseline` are weighted by the true classes."""

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
        """Return by how much a figure is below the baseline; None if either is unknown."""
        if figure not in self.baseline or figure not in self.figures:
            return None
        return self.baseline[figure] - self.figures[figure]


def model_figures(families: Iterable[Family]) -> list[ModelFigures]:
    """Return the figures in the metrics of one window."""
    found: dict[tuple[str, str], ModelFigures] = {}
    for family in families:
        for sample in family.samples:
            if "model_name" in sample.labels:
                key = sample.labels["model_name"], sample.labels["model_version"]
                name = sample.name.removeprefix("model_")
                _put(found.setdefault(key, ModelFigures(*key)), name, sample.labels, sample.value)
    for model in found.values():
        model.figures = dict(sorted(model.figures.items(), key=lambda figure: ORDER.index(figure[0])))
    return [model for model in found.values() if model.predictions or model.outcomes]


def _put(model: ModelFigures, name: str, labels: Mapping[str, str], value: float) -> None:
    if name in WHOLE or (name in BY_CLASS and labels["average"] == "weighted"):
        model.figures[name] = value
    elif name in BY_CLASS and labels["average"] == "macro":
        model.macro[name] = value
    elif name in BY_CLASS:
        model.classes.setdefault(labels["class"], {})[name] = value
    elif name == "performance_baseline":
        model.baseline[labels["metric"]] = value
    elif name == "window_samples":
        model.predictions = int(value)
    elif name == "window_outcomes":
        model.outcomes = int(value)
    elif name == "outcomes_total":
        model.confusion.setdefault(labels["predicted"], {})[labels["actual"]] = int(value)


def shortfalls(model: ModelFigures, least: Mapping[str, float], most_drop: Mapping[str, float]) -> list[str]:
    """Return a line for each figure that falls short; an unknown figure does."""
    lines = []
    for figure, limit in least.items():
        value = model.figures.get(figure)
        if value is None or value < limit:
            lines.append(f"{model.name}: {figure} is {_text(value)}, expected at least {limit:g}")
    for figure, limit in most_drop.items():
        drop = model.drop(figure)
        if drop is None or drop > limit:
            lines.append(
                f"{model.name}: {figure} is {_text(model.figures.get(figure))}, "
                f"expected at most {limit:g} below the baseline, which is {_text(model.baseline.get(figure))}"
            )
    return lines


def table(model: ModelFigures) -> list[str]:
    """Return the figures as lines for people."""
    lines = [f"{model.name}: {model.outcomes:,} of {model.predictions:,} predictions have ground truth"]
    if model.figures:
        lines.append(f"  {'':28}{'now':>10}{'baseline':>10}{'drop':>10}")
    for figure, value in model.figures.items():
        drop = model.drop(figure)
        compared = "" if drop is None else f"{model.baseline[figure]:>10.4f}{drop:>+10.4f}"
        lines.append(f"  {figure:28}{value:>10.4f}{compared}")
    for name, figures in model.classes.items():
        values = ", ".join(f"{figure} {value:.4f}" for figure, value in figures.items())
        lines.append(f"  class {name}: {values}")
    return lines


def _text(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
