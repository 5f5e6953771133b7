"""Score loss: how far the scores of all classes in a rolling window were from the ground truth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.derived.gauges import per_window
from exporter.derived.view import SeriesWindow, View
from exporter.families import Family
from exporter.stats.score_losses import ScoreLosses, ScoreLossSums


@dataclass(frozen=True)
class ScoreLoss:
    """The mean log loss and the Brier score, both as in scikit-learn; no value without outcomes that have scores.

    Reference: Brier (1950), Verification of forecasts expressed in terms of probability; half of it for two classes.
    """

    losses: ScoreLosses

    def log_loss(self, window: SeriesWindow) -> float:
        """Return the mean log loss of a window, or NaN."""
        sums = ScoreLossSums(*window[self.losses].tolist())
        return sums.log_losses / sums.number if sums.number else math.nan

    def brier_score(self, window: SeriesWindow) -> float:
        """Return the Brier score of a window, or NaN."""
        sums = ScoreLossSums(*window[self.losses].tolist())
        return sums.squares / sums.complete if sums.complete else math.nan

    def collect(self, view: View) -> Iterator[Family]:
        text = "Mean of -ln of the score of the true class in a window."
        yield per_window("model_log_loss", text, view.windows, self.log_loss)
        text = "Mean squared difference of scores and truth in a window, 0 is best."
        yield per_window("model_brier_score", text, view.windows, self.brier_score)
