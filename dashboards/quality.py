"""Data quality: whether the models are given what they were trained on."""

from __future__ import annotations

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

NO_FEATURES = "No features: is there a reference, and does the log hold `features`?"
CHECK = f"{{{{check}}}} · {VERSION}"
SHARE = [(None, GREEN), (0.05, YELLOW), (0.2, RED)]
COLUMNS: Columns = {
    "Absent": lambda: drift.of_features(metrics.ABSENT),
    "Stuck": lambda: drift.of_features(metrics.STUCK),
    "Missing": lambda: drift.of_features(metrics.MISSING_RATIO),
    "Outliers": lambda: drift.of_features(metrics.OUTLIER_RATIO),
    "Categories": lambda: drift.of_features(metrics.DISTINCT_CATEGORIES),
    "Mean": lambda: drift.of_features(metrics.MEAN),
    "Deviation": lambda: drift.of_features(metrics.STDDEV),
}
FLAGGED = said("no", "yes")


def dashboard() -> Dashboard:
    return Dashboard(
        "quality",
        "Data quality",
        "Whether the models are given what they were trained on: values that are missing, of a wrong type, out of "
        "range or never seen, features that are gone or stuck, and lines that cannot be read.",
        variables.OF_MODELS,
        (_now(), _over_time(), _table(), _lines()),
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Features absent",
            "Features that records no longer hold, though the reference does. Above 0: a producer has dropped or "
            "renamed them.",
            now(quality.all_flagged(metrics.ABSENT), "absent"),
            "none",
            steps=ANY,
            empty="no reference",
        ),
        stat(
            "Features stuck",
            "Features that have one value only, though they had many. Above 0: a default, or a cache that is not "
            "refreshed.",
            now(quality.all_flagged(metrics.STUCK), "stuck"),
            "none",
            steps=ANY,
            empty="no reference",
        ),
        stat(
            "Unknown features",
            "Names in the log that the reference does not know. Above 0, with absent ones: a rename.",
            over_time(highest(quality.unknown_features()), "unknown"),
            "none",
            steps=[(None, GREEN), (1.0, YELLOW)],
            empty="no reference",
        ),
        stat(
            "Most missing",
            "The share of values missing, of the feature that misses most. The chart below names it.",
            over_time(highest(quality.missing(1)), "missing"),
            "percentunit",
            decimals=1,
            empty="no records",
        ),
        stat(
            "Failed checks a prediction",
            "All features together: 1 is one broken value in each.",
            now(highest(quality.all_failed_checks()), "a prediction"),
            "short",
            empty="needs the rules of alerts/",
        ),
        stat(
            "Lines refused",
            "Share of lines that could not be read as records, of the source with most. Above 0: see the reasons "
            "below; the sidecar's log has samples.",
            now(highest(sidecar.rejected_ratio()), "refused"),
            "percentunit",
            decimals=2,
            steps=[(None, GREEN), (0.001, YELLOW), (0.05, RED)],
            empty="no lines",
        ),
    )


def _over_time() -> Any:
    return row(
        "Which feature, what, and since when?",
        state_timeline(
            "Features absent or stuck",
            "Red while a feature is absent or stuck. Where red begins, look for a deployment upstream.",
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
            "Failed checks a prediction",
            "Failed checks of features a prediction, by check: missing, wrong type, not finite, out of range, unseen "
            "category.",
            [over_time(largest(20, quality.failed_checks()), CHECK)],
            "short",
            width=12,
            empty="Needs the recording rules of alerts/, and a reference.",
        ),
        bar_gauge(
            "Features that fail most",
            "Failed checks a prediction, now, of the ten worst features and checks. 100% is every prediction.",
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
            "The share of values missing in the window, the ten worst features; dashed: the limit, if "
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
            "By how much the share of outliers is above that of the reference, the ten worst. Points far up: another "
            "unit, or another population.",
            [over_time(quality.outliers_beyond_reference(), FEATURE)],
            "percentunit",
            least=None,
            width=8,
            empty="No value under 100 values a window.",
        ),
        timeseries(
            "Records",
            "Records a prediction that miss a feature altogether or repeat a request id. Repeats: a retry that is "
            "logged twice.",
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
            "What each feature is like in the window; absent and stuck ones first. Compare mean and deviation with "
            "what the feature should be: a unit that changed shows here. Click a feature for its distribution.",
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
                    links=[of_row("Its distribution", "drift", OF_FEATURE)],
                ),
            ),
            empty=NO_FEATURES,
        ),
    )


def _lines() -> Any:
    return row(
        "Lines that could not be read",
        timeseries(
            "Refused lines",
            "Lines a second that are no records, by reason. `invalid_json`: two writers, or a line cut off; "
            "`missing_field`: check `fields`; `timestamp_past`: an old log is read.",
            [over_time(largest(10, sidecar.refused_by_reason()), "{{reason}} · {{source}}")],
            "cps",
            width=24,
            empty=NO_REFUSED,
        ),
        folded=True,
    )
