"""The Compare dashboard: one version with another, and now with an hour, a day or a week before."""

from typing import Any

from dashboards import metrics, variables
from dashboards.assembly import Dashboard
from dashboards.columns import VERSION_LABELS, Columns, coloured, column, joined, side_by_side, table
from dashboards.panels import bar_chart, row, stat, timeseries
from dashboards.promql import comparison, drift, limits, traffic, truth
from dashboards.promql.selection import highest, in_all, largest, lowest, smallest
from dashboards.queries import VERSION, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_DRIFT, NO_TRUTH, RED

NO_PAST = "Prometheus has no data of that time. Choose a shorter time in `Against`."
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
    "Limits exceeded": limits.broken,
}


def dashboard() -> Dashboard:
    return Dashboard(
        "compare",
        "Compare",
        "One version compared with another, and now compared with an hour, a day or a week before. Choose a model and "
        "its versions at the top; `Against` sets how far to look back.",
        (*variables.OF_MODELS, variables.FEATURE, variables.AGAINST),
        (_versions(), _now(), _week(), _inputs()),
    )


def _versions() -> Any:
    return row(
        "Version against version",
        table(
            "Versions",
            "One row per version, the busiest first. A new version should have no more errors, latency or mistakes "
            "than the previous one; with few records, wait before you decide.",
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
                coloured("Limits exceeded", ANY, decimals=0),
            ),
            height=7,
        ),
        timeseries(
            "Error ratio",
            "Errors as a share of all requests, by version. If the line of a new version is above that of the old "
            "one, roll back.",
            [over_time(largest(10, traffic.error_ratio()))],
            "percentunit",
            width=6,
        ),
        timeseries(
            "p99 latency",
            "p99 latency over all pods, by version. A new version may be slow until its caches are warm.",
            [over_time(largest(10, traffic.latency(0.99)))],
            "s",
            width=6,
        ),
        timeseries(
            "Accuracy",
            "Share of correct predictions among those with ground truth, by version. Compare versions only on the "
            "same kind of traffic.",
            [over_time(smallest(10, truth.accuracy()))],
            "percentunit",
            least=None,
            most=1,
            width=6,
            empty=NO_TRUTH,
        ),
        timeseries(
            "Mean probability",
            "Mean confidence of each version. If a new version is more confident but not more accurate, it is badly "
            "calibrated.",
            [over_time(largest(10, traffic.mean_probability()))],
            "percentunit",
            least=None,
            width=6,
            empty="The log contains no `probability`.",
        ),
        timeseries(
            "Inputs against the live version",
            "PSI of a version's features against the live version (`drift.live_version`) or an earlier window "
            "(`drift.before`). If a shadow version receives other inputs, the two cannot be compared.",
            [
                over_time(drift.largest_changes(10), "{{feature_name}} · {{model_version}} against {{against}}"),
                over_time(limits.one_limit(limits.DRIFT_LIMIT), "limit"),
            ],
            "none",
            empty="Set `drift.live_version` or `drift.before`.",
        ),
        timeseries(
            "Class mix",
            "Share of each class in a version's predictions. If versions differ on the same traffic, find out why.",
            [over_time(largest(20, traffic.classes()), "{{prediction_class}} · {{model_version}}")],
            "percentunit",
            most=1,
        ),
    )


def _now() -> Any:
    return row(
        "Now against $against before",
        stat(
            "Requests, share of before",
            "Requests now as a share of the requests at the same time before; 100% means no change. If it is far off, "
            "look upstream.",
            now(comparison.ratio(in_all, traffic.requests), "of before"),
            "percentunit",
            decimals=0,
            width=6,
            empty=NO_PAST,
        ),
        stat(
            "p99 latency, share of before",
            "p99 latency now as a share of p99 at the same time before. Red is 150% or more.",
            now(comparison.ratio(highest, lambda at: traffic.latency(0.99, at)), "of before"),
            "percentunit",
            decimals=0,
            steps=[(None, GREEN), (1.5, RED)],
            width=6,
            empty=NO_PAST,
        ),
        stat(
            "Error ratio, change",
            "Error ratio now minus the ratio at the same time before, in percentage points. Red is 1 point or more.",
            now(comparison.difference(highest, traffic.error_ratio), "change"),
            "percentunit",
            decimals=2,
            steps=[(None, GREEN), (0.01, RED)],
            width=6,
            empty=NO_PAST,
        ),
        stat(
            "Accuracy, change",
            "Accuracy now minus accuracy at the same time before, in percentage points. Red is a drop of more than 2 "
            "points.",
            now(comparison.difference(lowest, truth.accuracy), "change"),
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
        "Time range, now and $against before",
        timeseries(
            "Requests",
            "Requests per second, now and before. Days may differ; weeks should not.",
            _both(traffic.requests),
            "reqps",
        ),
        timeseries(
            "Error ratio",
            "Errors as a share of all requests, now and before. If both are equally high, the problem is not new.",
            _both(traffic.error_ratio),
            "percentunit",
        ),
        timeseries(
            "p99 latency",
            "p99 latency over all pods, now and before. If it is higher at the same traffic, look at the model or its "
            "machine.",
            _both(lambda at: traffic.latency(0.99, at)),
            "s",
        ),
        timeseries(
            "Drifted features",
            "Features that have drifted from the reference, now and before, on the pod with most of them. If both "
            "numbers are equal, the drift is not new.",
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
            "Share of values in each bin: in the chosen window, in the same window before, and in the reference. If "
            "now and before agree but differ from the reference, the reference is out of date.",
            [as_rows(drift.shares()), as_rows(drift.shares(comparison.THEN)), as_rows(drift.reference_shares())],
            "percentunit",
            x="bin",
            transformations=side_by_side("bin", ["now", "before", "reference"]),
            width=24,
            height=9,
        ),
    )
