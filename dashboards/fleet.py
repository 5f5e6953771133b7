"""The Fleet dashboard: which model has a problem, since when, and because of what."""

from typing import Any

from dashboards import firing, variables
from dashboards.assembly import Dashboard
from dashboards.columns import OF_VERSION, VERSION_LABELS, Columns, coloured, column, joined, of_limit, table
from dashboards.links import of_row, of_series
from dashboards.panels import bar_gauge, row, stat, state_timeline, timeseries
from dashboards.promql import alerts, drift, limits, traffic, truth
from dashboards.promql.selection import in_all, largest, largest_first, number_of, smallest
from dashboards.queries import FEATURE, as_rows, now, over_time
from dashboards.style import ANY, NO_DRIFT, NO_TRUTH, NOT_RECORDED, OF_LIMIT

COLUMNS: Columns = {
    "Limits exceeded": limits.broken,
    "Alerts": alerts.of_versions,
    "Requests": traffic.requests,
    "Errors": traffic.error_ratio,
    "Errors, % of limit": limits.errors,
    "p99": lambda: traffic.latency(0.99),
    "p99, % of limit": limits.latency,
    "Drifted features": drift.drifted_features,
    "Drift, % of limit": limits.drift,
    "Accuracy": truth.accuracy,
    "Mistakes, % of limit": limits.accuracy,
}
OPEN_MODEL = of_series("Open this model", "model", "model_name", "model_version")


def dashboard() -> Dashboard:
    return Dashboard(
        "fleet",
        "Fleet",
        "All models, those with problems first. Each row shows a model's traffic, errors, latency, drift, accuracy "
        "and alerts. Colours show a value as a share of the model's own limit (`thresholds`). Click a model to open "
        "it.",
        variables.OF_MODELS,
        (_now(), _since_when(), _lines()),
    )


def _now() -> Any:
    return row(
        "Which model has a problem?",
        stat(
            "Models above a limit",
            "Model versions that exceed at least one of their limits: latency, errors, drift or accuracy. If it is "
            "not 0, look at the first rows of the table.",
            now(limits.in_trouble(), "above a limit"),
            "none",
            steps=ANY,
            width=6,
            empty="no response",
        ),
        firing.count(alerts.OF_MODELS, width=6),
        stat(
            "Models",
            "Model versions that are being served. If there are fewer than you expect, a sidecar may be down; see the "
            "Exporter dashboard.",
            over_time(number_of(traffic.samples()), "versions"),
            "none",
            width=6,
            empty="no models",
        ),
        stat(
            "Requests",
            "Predictions and errors per second, over all chosen models. If the rate drops unexpectedly, look upstream.",
            over_time(in_all(traffic.requests()), "requests"),
            "reqps",
            width=6,
            empty="no models",
        ),
        table(
            "Models",
            "One row per version, those that exceed most limits first. Coloured cells show the share of the version's "
            "own limit (yellow from 80%, red from 100%); they are empty if the limit is not set or there is no data. "
            "Click a model or a version to open it.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(VERSION_LABELS, [*COLUMNS]),
            sort=("Limits exceeded", True),
            overrides=(
                coloured("Limits exceeded", ANY, decimals=0),
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
                column("Accuracy", links=[of_row("Performance", "performance", OF_VERSION)]),
            ),
            height=10,
        ),
        firing.list_of_all(alerts.OF_MODELS),
    )


def _since_when() -> Any:
    return row(
        "Since when?",
        state_timeline(
            "Nearest limit",
            "The highest share of a limit that each version has used, for the 20 worst at each time: green below 80%, "
            "yellow below 100%, red above. The problem started where red starts; open the model to see which limit it "
            "is.",
            [over_time(largest(20, limits.nearest_recorded()))],
            "percentunit",
            steps=OF_LIMIT,
            empty=NOT_RECORDED,
            links=[OPEN_MODEL],
            width=16,
            height=9,
        ),
        bar_gauge(
            "Most drifted features, % of limit",
            "The ten features of all models whose PSI is the highest percentage of its limit, even if chance could "
            "explain it. If a model with a problem has no feature here, look at its errors and latency.",
            [now(largest_first(largest(10, limits.psi_of_features())), FEATURE), now(limits.whole_limit(), "limit")],
            "percentunit",
            steps=OF_LIMIT,
            decimals=0,
            width=8,
            height=9,
            empty=NO_DRIFT,
            links=[of_series("Drift", "drift", "model_name", "model_version", feature="feature_name")],
        ),
    )


def _lines() -> Any:
    return row(
        "Top ten over time",
        timeseries(
            "Requests",
            "Predictions and errors per second of the ten busiest versions. A line that ends means that the version "
            "no longer receives requests.",
            [over_time(largest(10, traffic.requests()))],
            "reqps",
            links=[OPEN_MODEL],
        ),
        timeseries(
            "Error ratio",
            "Errors as a share of all requests, for the ten highest. Open the model to see its errors by type.",
            [over_time(largest(10, traffic.error_ratio()))],
            "percentunit",
            links=[OPEN_MODEL],
        ),
        timeseries(
            "p99 latency",
            "99% of predictions are faster than this. Computed over all pods of a version, for the ten slowest.",
            [over_time(largest(10, traffic.latency(0.99)))],
            "s",
            links=[OPEN_MODEL],
        ),
        timeseries(
            "Drifted features",
            "Features that have drifted in the chosen window, both by size and beyond chance, on the pod with most of "
            "them, for the ten highest versions. Open the Drift dashboard to see which features they are.",
            [over_time(largest(10, drift.drifted_features()))],
            "none",
            decimals=0,
            empty=NO_DRIFT,
            links=[of_series("Which features?", "drift", "model_name", "model_version")],
        ),
        timeseries(
            "Accuracy",
            "Share of correct predictions among those with ground truth, in the chosen window, for the ten lowest.",
            [over_time(smallest(10, truth.accuracy()))],
            "percentunit",
            least=None,
            most=1,
            empty=NO_TRUTH,
            links=[of_series("Performance", "performance", "model_name", "model_version")],
        ),
        timeseries(
            "Limits exceeded",
            "How many of its limits (latency, errors, drift, accuracy) each version exceeds, for the ten highest. "
            "Open the model to see which limits they are.",
            [over_time(largest(10, limits.broken_recorded()))],
            "none",
            decimals=0,
            stepped=True,
            empty=NOT_RECORDED,
            links=[OPEN_MODEL],
        ),
    )
