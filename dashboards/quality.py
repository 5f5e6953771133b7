"""The Data quality dashboard: whether the inputs of the models match the training data."""

from typing import Any

from dashboards import metrics, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import FEATURE_LABELS, OF_FEATURE, Columns, coloured, column, joined, table
from dashboards.links import of_row
from dashboards.panels import bar_gauge, row, stat, state_timeline, timeseries
from dashboards.promql import drift, limits, quality, sidecar
from dashboards.promql.selection import highest, largest, largest_first
from dashboards.queries import FEATURE, VERSION, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_REFUSED, RED, YELLOW, said

NO_FEATURES = "No features. Is there a reference, and does the log contain `features`?"
CHECK = f"{{{{check}}}} · {VERSION}"
SHARE = [(None, GREEN), (0.05, YELLOW), (0.2, RED)]
COLUMNS: Columns = {
    "Absent": lambda: drift.of_features(metrics.ABSENT),
    "Stuck": lambda: drift.of_features(metrics.STUCK),
    "Missing": lambda: drift.of_features(metrics.MISSING_RATIO),
    "Outliers": lambda: drift.of_features(metrics.OUTLIER_RATIO),
    "Categories": lambda: drift.of_features(metrics.DISTINCT_CATEGORIES),
    "Mean": lambda: drift.of_features(metrics.MEAN),
    "Std. dev.": lambda: drift.of_features(metrics.STDDEV),
}
FLAGGED = said("no", "yes")


def dashboard() -> Dashboard:
    return Dashboard(
        "quality",
        "Data quality",
        "Whether the inputs match the training data: values that are missing, of the wrong type, out of range or "
        "unseen, features that are absent or stuck, and lines that cannot be read.",
        variables.OF_MODELS,
        (_now(), _over_time(), _table(), _lines()),
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Features absent",
            "Features of the reference that are absent or null in all records of the window. If it is not 0, a "
            "producer has dropped or renamed them.",
            now(quality.all_flagged(metrics.ABSENT), "absent"),
            "none",
            steps=ANY,
            empty="no reference",
        ),
        stat(
            "Features stuck",
            "Features that varied in the reference but have only one value now. If it is not 0, look for a default "
            "value, or a cache that is not refreshed.",
            now(quality.all_flagged(metrics.STUCK), "stuck"),
            "none",
            steps=ANY,
            empty="no reference",
        ),
        stat(
            "Unknown features",
            "Features in the log that are not in the reference. If features are absent as well, they may have been "
            "renamed.",
            over_time(highest(quality.unknown_features()), "unknown"),
            "none",
            steps=[(None, GREEN), (1.0, YELLOW)],
            empty="no reference",
        ),
        stat(
            "Highest missing ratio",
            "Share of missing values of the feature with most of them. The chart of missing values below names the "
            "feature.",
            over_time(highest(quality.missing(1)), "missing"),
            "percentunit",
            decimals=1,
            empty="no records",
        ),
        stat(
            "Failed checks per prediction",
            "Failed checks per prediction, over all features. A value of 1 means one invalid value per prediction on "
            "average.",
            now(highest(quality.all_failed_checks()), "per prediction"),
            "short",
            empty="needs the rules in alerts/",
        ),
        stat(
            "Rejected lines",
            "Share of lines that could not be read as records, for the source with most of them. If it is not 0, see "
            "the reasons below; the sidecar's log contains examples.",
            now(highest(sidecar.rejected_ratio()), "rejected"),
            "percentunit",
            decimals=2,
            steps=[(None, GREEN), (0.001, YELLOW), (0.05, RED)],
            empty="no lines",
        ),
    )


def _over_time() -> Any:
    return row(
        "Which feature, which check, and since when?",
        state_timeline(
            "Features absent or stuck",
            "Red while a feature is absent or stuck. Look for a deployment upstream at the time when red starts.",
            [
                over_time(quality.flags(metric), f"{{{{feature_name}}}} {flag} · {VERSION}")
                for flag, metric in (("absent", metrics.ABSENT), ("stuck", metrics.STUCK))
            ],
            "none",
            steps=ANY,
            mappings=FLAGGED,
            height=9,
            empty=NO_FEATURES,
        ),
        timeseries(
            "Failed checks per prediction",
            "Failed checks of features per prediction, by check: missing, wrong type, not finite, out of range, "
            "unseen category.",
            [over_time(largest(20, quality.failed_checks()), CHECK)],
            "short",
            width=12,
            empty="Needs the recording rules in alerts/ and a reference.",
        ),
        bar_gauge(
            "Features that fail most",
            "Failed checks per prediction now, for the ten worst pairs of feature and check. 100% means every "
            "prediction.",
            [now(largest_first(quality.failing_features()), f"{{{{check}}}} · {FEATURE}")],
            "percentunit",
            steps=SHARE,
            most=1,
            decimals=1,
            width=12,
            empty=NO_FEATURES,
        ),
        timeseries(
            "Missing values",
            "Share of missing values in the window, for the ten worst features. The dashed line is the limit, if "
            "`thresholds.missing_ratio` is set.",
            [
                over_time(quality.missing(), FEATURE),
                over_time(limits.one_limit(limits.MISSING_LIMIT), "limit"),
            ],
            "percentunit",
            width=8,
            empty=NO_FEATURES,
        ),
        timeseries(
            "Outliers beyond the reference",
            "Share of outliers minus that of the reference, for the ten worst features. If it is far above 0, the "
            "unit or the population has changed.",
            [over_time(quality.outliers_beyond_reference(), FEATURE)],
            "percentunit",
            least=None,
            width=8,
            empty="No value. The window has fewer than 100 values.",
        ),
        timeseries(
            "Failed record checks",
            "Records per prediction that lack a feature or repeat a request ID. Repeated IDs are usually retries that "
            "are logged twice.",
            [over_time(largest(20, quality.failed_records()), CHECK)],
            "short",
            width=8,
            empty=NO_FEATURES,
        ),
    )


def _table() -> Any:
    return row(
        "All features",
        table(
            "Features",
            "Statistics of each feature in the window, those with most missing values first. Compare mean and "
            "standard deviation with the values that you expect; a change of unit shows here. Click a feature to see "
            "its distribution.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(FEATURE_LABELS, [*COLUMNS]),
            sort=("Missing", True),
            overrides=(
                coloured("Absent", ANY, mappings=FLAGGED),
                coloured("Stuck", ANY, mappings=FLAGGED),
                coloured("Missing", SHARE, unit="percentunit", decimals=1),
                column("Outliers", unit="percentunit", decimals=1),
                column("Categories", decimals=0),
                column(
                    "Feature",
                    links=[of_row("Distribution", "drift", OF_FEATURE)],
                ),
            ),
            empty=NO_FEATURES,
        ),
    )


def _lines() -> Any:
    return row(
        "Lines that could not be read",
        timeseries(
            "Rejected lines",
            "Lines per second that are not valid records, by reason. For `invalid_json`, look for two writers or "
            "truncated lines; for `missing_field`, check `fields`; for `timestamp_past`, check whether an old log is "
            "being read.",
            [over_time(largest(10, sidecar.refused_by_reason()), "{{reason}} · {{source}}")],
            "cps",
            width=24,
            empty=NO_REFUSED,
        ),
        folded=True,
    )
