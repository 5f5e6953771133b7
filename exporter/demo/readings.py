"""What one scrape of the sidecar says, and what two say of the time between them, as PromQL would."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from exporter.histogram_quantile import CumulativeBuckets, histogram_quantile

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One scrape, `seconds` after the start. Buckets are (upper bound, cumulative count), ascending.

    `drift` is by window, shortest first, and feature; a feature without enough samples has no value.
    """

    seconds: float
    predictions: Mapping[str, float]
    errors: Mapping[str, float]
    latency: CumulativeBuckets
    drift: Mapping[str, Mapping[str, float]]
    samples: Mapping[str, float]
    threshold: float

    @property
    def counted(self) -> int:
        """How many records have been counted."""
        return int(sum(self.predictions.values()) + sum(self.errors.values()))


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened between two readings; NaN where nothing did. Latencies in seconds, by quantile."""

    requests_per_second: float
    error_ratio: float
    latency: Mapping[float, float]
    class_shares: Mapping[str, float]


def parse(page: str, seconds: float) -> Reading:
    """Read the text format; of a sidecar that serves one model."""
    found: defaultdict[str, list[tuple[Labels, float]]] = defaultdict(list)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found[sample.name].append((sample.labels, sample.value))

    def by(label: str, name: str) -> dict[str, float]:
        return {labels[label]: value for labels, value in found[name]}

    samples = by("window", "model_window_samples")
    drift: dict[str, dict[str, float]] = {window: {} for window in samples}
    for labels, value in found["model_feature_drift_psi"]:
        drift[labels["window"]][labels["feature_name"]] = value
    buckets = by("le", "model_prediction_latency_seconds_bucket")
    return Reading(
        seconds,
        predictions=by("prediction_class", "model_predictions_total"),
        errors=by("error_type", "model_prediction_errors_total"),
        latency=sorted((float(bound), count) for bound, count in buckets.items()),
        drift=drift,
        samples=samples,
        threshold=by("metric", "model_threshold").get("feature_drift_psi", math.nan),
    )


def activity(earlier: Reading, later: Reading, quantiles: Sequence[float] = (0.5, 0.95, 0.99)) -> Activity:
    """Return what increased from one reading to another."""
    classes = {name: count - earlier.predictions.get(name, 0) for name, count in later.predictions.items()}
    predictions = sum(classes.values())
    records = later.counted - earlier.counted
    before = dict(earlier.latency)
    latency = [(bound, count - before.get(bound, 0)) for bound, count in later.latency]
    return Activity(
        requests_per_second=_ratio(records, later.seconds - earlier.seconds),
        error_ratio=_ratio(records - predictions, records),
        latency={quantile: histogram_quantile(quantile, latency) for quantile in quantiles},
        class_shares={name: _ratio(count, predictions) for name, count in classes.items()},
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
