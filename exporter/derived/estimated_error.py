"""The error of a regression model before ground truth arrives, from how large it was for similar records.

Direct loss estimation: the reference's tree says how large the absolute error of a record probably is. It holds as long
as errors depend on the inputs as before; a change of what is right for an input (concept drift) does not show in it.
"""

import math
from dataclasses import dataclass

import numpy as np

from exporter.derived.gauges import per_label, per_window
from exporter.derived.judged_outcomes import MAE
from exporter.derived.view import SeriesWindow, View
from exporter.families import Families
from exporter.reference.errors import ErrorEstimate
from exporter.stats.error_leaves import ErrorLeaves

FEWEST_PREDICTIONS = 50


@dataclass(frozen=True)
class EstimatedError:
    """`model_estimated_mae`, of at least FEWEST_PREDICTIONS; of the records, `overdispersion` count as one."""

    leaves: ErrorLeaves
    overdispersion: float = 1.0

    def estimates(self, window: SeriesWindow) -> dict[str, ErrorEstimate]:
        """Return the expected MAE of a window; empty with too few predictions.

        The standard error is that of the difference from the measured MAE: the errors of the window's n records vary
        around the means of their leaves, and these means are known from m records of the reference each.

            variance = sum over leaves of (n / N)^2 * stddev^2 * (1 / n + 1 / m),   N = sum of n
        """
        counts = window[self.leaves]
        total = counts.sum()
        if total < FEWEST_PREDICTIONS:
            return {}
        leaves = self.leaves.tree.leaves
        mean, stddev, rows = (np.array([getattr(leaf, name) for leaf in leaves]) for name in ("mean", "stddev", "rows"))
        share = counts / total
        variance = (np.square(stddev) * (share / total + np.square(share) / rows)).sum() * self.overdispersion
        return {MAE: ErrorEstimate(float((share * mean).sum()), math.sqrt(variance))}

    def collect(self, view: View) -> Families:
        text = "Mean absolute error in a window, estimated from the errors of similar records of the reference."
        yield per_window("model_estimated_mae", text, view.windows, self._mae)
        text = "Standard error of an estimated figure, from the sample sizes of window and reference."
        yield per_label("model_estimated_stderr", text, view.windows, self._stderr, "metric")

    def _mae(self, window: SeriesWindow) -> float:
        found = self.estimates(window)
        return found[MAE].value if found else math.nan

    def _stderr(self, window: SeriesWindow) -> dict[str, float]:
        return {name: estimate.stderr for name, estimate in self.estimates(window).items()}
