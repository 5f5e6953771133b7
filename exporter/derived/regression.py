"""Regression: how far predicted values of a rolling window were from their ground truth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from exporter.batch import Floats
from exporter.derived.feature_health import QUANTILES, quantiles
from exporter.derived.gauges import per_window
from exporter.derived.judged_outcomes import OutcomeJudge
from exporter.derived.view import SeriesWindow, View, WindowTallies
from exporter.families import Families, SummaryFamily
from exporter.reference.errors import ErrorEstimate, ErrorSums
from exporter.stats import BASE_LABELS
from exporter.stats.residuals import ResidualBins, Residuals, ResidualSums
from exporter.tallies.tally import Tally

ROUNDING = 1e-14
TEXTS = {
    "mae": "Mean absolute error in a window.",
    "rmse": "Root mean squared error in a window.",
    "mape": "Mean absolute percentage error in a window; 1 is 100%.",
    "bias": "Mean of prediction minus actual value in a window.",
    "r2": "R squared in a window: share of the variance of actual values that predictions explain, at most 1.",
}


def figures(sums: ResidualSums) -> dict[str, float]:
    """Return the figures of some outcomes, as scikit-learn defines them.

    There is no R2 of fewer than two outcomes, or if all true values are the same.
    """
    n = sums.number
    found = {
        "mae": sums.absolute / n,
        "rmse": math.sqrt(sums.squares / n),
        "mape": sums.ratios / n,
        "bias": sums.residuals / n,
    }
    variation = sums.squared_differences - sums.differences**2 / n
    # A smaller variation is a rounding error, as of a single distinct value.
    if variation > ROUNDING * sums.squared_differences:
        found["r2"] = 1 - sums.squares / variation
    return found


@dataclass(frozen=True)
class Regression:
    """Figures of errors, and quantiles of residuals (prediction minus true value); no value where one is undefined.

    Quantiles are exact to the bin: neighbouring edges differ by 9%, and the two around 0 are a thousandth of the
    standard deviation of the reference's predictions away from it, or a millionth without a reference.
    """

    residuals: Residuals
    counted: ResidualBins
    judge: OutcomeJudge

    def figures(self, window: WindowTallies[Any]) -> dict[str, float]:
        """Return the figures of a window; empty without outcomes."""
        sums = ResidualSums(*window[self.residuals].tolist())
        return figures(sums) if sums.number else {}

    def samples(self, window: WindowTallies[Any]) -> float:
        """Return the number of outcomes in a window."""
        return ResidualSums(*window[self.residuals].tolist()).number

    def estimates(self, window: WindowTallies[Any]) -> dict[str, ErrorEstimate]:
        """Return MAE and RMSE with their standard errors; empty without outcomes.

        The fourth powers, which the standard error of the RMSE needs, are those of the middles of the bins.
        """
        sums = ResidualSums(*window[self.residuals].tolist())
        edges = self.counted.edges
        middles = np.concatenate((edges[:1], (edges[:-1] + edges[1:]) / 2, edges[-1:]))
        with np.errstate(over="ignore"):
            fourth = float((window[self.counted] * np.square(np.square(middles))).sum())
        return ErrorSums(sums.number, sums.absolute, sums.squares, fourth).figures

    def errors(self, panes: Sequence[Tally], classes: Sequence[str]) -> tuple[Floats, Floats]:
        """Return how many outcomes of each pane are further from their ground truth than about half of all."""
        counts = np.array(panes, np.float64)
        middle = counts.shape[1] // 2
        # The bins are symmetric about the middle one.
        absolute = counts[:, middle:].copy()
        absolute[:, 1:] += counts[:, :middle][:, ::-1]
        below = absolute.sum(axis=0).cumsum()
        cut = int(np.abs(below - below[-1] / 2).argmin()) + 1
        return absolute[:, cut:].sum(axis=1), absolute.sum(axis=1)

    def collect(self, view: View) -> Families:
        for name, text in TEXTS.items():
            yield per_window(f"model_{name}", text, self.judge.windows(view), partial(self._figure, name))
        labels = (*BASE_LABELS, "window", "quantile")
        quantile = SummaryFamily(
            "model_residual_quantile", "Quantile of prediction minus actual value in a window.", labels
        )
        for window in self.judge.windows(view):
            quantile.extend([(*window.labels, str(q)) for q in QUANTILES], self._quantiles(window[self.counted]))
        yield quantile

    def _figure(self, name: str, window: SeriesWindow) -> float:
        return self.figures(window).get(name, math.nan)

    def _quantiles(self, counts: Floats) -> list[float]:
        edges, no_steps = self.counted.edges, np.zeros(1, np.bool_)
        return [float(quantiles(counts[None], edges[None], edges[:1], edges[-1:], no_steps, q)[0]) for q in QUANTILES]
