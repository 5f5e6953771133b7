"""One model: traffic, errors, latency and what it predicts, and which of its limits it has passed."""

from __future__ import annotations

from typing import Any

from dashboards import variables
from dashboards.assembly import Dashboard
from dashboards.columns import side_by_side
from dashboards.links import ALERTS, to
from dashboards.panels import (
    ANY,
    NO_DRIFT,
    NO_TRUTH,
    OF_LIMIT,
    bar_chart,
    heatmap,
    row,
    stat,
    state_timeline,
    timeseries,
)
from dashboards.promql import drift, limits, traffic, truth
from dashboards.promql.selection import largest
from dashboards.queries import VERSION, buckets, over_time, rows

OF_POD = "{{instance}}"


def dashboard() -> Dashboard:
    return Dashboard(
        "model",
        "Model",
        "One model: how much it is asked, how often it fails, how fast it is and what it says. Choose a model above; "
        "with several, sums and the worst are shown.",
        variables.OF_MODELS,
        (_now(), _since_when(), _traffic(), _latency(), _predictions(), _pods()),
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Nearest limit",
            "How much is used of the limit that is nearest, or furthest passed: latency, errors, drift or accuracy. "
            "Red: the row below says which one, and since when.",
            over_time(f"max({limits.nearest()})", "of its limit"),
            "percentunit",
            decimals=0,
            steps=OF_LIMIT,
        ),
        stat(
            "Alerts firing",
            "Alerts that fire for the chosen versions. The marks in the charts say since when.",
            over_time(f"sum({limits.alerts()})", "firing"),
            "none",
            steps=ANY,
            links=[ALERTS],
        ),
        stat(
            "Requests",
            "Predictions and errors a second. None: callers are gone, or the sidecar does not read.",
            over_time(f"sum({traffic.requests()})", "requests"),
            "reqps",
        ),
        stat(
            "p99 latency",
            "99 of 100 predictions are faster; of several versions, the slowest.",
            over_time(f"max({traffic.latency(0.99)})", "p99"),
            "s",
        ),
        stat(
            "Drifted features",
            "Features that have drifted, by size and not by chance, in the chosen window; of several versions, the "
            "most. Open the drift dashboard to see which.",
            over_time(f"max({drift.drifted_features()})", "drifted"),
            "none",
            steps=ANY,
            empty="too few records",
            links=[to("Which features?", "drift")],
        ),
        stat(
            "Accuracy",
            "Right predictions of those whose truth is known, in the chosen window; of several versions, the lowest.",
            over_time(f"min({truth.accuracy()})", "accuracy"),
            "percentunit",
            decimals=1,
            empty="no truth",
            links=[to("Its performance", "performance")],
        ),
    )


def _since_when() -> Any:
    return row(
        "Which limit, and since when?",
        state_timeline(
            "Limits",
            "Each limit of each chosen version, `model_threshold`: how much of it was used. Green below 80%, yellow "
            "below 100%, red past it. Of accuracy it is the share of wrong predictions, of the share allowed. A limit "
            "that is not there is not set, or there is no data for it.",
            [over_time(largest(20, f"({limits.each()})"), "{{limit}} · {{model_name}} {{model_version}}")],
            "percentunit",
            steps=OF_LIMIT,
            height=7,
        ),
    )


def _traffic() -> Any:
    return row(
        "Traffic and errors",
        timeseries(
            "Requests",
            "Predictions and errors a second, by version. During a rollout one area takes over from the other.",
            [over_time(largest(20, traffic.requests()))],
            "reqps",
            stacked=True,
            width=8,
        ),
        timeseries(
            "Error ratio",
            "Errors of all requests, by version; dashed: the limit, if `thresholds.error_ratio` is set. Past it, look "
            "at the types beside.",
            [
                over_time(largest(20, traffic.error_ratio())),
                over_time(limits.one_limit(limits.ERROR_LIMIT), "limit"),
            ],
            "percentunit",
            width=8,
        ),
        timeseries(
            "Errors by type",
            "Errors a second by `error_type`, the ten most frequent. One type alone often names the culprit.",
            [over_time(largest(10, traffic.errors_by_type()), "{{error_type}} · {{model_version}}")],
            "reqps",
            width=8,
            empty="No errors were logged.",
        ),
    )


def _latency() -> Any:
    return row(
        "Latency",
        timeseries(
            "Latency",
            "Half, 95 and 99 of 100 predictions are faster than this, over all pods; dashed: the limit of p99. p99 "
            "alone up: a few slow requests; all up: the model, or its machine.",
            [
                *(
                    over_time(largest(5, traffic.latency(quantile)), f"p{100 * quantile:.0f} · {{{{model_version}}}}")
                    for quantile in (0.5, 0.95, 0.99)
                ),
                over_time(limits.one_limit(limits.LATENCY_LIMIT), "limit of p99"),
            ],
            "s",
        ),
        heatmap(
            "Latency, all predictions",
            "How many predictions fell in each bucket of latency: darker is more. Two bands are two kinds of request, "
            "or two kinds of pod, which a quantile hides.",
            buckets(traffic.latency_buckets()),
            "s",
        ),
    )


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
        ),
        bar_chart(
            "Class mix, against the reference",
            "Each class's share of the predictions of the chosen window, and of the reference. Unequal bars: the model "
            "says something else than it did in training.",
            [rows(traffic.classes_in_window()), rows(drift.reference_classes())],
            "percentunit",
            x="prediction_class",
            transformations=side_by_side("prediction_class", ["now", "reference"]),
            width=8,
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
            "should not be below.",
            [over_time(truth.accuracy()), over_time(limits.one_limit(limits.ACCURACY_LIMIT), "limit")],
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
            [over_time(largest(20, traffic.requests(labels=traffic.INSTANCE)), OF_POD)],
            "reqps",
            width=8,
        ),
        timeseries(
            "Error ratio by pod",
            "Errors of all requests of each pod, the 20 highest. One pod alone: restart it; all: the model.",
            [over_time(largest(20, traffic.error_ratio(labels=traffic.INSTANCE)), OF_POD)],
            "percentunit",
            width=8,
        ),
        timeseries(
            "p99 latency by pod",
            "p99 of each pod, the 20 slowest. One pod alone: its machine; all: the model or its load.",
            [over_time(largest(20, traffic.latency(0.99, labels=traffic.INSTANCE)), OF_POD)],
            "s",
            width=8,
        ),
        folded=True,
    )
