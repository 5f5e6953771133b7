"""One model: traffic, errors, latency and what it predicts, and which of its limits it has passed."""

from __future__ import annotations

from typing import Any

from dashboards import model_predictions, variables
from dashboards.assembly import Dashboard
from dashboards.links import ALERTS, to
from dashboards.panels import heatmap, row, stat, state_timeline, timeseries
from dashboards.promql import drift, limits, traffic, truth
from dashboards.promql.selection import highest, in_all, largest, lowest
from dashboards.queries import buckets, now, over_time
from dashboards.style import ANY, NOT_RECORDED, OF_LIMIT


def dashboard() -> Dashboard:
    return Dashboard(
        "model",
        "Model",
        "One model: how much it is asked, how often it fails, how fast it is and what it says. Choose a model above; "
        "with several, sums and the worst are shown.",
        variables.OF_MODELS,
        (_now(), _since_when(), _traffic(), _latency(), *model_predictions.rows()),
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Nearest limit",
            "How much is used of the limit that is nearest, or furthest passed: latency, errors, drift or accuracy. "
            "Red: the row below says which one, and since when.",
            now(highest(limits.nearest()), "of its limit"),
            "percentunit",
            decimals=0,
            steps=OF_LIMIT,
            empty="no traffic",
        ),
        stat(
            "Alerts firing",
            "Alerts that fire for the chosen versions. The marks in the charts say since when.",
            over_time(in_all(limits.alerts()), "firing"),
            "none",
            steps=ANY,
            links=[ALERTS],
            empty="no models",
        ),
        stat(
            "Requests",
            "Predictions and errors a second. None: callers are gone, or the sidecar does not read.",
            over_time(in_all(traffic.requests()), "requests"),
            "reqps",
            empty="no models",
        ),
        stat(
            "p99 latency",
            "99 of 100 predictions are faster; of several versions, the slowest.",
            over_time(highest(traffic.latency(0.99)), "p99"),
            "s",
            empty="no traffic",
        ),
        stat(
            "Drifted features",
            "Features that have drifted, by size and not by chance, in the chosen window, of the pod with most. Open "
            "the drift dashboard to see which.",
            over_time(highest(drift.drifted_features()), "drifted"),
            "none",
            steps=ANY,
            empty="too few records",
            links=[to("Which features?", "drift")],
        ),
        stat(
            "Accuracy",
            "Right predictions of those whose truth is known, in the chosen window; of several versions, the lowest.",
            over_time(lowest(truth.accuracy()), "accuracy"),
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
            "Each limit of each chosen version (`thresholds`): how much of it was used. Green below 80%, yellow "
            "below 100%, red past it. Of accuracy it is the share of wrong predictions, of the share allowed. A limit "
            "that is not there is not set, or there is no data for it; of errors, there never was one.",
            [
                over_time(
                    largest(20, f"({limits.each(limits.RECORDED)})"), "{{limit}} · {{model_name}} {{model_version}}"
                )
            ],
            "percentunit",
            steps=OF_LIMIT,
            height=7,
            empty=NOT_RECORDED,
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
