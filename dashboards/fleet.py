"""The fleet: which of all models is in trouble, since when, and what with."""

from __future__ import annotations

from typing import Any

from dashboards import variables
from dashboards.assembly import Dashboard
from dashboards.columns import OF_VERSION, VERSION_LABELS, Columns, coloured, column, joined, of_limit, table
from dashboards.links import ALERTS, of_row, of_series
from dashboards.panels import bar_gauge, row, stat, state_timeline, timeseries
from dashboards.promql import drift, limits, traffic, truth
from dashboards.promql.selection import in_all, largest, largest_first, number_of, smallest
from dashboards.queries import FEATURE, as_rows, now, over_time
from dashboards.style import ANY, NO_DRIFT, NO_TRUTH, NOT_RECORDED, OF_LIMIT

COLUMNS: Columns = {
    "Limits passed": limits.broken,
    "Alerts": limits.alerts,
    "Requests": traffic.requests,
    "Errors": traffic.error_ratio,
    "Errors, of limit": limits.errors,
    "p99": lambda: traffic.latency(0.99),
    "p99, of limit": limits.latency,
    "Drifted features": drift.drifted_features,
    "Drift, of limit": limits.drift,
    "Accuracy": truth.accuracy,
    "Wrong, of limit": limits.accuracy,
}
OPEN_MODEL = of_series("Open this model", "model", "model_name", "model_version")


def dashboard() -> Dashboard:
    return Dashboard(
        "fleet",
        "Fleet",
        "All models, the ones in trouble first: a row each with traffic, errors, latency, drift, accuracy and alerts. "
        "What is coloured is a share of the model's own limit, its `thresholds`. Click a model to open it.",
        variables.OF_MODELS,
        (_now(), _since_when(), _lines()),
    )


def _now() -> Any:
    return row(
        "Which model is in trouble?",
        stat(
            "Models in trouble",
            "Versions that have passed at least one of their limits: latency, errors, drift or accuracy. "
            "Above 0, look at the first rows of the table.",
            now(limits.in_trouble(), "in trouble"),
            "none",
            steps=ANY,
            width=6,
            empty="no answer",
        ),
        stat(
            "Alerts firing",
            "Alerts that fire now for the chosen models, each version counted. The marks in the charts say since when.",
            over_time(in_all(limits.alerts()), "firing"),
            "none",
            steps=ANY,
            width=6,
            links=[ALERTS],
            empty="no models",
        ),
        stat(
            "Models",
            "Versions that are served. Fewer than there should be: a sidecar is down, see the exporter's dashboard.",
            over_time(number_of(traffic.samples()), "versions"),
            "none",
            width=6,
            empty="no models",
        ),
        stat(
            "Requests",
            "Predictions and errors a second, of all chosen models. A step down that nobody ordered is upstream.",
            over_time(in_all(traffic.requests()), "requests"),
            "reqps",
            width=6,
            empty="no models",
        ),
        table(
            "Models",
            "A row for each version, those that have passed most limits first. A coloured cell is the share of the "
            "version's own limit: yellow from 80%, red from 100%; empty where there is no such limit or no such data. "
            "Drift counts only if it is large and not chance. Click a model or version to open it.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(VERSION_LABELS, [*COLUMNS]),
            sort=("Limits passed", True),
            overrides=(
                coloured("Limits passed", ANY, decimals=0),
                coloured("Alerts", ANY, decimals=0),
                column("Requests", unit="reqps"),
                column("Errors", unit="percentunit", decimals=2),
                column("p99", unit="s"),
                column("Drifted features", unit="none", decimals=0),
                column("Accuracy", unit="percentunit", decimals=1),
                *(of_limit(title) for title in COLUMNS if title.endswith("of limit")),
                column("Model", links=[of_row("Open this model", "model", OF_VERSION)]),
                column("Version", links=[of_row("Open this version", "model", OF_VERSION)]),
                column("Drifted features", links=[of_row("Which features?", "drift", OF_VERSION)]),
                column("Accuracy", links=[of_row("Its performance", "performance", OF_VERSION)]),
            ),
            height=10,
        ),
    )


def _since_when() -> Any:
    return row(
        "Since when?",
        state_timeline(
            "Nearest limit",
            "For each version, how much it used of the limit that it was nearest to, or furthest past: green below "
            "80%, yellow below 100%, red past it. The 20 worst at each time. Where red begins, trouble began; "
            "open the model to see which limit.",
            [over_time(largest(20, limits.nearest_recorded()))],
            "percentunit",
            steps=OF_LIMIT,
            empty=NOT_RECORDED,
            links=[OPEN_MODEL],
            width=16,
            height=9,
        ),
        bar_gauge(
            "Features to blame",
            "The ten features of all models whose PSI is the largest share of its limit, chance included; a full bar "
            "is past it. A model in trouble with none of its features here: look at its errors and its latency.",
            [now(largest_first(largest(10, limits.psi_of_features())), FEATURE)],
            "percentunit",
            steps=OF_LIMIT,
            most=1,
            decimals=0,
            width=8,
            height=9,
            empty=NO_DRIFT,
            links=[of_series("Its drift", "drift", "model_name", "model_version", feature="feature_name")],
        ),
    )


def _lines() -> Any:
    return row(
        "The ten largest of each",
        timeseries(
            "Requests",
            "Predictions and errors a second of the ten busiest versions. A line that ends has no traffic any more.",
            [over_time(largest(10, traffic.requests()))],
            "reqps",
            links=[OPEN_MODEL],
        ),
        timeseries(
            "Error ratio",
            "Errors of all requests, the ten highest. Open the model to see the types of its errors.",
            [over_time(largest(10, traffic.error_ratio()))],
            "percentunit",
            links=[OPEN_MODEL],
        ),
        timeseries(
            "p99 latency",
            "99 of 100 predictions are faster than this, over all pods of a version; the ten slowest.",
            [over_time(largest(10, traffic.latency(0.99)))],
            "s",
            links=[OPEN_MODEL],
        ),
        timeseries(
            "Drifted features",
            "Features that have drifted, by size and not by chance, in the chosen window, of the pod with most; the "
            "ten versions with most. Open the drift dashboard to see which.",
            [over_time(largest(10, drift.drifted_features()))],
            "none",
            decimals=0,
            empty=NO_DRIFT,
            links=[of_series("Which features?", "drift", "model_name", "model_version")],
        ),
        timeseries(
            "Accuracy",
            "Right predictions of those whose truth is known, in the chosen window; the ten lowest.",
            [over_time(smallest(10, truth.accuracy()))],
            "percentunit",
            least=None,
            most=1,
            empty=NO_TRUTH,
            links=[of_series("Its performance", "performance", "model_name", "model_version")],
        ),
        timeseries(
            "Passed limits",
            "How many limits each version has passed: latency, errors, drift, accuracy. The ten with most.",
            [over_time(largest(10, limits.broken_recorded()))],
            "none",
            decimals=0,
            stepped=True,
            empty=NOT_RECORDED,
            links=[OPEN_MODEL],
        ),
    )
