"""Rows of the model's dashboard: what it predicts, and pod by pod."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.columns import side_by_side
from dashboards.panels import bar_chart, heatmap, row, timeseries
from dashboards.promql import drift, limits, traffic, truth
from dashboards.promql.selection import largest, smallest
from dashboards.queries import POD, VERSION, as_rows, buckets, over_time
from dashboards.style import NO_DRIFT, NO_TRUTH, NOT_RECORDED


def rows() -> Sequence[Any]:
    return (_predictions(), _pods())


def _predictions() -> Any:
    return row(
        "What it predicts",
        timeseries(
            "Class mix",
            "Each class's share of the predictions. A class that takes over, or goes, is either the world or a broken "
            "input: see the drift dashboard.",
            [over_time(largest(20, traffic.classes()), "{{prediction_class}} · {{model_version}}")],
            "percentunit",
            most=None,
            stacked=True,
            width=8,
            empty="No classes: the model predicts values, see beside; or it has had no traffic.",
        ),
        bar_chart(
            "Predictions, against the reference",
            "The share of each class, or of each bin of a model's values, in the predictions of the chosen window and "
            "in the reference. Unequal bars: the model says something else than it did in training.",
            [as_rows(drift.predictions()), as_rows(drift.reference_predictions())],
            "percentunit",
            x="bin",
            transformations=side_by_side("bin", ["now", "reference"]),
            width=8,
            empty="No records, or no reference to compare with.",
        ),
        heatmap(
            "Probability",
            "How sure the model was: how many predictions fell in each bucket of probability; darker is more. A band "
            "that slides down is a model that no longer knows what it sees.",
            buckets(traffic.probability_buckets()),
            "percentunit",
            width=8,
            empty="No `probability` was logged.",
        ),
        timeseries(
            "Mean probability",
            "The mean probability of the predictions, by version. It moves before accuracy does.",
            [over_time(largest(20, traffic.mean_probability()))],
            "percentunit",
            least=None,
            width=8,
            empty="No `probability` was logged.",
        ),
        timeseries(
            "Drift of what is predicted",
            "PSI of predictions and of their probabilities against the reference, in the chosen window; 0.1 is small, "
            "0.25 large. Up without drift of features: look at the model itself.",
            [
                over_time(largest(10, drift.of_versions(drift.PREDICTION)), f"predictions · {VERSION}"),
                over_time(largest(10, drift.of_versions(drift.PROBABILITY)), f"probabilities · {VERSION}"),
            ],
            "none",
            width=8,
            empty=NO_DRIFT,
        ),
        timeseries(
            "Accuracy",
            "Right predictions of those whose truth is known, in the chosen window; dashed: the limit, which accuracy "
            "should not be below. Of values there is none: see their errors in *Performance*.",
            [over_time(smallest(10, truth.accuracy())), over_time(limits.one_limit(limits.ACCURACY_LIMIT), "limit")],
            "percentunit",
            least=None,
            most=1,
            width=8,
            empty=NO_TRUTH,
        ),
    )


def _pods() -> Any:
    return row(
        "Pods",
        timeseries(
            "Requests by pod",
            "Requests a second of each pod, the 20 busiest. One far from the others: look at how they are balanced.",
            [over_time(largest(20, traffic.requests(labels=traffic.INSTANCE)), POD)],
            "reqps",
            width=8,
        ),
        timeseries(
            "Error ratio by pod",
            "Errors of all requests of each pod, the 20 highest. One pod alone: restart it; all: the model.",
            [over_time(largest(20, traffic.recorded_error_ratio(traffic.INSTANCE)), POD)],
            "percentunit",
            width=8,
            empty=NOT_RECORDED,
        ),
        timeseries(
            "p99 latency by pod",
            "p99 of each pod, the 20 slowest. One pod alone: its machine; all: the model or its load.",
            [over_time(largest(20, traffic.recorded_latency(0.99, traffic.INSTANCE)), POD)],
            "s",
            width=8,
            empty=NOT_RECORDED,
        ),
        folded=True,
    )
