"""The context of other metrics: the samples of a window, the reference, and the limits that alerts compare with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.derived.gauges import per_series, per_window
from exporter.derived.view import SeriesWindow, View, WindowTallies
from exporter.families import Families, GaugeFamily
from exporter.stats import BASE_LABELS, SEGMENTS, SERIES, Scope, Statistic
from exporter.stats.histogram import Histogram

# The name that alerts/ and dashboards/ use.
REFERENCE_INFO = "model_reference_info"


@dataclass(frozen=True)
class WindowSamples:
    """The number of samples in a window, which is the sum of the tally of `counted`."""

    counted: Statistic
    scope: Scope = SERIES
    metric: str = "model_window_samples"
    help: str = "Predictions in a rolling window."

    def count(self, window: WindowTallies[Any]) -> float:
        """Return the number of samples in a window."""
        return float(window[self.counted].sum())

    def collect(self, view: View) -> Families:
        windows: tuple[WindowTallies[Any], ...] = view.segments if self.scope == SEGMENTS else view.windows
        yield per_window(self.scope.name(self.metric), self.help, windows, self.count, self.scope)


@dataclass(frozen=True)
class Coverage:
    """`model_ground_truth_coverage`; the tallies of `predictions` and `labelled` sum to the number of either."""

    predictions: Statistic
    labelled: Statistic

    def share(self, window: SeriesWindow) -> float:
        """Return the share of a window's predictions whose ground truth has arrived; NaN without predictions."""
        predictions = window[self.predictions].sum()
        return float(window[self.labelled].sum() / predictions) if predictions else math.nan

    def collect(self, view: View) -> Families:
        text = "Share of the predictions made in a window that have their ground truth."
        yield per_window("model_ground_truth_coverage", text, view.windows, self.share)


@dataclass(frozen=True)
class ScoreCoverage:
    """`model_probability_coverage_ratio`: the share of predictions that have a usable score."""

    predictions: Statistic
    scores: Histogram

    def share(self, window: SeriesWindow) -> float:
        """Return the share of a window's predictions with a score; NaN without predictions."""
        predictions = window[self.predictions].sum()
        return self.scores.count(window[self.scores]) / float(predictions) if predictions else math.nan

    def collect(self, view: View) -> Families:
        text = "Share of the predictions in a window that have a usable score, 0 to 1."
        yield per_window("model_probability_coverage_ratio", text, view.windows, self.share)


@dataclass(frozen=True)
class ReferenceInfo:
    """`model_reference_info`: the profile that a sidecar compares with."""

    reference_id: str

    def collect(self, view: View) -> Families:
        yield per_series(REFERENCE_INFO, "The reference profile in use.", view, "reference_id", {self.reference_id: 1})


@dataclass(frozen=True)
class ReferenceMissing:
    """`model_reference_missing`: whether there is no profile to compare a model with."""

    is_missing: bool

    def collect(self, view: View) -> Families:
        text = "Whether a model has no reference profile, so that its drift is not computed."
        family = GaugeFamily("model_reference_missing", text, BASE_LABELS)
        for series in view.series:
            family.add(series, self.is_missing)
        yield family


@dataclass(frozen=True)
class Overdispersion:
    """`model_drift_overdispersion`: how many records count as one independent record."""

    factor: float

    def collect(self, view: View) -> Families:
        text = "Records that count as one independent record in drift levels, p-values and standard errors."
        family = GaugeFamily("model_drift_overdispersion", text, BASE_LABELS)
        for series in view.series:
            family.add(series, self.factor)
        yield family


@dataclass(frozen=True)
class ExpectedChanges:
    """`model_feature_drift_expected_until_timestamp_seconds`; `ends` are by feature, in seconds since epoch."""

    ends: Mapping[str, float]

    def collect(self, view: View) -> Families:
        name = "model_feature_drift_expected_until_timestamp_seconds"
        text = "Time until which a known change of a feature does not alert, in seconds since epoch."
        yield per_series(name, text, view, "feature_name", self.present(view.snapshot.time))

    def present(self, now: float) -> dict[str, float]:
        """Return the ends that are after epoch time `now`, by feature."""
        return {feature: end for feature, end in self.ends.items() if now < end}


@dataclass(frozen=True)
class FeatureThresholds:
    """`model_feature_threshold`; `limits` are by feature and metric."""

    limits: Mapping[str, Mapping[str, float]]

    def collect(self, view: View) -> Families:
        labels = (*BASE_LABELS, "feature_name", "metric")
        family = GaugeFamily("model_feature_threshold", "Threshold of a metric for one feature, for alerts.", labels)
        for series in view.series:
            for feature, limits in self.limits.items():
                family.extend([(*series, feature, metric) for metric in limits], [*limits.values()])
        yield family


@dataclass(frozen=True)
class Thresholds:
    """`model_threshold`; `limits` are by metric."""

    limits: Mapping[str, float]

    def collect(self, view: View) -> Families:
        yield per_series("model_threshold", "Threshold of a metric, for alerts.", view, "metric", self.limits)
