"""Compare: one version with another, and now with a day or a week before."""

from __future__ import annotations

from typing import Any

from dashboards import metrics, variables
from dashboards.assembly import Dashboard
from dashboards.columns import VERSION_LABELS, Columns, coloured, column, joined, side_by_side, table
from dashboards.panels import bar_chart, row, stat, timeseries
from dashboards.promql import comparison, drift, limits, traffic, truth
from dashboards.promql.selection import highest, in_all, largest, lowest, smallest
from dashboards.queries import VERSION, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_DRIFT, NO_TRUTH, RED

NO_PAST = "Prometheus has nothing of that time. Choose a nearer one in `Against`."
WAS = f"{VERSION}, $against before"
COLUMNS: Columns = {
    "Requests": traffic.requests,
    "Share": traffic.share_of_requests,
    "Errors": traffic.error_ratio,
    "p50": lambda: traffic.latency(0.5),
    "p99": lambda: traffic.latency(0.99),
    "Mean probability": traffic.mean_probability,
    "Drifted features": drift.drifted_features,
    "Accuracy": truth.accuracy,
    "F1": lambda: truth.overall(metrics.F1),
    "Records": traffic.samples,
    "Limits passed": limits.broken,
}


def dashboard() -> Dashboard:
    return Dashboard(
        "compare",
        "Compare",
        "One version beside another, and now beside a day or a week before. Choose a model and its versions; `Against` "
        "is how far back to look.",
        (*variables.OF_MODELS, variables.FEATURE, variables.AGAINST),
        (_versions(), _now(), _week(), _inputs()),
    )


def _versions() -> Any:
    return row(
        "Version against version",
        table(
            "Versions",
            "A row for each version, the busiest first. Compare a new version with the one before: errors, latency and "
            "accuracy should be no worse; with few records wait.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(VERSION_LABELS, [*COLUMNS]),
            sort=("Requests", True),
            overrides=(
                column("Requests", unit="reqps"),
                *(column(title, unit="percentunit", decimals=1) for title in ("Share", "Mean probability", "Accuracy")),
                column("F1", unit="percentunit", decimals=1),
                column("Errors", unit="percentunit", decimals=2),
                *(column(title, unit="s") for title in ("p50", "p99")),
                column("Records", unit="none", decimals=0),
                column("Drifted features", decimals=0),
                coloured("Limits passed", ANY, decimals=0),
            ),
            height=7,
        ),
        timeseries(
            "Error ratio",
            "Errors of all requests, by version. A new version whose line is above the old one: roll back.",
            [over_time(largest(10, traffic.error_ratio()))],
            "percentunit",
            width=6,
        ),
        timeseries(
            "p99 latency",
            "p99 over all pods, by version. A new version may be slow until its caches are warm.",
            [over_time(largest(10, traffic.latency(0.99)))],
            "s",
            width=6,
        ),
        timeseries(
            "Accuracy",
            "Right predictions of those whose truth is known, by version. Two versions are compared fairly only on "
            "the same kind of traffic.",
            [over_time(smallest(10, truth.accuracy()))],
            "percentunit",
            least=None,
            most=1,
            width=6,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Mean probability",
            "How sure each version is, on the mean. A new one that is surer and not better is badly calibrated.",
            [over_time(largest(10, traffic.mean_probability()))],
            "percentunit",
            least=None,
            width=6,
            empty="No `probability` was logged.",
        ),
        timeseries(
            "Inputs against the live version",
            "PSI of each feature of a version against the live one (`drift.live_version`) or an earlier window "
            "(`drift.before`). A shadow that sees other inputs cannot be compared.",
            [
                over_time(drift.largest_changes(10), "{{feature_name}} · {{model_version}} against {{against}}"),
                over_time(limits.one_limit(limits.DRIFT_LIMIT), "limit"),
            ],
            "none",
            empty="Set `drift.live_version` or `drift.before`.",
        ),
        timeseries(
            "Class mix",
            "Each class's share of a version's predictions. Versions that differ on the same traffic: look why.",
            [over_time(largest(20, traffic.classes()), "{{prediction_class}} · {{model_version}}")],
            "percentunit",
            most=1,
        ),
    )


def _now() -> Any:
    return row(
        "Now against $against before",
        stat(
            "Requests, of those before",
            "Requests now, as a share of those at the same time before: 100% is as many. Far off: look upstream.",
            now(comparison.ratio(in_all, traffic.requests), "of before"),
            "percentunit",
            decimals=0,
            width=6,
            empty=NO_PAST,
        ),
        stat(
            "p99 latency, of that before",
            "p99 now, as a share of that at the same time before: red from 150%.",
            now(comparison.ratio(highest, lambda at: traffic.latency(0.99, at)), "of before"),
            "percentunit",
            decimals=0,
            steps=[(None, GREEN), (1.5, RED)],
            width=6,
            empty=NO_PAST,
        ),
        stat(
            "Error ratio, change",
            "By how much the share of errors is above that at the same time before, in points.",
            now(comparison.difference(highest, traffic.error_ratio), "more"),
            "percentunit",
            decimals=2,
            steps=[(None, GREEN), (0.01, RED)],
            width=6,
            empty=NO_PAST,
        ),
        stat(
            "Accuracy, change",
            "By how much accuracy is above or below that at the same time before, in points: red from -2%.",
            now(comparison.difference(lowest, truth.accuracy), "more"),
            "percentunit",
            decimals=1,
            steps=[(None, RED), (-0.02, GREEN)],
            width=6,
            empty=NO_PAST,
        ),
    )


def _both(of: comparison.At) -> list[Any]:
    return [over_time(largest(5, of(""))), over_time(largest(5, of(comparison.THEN)), WAS)]


def _week() -> Any:
    return row(
        "Over the time shown, now and $against before",
        timeseries(
            "Requests",
            "Requests a second, now and then. Days differ; weeks should not.",
            _both(traffic.requests),
            "reqps",
        ),
        timeseries(
            "Error ratio",
            "Errors of all requests, now and then. As many then: the trouble is not new.",
            _both(traffic.error_ratio),
            "percentunit",
        ),
        timeseries(
            "p99 latency",
            "p99 over all pods, now and then. Higher at the same traffic: the model or its machine.",
            _both(lambda at: traffic.latency(0.99, at)),
            "s",
        ),
        timeseries(
            "Drifted features",
            "Features that had drifted from the reference, of the pod with most, now and then. As many then: it is not "
            "new.",
            _both(drift.drifted_features),
            "none",
            decimals=0,
            empty=NO_DRIFT,
        ),
    )


def _inputs() -> Any:
    return row(
        "One feature, now and $against before: $feature",
        bar_chart(
            "$feature: now, and $against before",
            "The share of values in each bin, in the chosen window, the same window before, and the reference. Now as "
            "before and unlike the reference: the reference is old.",
            [as_rows(drift.shares()), as_rows(drift.shares(comparison.THEN)), as_rows(drift.reference_shares())],
            "percentunit",
            x="bin",
            transformations=side_by_side("bin", ["now", "before", "reference"]),
            width=24,
            height=9,
        ),
    )
