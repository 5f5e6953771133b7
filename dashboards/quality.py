"""The Data quality dashboard: whether the inputs of the models match the training data."""

from typing import Any

from dashboards import metrics, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import FEATURE_LABELS, OF_FEATURE, Columns, coloured, column, joined, of_limit, table
from dashboards.links import of_row
from dashboards.panels import bar_gauge, row, stat, state_timeline, timeseries
from dashboards.promql import drift, limits, quality, sidecar
from dashboards.promql.selection import highest, largest, largest_first
from dashboards.queries import FEATURE, VERSION, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_REFUSED, OF_LIMIT, RED, YELLOW, said

NO_FEATURES = "No features. Is there a reference, and does the log contain `features`?"
NOT_ENOUGH = "too few records, or no rules"
NOT_RECORDED_SHARES = "No value. Are there 100 predictions per hour, and are the rules in alerts/ loaded?"
CHECK = f"{{{{check}}}} · {VERSION}"
SHARE = [(None, GREEN), (0.05, YELLOW), (0.2, RED)]
COLUMNS: Columns = {
    "Absent": lambda: drift.of_features(metrics.ABSENT),
    "Stuck": lambda: drift.of_features(metrics.STUCK),
    "Worst, % of limit": quality.worst_share_of_limit,
    "Missing": lambda: quality.share("missing"),
    "Unseen": lambda: quality.share("unseen"),
    "Invalid": lambda: quality.share("invalid"),
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
            width=3,
            empty="no reference",
        ),
        stat(
            "Features stuck",
            "Features that varied in the reference but have only one value now. If it is not 0, look for a default "
            "value, or a cache that is not refreshed.",
            now(quality.all_flagged(metrics.STUCK), "stuck"),
            "none",
            steps=ANY,
            width=3,
            empty="no reference",
        ),
        stat(
            "Unknown features",
            "Features in the log that are not in the reference. If features are absent as well, they may have been "
            "renamed.",
            over_time(highest(quality.unknown_features()), "unknown"),
            "none",
            steps=[(None, GREEN), (1.0, YELLOW)],
            width=3,
            empty="no reference",
        ),
        _worst_of_limit(
            "Missing, % of limit",
            "missing",
            "Share of missing values of the feature with most of them, above the reference's share",
        ),
        _worst_of_limit(
            "Unseen, % of limit",
            "unseen",
            "Share of values that the reference does not have (numbers out of its range and unknown categories) of the "
            "feature with most of them",
        ),
        _worst_of_limit(
            "Invalid, % of limit",
            "invalid",
            "Share of values of the wrong type, NaN or infinite, of the feature with most of them",
        ),
        stat(
            "Rejected lines",
            "Share of lines that could not be read as records, for the source with most of them. If it is not 0, see "
            "the reasons below; the sidecar's log contains examples.",
            now(highest(sidecar.rejected_ratio()), "rejected"),
            "percentunit",
            decimals=2,
            steps=[(None, GREEN), (0.001, YELLOW), (0.05, RED)],
            width=3,
            empty="no lines",
        ),
    )


def _worst_of_limit(title: str, kind: str, share: str) -> Any:
    return stat(
        title,
        f"{share}, over the last hour and in percent of its limit, `thresholds.{quality.SHARES[kind][1]}`. Above 100% "
        "for ten minutes, an alert fires.",
        now(largest(1, quality.share_of_limit(kind)), "{{feature_name}}"),
        "percentunit",
        decimals=0,
        steps=OF_LIMIT,
        text="value_and_name",
        empty=NOT_ENOUGH,
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
            width=12,
            height=9,
            empty=NO_FEATURES,
        ),
        state_timeline(
            "Features beyond a limit",
            "The share of missing, unseen and invalid values as a share of its limit, for the five features that had "
            "most of each: yellow from 80%, red from 100%. Look for a change upstream at the time when red starts.",
            [
                over_time(quality.worst_over_time(kind), f"{{{{feature_name}}}} {kind} · {VERSION}")
                for kind in quality.SHARES
            ],
            "percentunit",
            steps=OF_LIMIT,
            width=12,
            height=9,
            empty=NOT_RECORDED_SHARES,
        ),
        timeseries(
            "Failed checks per prediction",
            "Failed checks of features per prediction, by check: missing, wrong type, not finite, out of range, "
            "unseen category.",
            [over_time(largest(20, quality.failed_checks()), CHECK)],
            "short",
            width=8,
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
            width=8,
            empty=NO_FEATURES,
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
        _shares("Missing values", "missing", "Share of missing values above the reference's share"),
        _shares("Unseen values", "unseen", "Share of numbers out of the reference's range, and of unknown categories"),
        timeseries(
            "Outliers beyond the reference",
            "Share of outliers minus that of the reference, for the five worst features. If it is far above 0, the "
            "unit or the population has changed.",
            [over_time(quality.outliers_beyond_reference(5), FEATURE)],
            "percentunit",
            least=None,
            width=8,
            height=10,
            empty="No value. The window has fewer than 100 values.",
        ),
    )


def _shares(title: str, kind: str, share: str) -> Any:
    return timeseries(
        title,
        f"{share}, over the last hour, for the five worst features. The dashed line is the limit, "
        f"`thresholds.{quality.SHARES[kind][1]}`.",
        [
            over_time(largest(5, quality.share(kind)), FEATURE),
            over_time(limits.one_recorded_limit(quality.SHARES[kind][1]), "limit"),
        ],
        "percentunit",
        width=8,
        height=10,
        empty=NOT_RECORDED_SHARES,
    )


def _table() -> Any:
    return row(
        "All features",
        table(
            "Features",
            "Features, those that exceed a limit by most first. Missing, unseen and invalid are shares of values in "
            "the last hour, above those of the reference; the rest is from the window. Compare mean and standard "
            "deviation with the values that you expect; a change of unit shows here. Click a feature to see its "
            "distribution.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(FEATURE_LABELS, [*COLUMNS]),
            sort=("Worst, % of limit", True),
            overrides=(
                coloured("Absent", ANY, mappings=FLAGGED),
                coloured("Stuck", ANY, mappings=FLAGGED),
                of_limit("Worst, % of limit"),
                *(
                    column(title, unit="percentunit", decimals=1)
                    for title in ("Missing", "Unseen", "Invalid", "Outliers")
                ),
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
