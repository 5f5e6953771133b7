"""Regression: how far predictions of a rolling window that are values were from the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.derived.feature_health import QUANTILES, quantiles
from exporter.families import Family, GaugeFamily, SummaryFamily
from exporter.stats import BASE_LABELS
from exporter.stats.residuals import ResidualBins, ResidualSums, Sums
from exporter.tallies.tally import TalliesBySeries, Tally

ROUNDING = 1e-14
TEXTS = {
    "model_mae": "Mean absolute error of a window's predictions.",
    "model_rmse": "Root of the mean squared error of a window's predictions.",
    "model_mape": "Mean of absolute errors relative to the truth in a window; 1 is 100 %.",
    "model_bias": "Mean of prediction less truth in a window.",
    "model_r2": "Share of the variance of the truth in a window that predictions explain, at most 1.",
}


def figures(sums: Sums) -> dict[str, float]:
    """Return the figures of some outcomes by metric, as scikit-learn defines them.

    Of fewer than two outcomes, or where the truth is one and the same, there is no R2.
    """
    n = sums.number
    found = {
        "model_mae": sums.absolute / n,
        "model_rmse": math.sqrt(sums.squares / n),
        "model_mape": sums.ratios / n,
        "model_bias": sums.residuals / n,
    }
    variation = sums.squared_differences - sums.differences**2 / n
    # What is smaller is rounding, as of one and the same value.
    if variation > ROUNDING * sums.squared_differences:
        found["model_r2"] = 1 - sums.squares / variation
    return found


@dataclass(frozen=True)
class Regression:
    """Figures of errors, and quantiles of residuals (prediction less truth); no value where one is undefined.

    Quantiles are exact to the bin: neighbouring edges differ by 9 %, and the two around 0 are a thousandth of the
    standard deviation of the reference's predictions away.
    """

    sums: ResidualSums
    bins: ResidualBins

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        labels = (*BASE_LABELS, "window")
        families = {name: GaugeFamily(name, text, labels) for name, text in TEXTS.items()}
        quantile = SummaryFamily(
            "model_residual_quantile", "Quantile of prediction less truth in a window.", (*labels, "quantile")
        )
        for label, tallies in windows.items():
            for series, row in tallies.items():
                sums = Sums(*row[self.sums.name].tolist())
                if not sums.number:
                    continue
                for name, value in figures(sums).items():
                    families[name].add((*series, label), value)
                keys = [(*series, label, str(q)) for q in QUANTILES]
                quantile.extend(keys, self._quantiles(row[self.bins.name]))
        yield from (*families.values(), quantile)

    def _quantiles(self, counts: Tally) -> list[float]:
        edges, no_steps = self.bins.edges, np.zeros(1, np.bool_)
        return [float(quantiles(counts[None], edges[None], edges[:1], edges[-1:], no_steps, q)[0]) for q in QUANTILES]
