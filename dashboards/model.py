"""The Model dashboard: traffic, errors, latency and predictions of a model, and the limits that it exceeds."""

from typing import Any

from dashboards import firing, model_predictions, variables
from dashboards.assembly import Dashboard
from dashboards.links import to
from dashboards.panels import heatmap, row, stat, state_timeline, timeseries
from dashboards.promql import alerts, drift, limits, traffic, truth
from dashboards.promql.selection import highest, in_all, largest, lowest
from dashboards.queries import buckets, now, over_time
from dashboards.style import ANY, NOT_RECORDED, OF_LIMIT


def dashboard() -> Dashboard:
    return Dashboard(
        "model",
        "Model",
        "One model: its traffic, errors, latency and predictions, and the limits that it exceeds. Choose a model at "
        "the top; for several, panels show sums or the worst.",
        variables.OF_MODELS,
        (_now(), _since_when(), _traffic(), _latency(), *model_predictions.rows()),
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Nearest limit",
            "The highest share of a limit that has been used: latency, errors, drift or accuracy. If it is red, the "
            "row below shows which limit it is, and since when.",
            now(highest(limits.nearest()), "of its limit"),
            "percentunit",
            decimals=0,
            steps=OF_LIMIT,
            empty="no traffic",
        ),
        firing.count(alerts.OF_MODELS),
        stat(
            "Requests",
            "Predictions and errors per second. If there are none, callers have stopped or the sidecar does not read "
            "the log.",
            over_time(in_all(traffic.requests()), "requests"),
            "reqps",
            empty="no models",
        ),
        stat(
            "p99 latency",
            "99% of predictions are faster than this. For several versions, the slowest is shown.",
            over_time(highest(traffic.latency(0.99)), "p99"),
            "s",
            empty="no traffic",
        ),
        stat(
            "Drifted features",
            "Features that have drifted in the chosen window, both by size and beyond chance, on the pod with most of "
            "them. Open the Drift dashboard to see which features they are.",
            over_time(highest(drift.drifted_features()), "drifted"),
            "none",
            steps=ANY,
            empty="too few records",
            links=[to("Which features?", "drift")],
        ),
        stat(
            "Accuracy",
            "Share of correct predictions among those with ground truth, in the chosen window. For several versions, "
            "the lowest is shown.",
            over_time(lowest(truth.accuracy()), "accuracy"),
            "percentunit",
            decimals=1,
            empty="no ground truth",
            links=[to("Performance", "performance")],
        ),
        firing.list_of_all(alerts.OF_MODELS, height=6),
    )


def _since_when() -> Any:
    return row(
        "Which limit, and since when?",
        state_timeline(
            "Limits",
            "Share of each limit (`thresholds`) that the chosen versions have used: green below 80%, yellow below "
            "100%, red above; for accuracy, the wrong predictions as a share of those allowed. A row is missing if "
            "the limit is not set, or if there is no data (for errors: no error so far).",
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
            "Predictions and errors per second, by version. During a rollout, one area replaces the other.",
            [over_time(largest(20, traffic.requests()))],
            "reqps",
            stacked=True,
            width=8,
        ),
        timeseries(
            "Error ratio",
            "Errors as a share of all requests, by version; the dashed line is the limit, if `thresholds.error_ratio` "
            "is set. If a version is above it, look at the error types in the next panel.",
            [
                over_time(largest(20, traffic.error_ratio())),
                over_time(limits.one_limit(limits.ERROR_LIMIT), "limit"),
            ],
            "percentunit",
            width=8,
        ),
        timeseries(
            "Errors by type",
            "Errors per second by `error_type`, for the ten most frequent. If a single type increases, it often "
            "points to the cause.",
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
            "Median, p95 and p99 over all pods; the dashed line is the limit of p99. If only p99 rises, a few "
            "requests are slow; if all rise, look at the model or its machine.",
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
            "Latency of all predictions",
            "Number of predictions per latency bucket; darker means more. Two bands indicate two kinds of requests or "
            "pods, which a quantile would hide.",
            buckets(traffic.latency_buckets()),
            "s",
        ),
    )
