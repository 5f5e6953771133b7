"""Score loss: how far the scores of all classes in a rolling window were from the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.score_losses import ScoreLosses, Sums
from exporter.tallies.tally import TalliesBySeries


@dataclass(frozen=True)
class ScoreLoss:
    """The mean log loss, and the Brier score, both as in scikit-learn; no value without outcomes that have scores.

    Reference: Brier (1950), Verification of forecasts expressed in terms of probability; of two classes the half of it.
    """

    losses: ScoreLosses

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        labels = (*BASE_LABELS, "window")
        log_loss = GaugeFamily("model_log_loss", "Mean of -ln of the score of the true class in a window.", labels)
        brier = GaugeFamily(
            "model_brier_score", "Mean squared difference of scores and truth in a window, 0 is best.", labels
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                sums = Sums(*row[self.losses.name].tolist())
                if sums.number:
                    log_loss.add((*series, label), sums.log_losses / sums.number)
                if sums.complete:
                    brier.add((*series, label), sums.squares / sums.complete)
        yield from (log_loss, brier)
