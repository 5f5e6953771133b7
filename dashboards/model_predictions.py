"""Rows of the Model dashboard: predictions, and traffic by pod."""

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
        "Predictions",
        timeseries(
            "Class mix",
            "Share of each class in the predictions. If a class takes over or disappears, either the population has "
            "changed or an input is broken; see the Drift dashboard.",
            [over_time(largest(20, traffic.classes()), "{{prediction_class}} · {{model_version}}")],
            "percentunit",
            most=None,
            stacked=True,
            width=8,
            empty="No classes. The model predicts numeric values (see the next panel), or it has had no traffic.",
        ),
        bar_chart(
            "Predictions, against the reference",
            "Share of each class, or of each bin of numeric values, among the predictions in the chosen window and in "
            "the reference. If bars differ, the model predicts differently than in training.",
            [as_rows(drift.predictions()), as_rows(drift.reference_predictions())],
            "percentunit",
            x="bin",
            transformations=side_by_side("bin", ["now", "reference"]),
            width=8,
            empty="No records, or no reference to compare with.",
        ),
        heatmap(
            "Probability",
            "Number of predictions per bucket of probability; darker means more. If a band moves down, the model is "
            "becoming less confident.",
            buckets(traffic.probability_buckets()),
            "percentunit",
            width=8,
            empty="The log contains no `probability`.",
        ),
        timeseries(
            "Mean probability",
            "Mean probability of the predictions, by version. It usually changes before accuracy does.",
            [over_time(largest(20, traffic.mean_probability()))],
            "percentunit",
            least=None,
            width=8,
            empty="The log contains no `probability`.",
        ),
        timeseries(
            "Drift of predictions",
            "PSI of predictions and of their probabilities against the reference, in the chosen window. 0.1 is a "
            "small change, 0.25 a large one. If it rises although no feature has drifted, look at the model itself.",
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
            "Share of correct predictions among those with ground truth, in the chosen window; the dashed line is the "
            "lowest accuracy allowed. Regression models have no accuracy; see their errors on the Performance "
            "dashboard.",
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
            "Requests per second of each pod, for the 20 busiest. If one is far from the others, check the load "
            "balancing.",
            [over_time(largest(20, traffic.requests(labels=traffic.INSTANCE)), POD)],
            "reqps",
            width=8,
        ),
        timeseries(
            "Error ratio by pod",
            "Errors as a share of all requests of each pod, for the 20 highest. If only one pod has errors, restart "
            "it; if all have, look at the model.",
            [over_time(largest(20, traffic.recorded_error_ratio(traffic.INSTANCE)), POD)],
            "percentunit",
            width=8,
            empty=NOT_RECORDED,
        ),
        timeseries(
            "p99 latency by pod",
            "p99 latency of each pod, for the 20 slowest. If only one pod is slow, look at its machine; if all are, "
            "look at the model or its load.",
            [over_time(largest(20, traffic.recorded_latency(0.99, traffic.INSTANCE)), POD)],
            "s",
            width=8,
            empty=NOT_RECORDED,
        ),
        folded=True,
    )
