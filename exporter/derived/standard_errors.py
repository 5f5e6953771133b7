"""Standard errors of measured figures of performance: how far chance alone may move them."""

import math
from dataclasses import dataclass

import numpy as np

from exporter.batch import Floats
from exporter.derived.classification import Classification, ScoreQuality
from exporter.derived.gauges import per_label
from exporter.derived.judged_outcomes import MAE
from exporter.derived.regression import Regression
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families
from exporter.stats.residuals import ResidualSums


@dataclass(frozen=True)
class StandardErrors:
    """`model_measured_stderr`, of accuracy, the weighted averages over classes, or the MAE.

    Of the outcomes, `overdispersion` count as one. `scores` is None unless there are AUCs.
    """

    performance: Classification | Regression
    scores: ScoreQuality | None = None
    overdispersion: float = 1.0

    def errors(self, window: SeriesWindow) -> dict[str, float]:
        """Return the standard error of each figure of a window."""
        if isinstance(self.performance, Regression):
            found = _of_values(ResidualSums(*window[self.performance.residuals].tolist()))
        else:
            estimates = self.performance.estimates(window)
            found = {name: estimate.stderr for name, estimate in estimates.items()}
            if self.scores:
                found["auc"] = self._of_auc(window, self.scores)
        return {name: error * math.sqrt(self.overdispersion) for name, error in found.items()}

    def collect(self, view: View) -> Families:
        judge = self.performance.judge

        def shown(window: SeriesWindow) -> dict[str, float]:
            return {name: error for name, error in self.errors(window).items() if judge.shows(view, window, name)}

        text = "Standard error of a measured figure of performance."
        yield per_label("model_measured_stderr", text, judge.every(view), shown, "metric")

    def _of_auc(self, window: SeriesWindow, scores: ScoreQuality) -> float:
        """Return the standard error of the weighted AUC, as if the AUCs of classes rose and fell together."""
        others, of_class = np.moveaxis(window[scores.scores], 1, 0)
        errors, weights = auc_stderr(others, of_class), of_class.sum(axis=-1)
        exists = ~np.isnan(errors)
        return float(np.average(errors[exists], weights=weights[exists])) if exists.any() else math.nan


def _of_values(sums: ResidualSums) -> dict[str, float]:
    if sums.number <= 1:
        return {}
    variance = max(sums.squares / sums.number - (sums.absolute / sums.number) ** 2, 0.0)
    return {MAE: math.sqrt(variance / (sums.number - 1))}


def auc_stderr(others: Floats, of_class: Floats) -> Floats:
    """Return the standard error of the area under the ROC curve of counts by bin of the score, along the last axis.

    It is NaN with fewer than two records on a side. DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under
    two or more correlated receiver operating characteristic curves.

    >>> float(auc_stderr(np.array([2.0, 1.0, 1.0]), np.array([1.0, 1.0, 3.0])).round(3))
    0.187
    """
    n, m = of_class.sum(axis=-1, keepdims=True), others.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = (others.cumsum(axis=-1) - others / 2) / m
        above = 1 - (of_class.cumsum(axis=-1) - of_class / 2) / n
        variance = _variance(below, of_class) / n[..., 0] + _variance(above, others) / m[..., 0]
    error: Floats = np.sqrt(np.where((n[..., 0] > 1) & (m[..., 0] > 1), variance, np.nan))
    return error


def _variance(values: Floats, counts: Floats) -> Floats:
    """Return the sample variance of values that occur so often, along the last axis."""
    number = counts.sum(axis=-1, keepdims=True)
    mean = (values * counts).sum(axis=-1, keepdims=True) / number
    variance: Floats = (np.square(values - mean) * counts).sum(axis=-1) / (number[..., 0] - 1)
    return variance
