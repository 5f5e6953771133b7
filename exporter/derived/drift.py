"""Drift: how far each feature, or output, of a rolling window has moved from the reference, and whether by chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exporter.batch import Series
from exporter.derived import drift_causes
from exporter.derived.comparison import Comparison, Shift
from exporter.families import Family, GaugeFamily
from exporter.stats import BASE_LABELS
from exporter.stats.subject import FEATURES
from exporter.tallies.tally import TalliesBySeries

# A field of Shift, and what it tells, in a metric of the same name.
RESULTS = {
    "psi": "Population stability index of {} in a window against the reference, unitless.",
    "psi_critical": "What the PSI of {} may reach by chance at these sample sizes.",
    "psi_pvalue": "Probability of such a PSI of {}, or a larger one, where nothing has moved.",
    "ks": "Kolmogorov-Smirnov statistic of {} in a window against the reference, 0 to 1.",
    "ks_pvalue": "Probability of such a Kolmogorov-Smirnov statistic of {}, or a larger one, where nothing has moved.",
    "chi2": "Chi-squared statistic of {} in a window against the reference; it grows with the sample.",
    "chi2_pvalue": "Probability of such a chi-squared statistic of {}, or a larger one, where nothing has moved.",
    "js": "Jensen-Shannon distance of {} in a window from the reference, base 2, 0 to 1.",
    "wasserstein": "Wasserstein distance of {} in a window from the reference, in the reference's standard deviations.",
}

# By window and series.
Shifts = Mapping[tuple[str, Series], Shift]


@dataclass(frozen=True)
class Drift:
    """The results of `methods` for each variable; no value where there are too few records, or none can be."""

    comparison: Comparison
    methods: tuple[str, ...]

    def collect(self, windows: Mapping[str, TalliesBySeries]) -> Iterator[Family]:
        comparison = self.comparison
        held = {
            (label, series): comparison.distributions(row)
            for label, tallies in windows.items()
            for series, row in tallies.items()
        }
        shifts = {key: comparison.shift(distributions) for key, distributions in held.items()}
        for field, text in RESULTS.items():
            if field.split("_")[0] in self.methods:
                yield from self._gauges(shifts, field, f"drift_{field}", text)
        yield from self._gauges(
            shifts, "drifted", "drifted", "Whether {} has drifted: by more than its limit and chance."
        )
        if comparison.subject == FEATURES:
            yield from _over_all(shifts)
            yield from drift_causes.collect(comparison, held, shifts)

    def _gauges(self, shifts: Shifts, field: str, suffix: str, text: str) -> Iterator[Family]:
        variables = self.comparison.variables
        keys = {label: [(variable, label) for variable in variables] for label, _ in shifts}
        families = self.comparison.subject.families(GaugeFamily, variables, suffix, text, ("window",))
        for (label, series), shift in shifts.items():
            values = np.where(shift.is_enough, getattr(shift, field), np.nan)
            families.extend(series, keys[label], values.tolist())
        yield from families


def _over_all(shifts: Shifts) -> Iterator[Family]:
    labels = (*BASE_LABELS, "window")
    judged = GaugeFamily(
        "model_drift_judged_features", "Features of which a window holds enough records to judge their drift.", labels
    )
    ratio = GaugeFamily(
        "model_drifted_features_ratio", "Share of the judged features that have drifted, 0 to 1.", labels
    )
    for (label, series), shift in shifts.items():
        count = int(shift.is_enough.sum())
        judged.add((*series, label), count)
        if count:
            ratio.add((*series, label), shift.drifted.sum() / count)
    yield from (judged, ratio)
