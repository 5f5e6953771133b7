"""Explainability: which features the models decide by, and whether that has changed."""

from __future__ import annotations

from typing import Any

from dashboards import metrics, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import FEATURE_LABELS, OF_FEATURE, Columns, coloured, column, joined, table
from dashboards.links import of_row
from dashboards.panels import bar_gauge, row, stat, timeseries
from dashboards.promql import attribution, drift, limits
from dashboards.promql.selection import largest, largest_first, lowest, smallest
from dashboards.queries import FEATURE, VERSION, as_rows, now, over_time
from dashboards.style import GREEN, RED

MOST = 10
NO_ATTRIBUTIONS = "The log has no `attributions`, such as SHAP values."
COLUMNS: Columns = {
    "Place": lambda: attribution.of_features(metrics.ATTRIBUTION_RANK),
    "Places moved": attribution.rank_changes,
    "Share": lambda: attribution.of_features(metrics.ATTRIBUTION_SHARE),
    "Mean |attribution|": lambda: attribution.of_features(metrics.ATTRIBUTION_MEAN_ABS),
    "PSI of attributions": lambda: attribution.of_features(metrics.ATTRIBUTION_DRIFT_PSI),
    "PSI of values": lambda: drift.of_features(metrics.DRIFT_PSI),
}
PSI = [(None, GREEN), (0.1, "yellow"), (0.25, RED)]


def dashboard() -> Dashboard:
    return Dashboard(
        "explainability",
        "Explainability",
        "Which features the models decide by, and whether that has changed. A feature that drifts and decides much is "
        "the one to mend; one that drifts and decides nothing can wait.",
        (*variables.OF_MODELS, variables.USED_FEATURE),
        (_now(), _features(), _one()),
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Does the model still decide by the same features?",
        stat(
            "Agreement with the reference",
            "How far the ranking of features agrees with the reference's (NDCG): 1 is the same order; the lowest of "
            "versions and pods. Below 0.9 the model decides by something else.",
            over_time(lowest(attribution.ranking()), "NDCG"),
            "none",
            decimals=3,
            steps=[(None, RED), (0.9, GREEN)],
            width=6,
            height=8,
            empty="no attributions",
        ),
        timeseries(
            "Agreement with the reference",
            "The same over time, by version; dashed: the limit (`thresholds.attribution_ranking_ndcg`), which it "
            "should not be below. A step is a deployment or a feature that broke.",
            [over_time(smallest(MOST, attribution.ranking())), over_time(limits.one_limit(limits.NDCG_LIMIT), "limit")],
            "none",
            least=None,
            most=1,
            width=9,
            empty=NO_ATTRIBUTIONS,
        ),
        bar_gauge(
            "What decides now",
            "Each feature's share of all attributions, absolute values, the 15 largest.",
            [now(largest_first(attribution.shares()), FEATURE)],
            "percentunit",
            steps=[(None, "blue")],
            width=9,
            empty=NO_ATTRIBUTIONS,
        ),
    )


def _features() -> Any:
    return row(
        "Which features, and since when?",
        timeseries(
            "Share of attributions",
            "Each feature's share over time. One that grows at the cost of all others: the model leans on it, check "
            "that it does not leak.",
            [over_time(attribution.shares(), FEATURE)],
            "percentunit",
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        timeseries(
            "Places",
            "The place of each feature by what it decides, 1 is the first; the ten first at the end of the time shown. "
            "Lines that cross are changes of the ranking.",
            [over_time(smallest(10, attribution.ranks()), FEATURE)],
            "none",
            decimals=0,
            stepped=True,
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        timeseries(
            "Drift of attributions",
            "PSI of each feature's attributions against the reference, the ten largest. Up without drift of the "
            "feature itself: its relation to the others has changed.",
            [over_time(largest(10, attribution.of_features(metrics.ATTRIBUTION_DRIFT_PSI)), FEATURE)],
            "none",
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        table(
            "Features",
            "What each feature decides, how many places it has moved in the time shown (above 0: it matters less), and "
            "drift of its attributions and of its values. Both high: the culprit. Click a feature for its "
            "distribution.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(FEATURE_LABELS, [*COLUMNS]),
            sort=("Share", True),
            unit="none",
            overrides=(
                *(column(title, decimals=0) for title in ("Place", "Places moved")),
                column("Share", unit="percentunit", decimals=1),
                column("Mean |attribution|", decimals=3),
                *(coloured(title, PSI, decimals=3) for title in ("PSI of attributions", "PSI of values")),
                column(
                    "Feature",
                    links=[of_row("Its distribution", "drift", OF_FEATURE)],
                ),
            ),
            empty=NO_ATTRIBUTIONS,
        ),
    )


def _one() -> Any:
    psi = (
        (metrics.ATTRIBUTION_DRIFT_PSI, "PSI of attributions"),
        (metrics.ATTRIBUTION_DRIFT_PSI_CRITICAL, "what it may reach by chance"),
    )
    return row(
        "One feature: $feature",
        timeseries(
            "$feature: mean attribution",
            "The mean absolute attribution of the chosen feature, in the unit of the model's output.",
            [over_time(largest(MOST, attribution.one(metrics.ATTRIBUTION_MEAN_ABS)))],
            "short",
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        timeseries(
            "$feature: drift of attributions",
            "PSI of its attributions, and what PSI may reach by chance with as many records. Below the second line it "
            "says nothing.",
            [over_time(largest(MOST, attribution.one(metric)), f"{name} · {VERSION}") for metric, name in psi],
            "none",
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        timeseries(
            "$feature: p-value",
            "The probability of as much drift of its attributions where nothing has changed. Near 0 it is no chance.",
            [over_time(smallest(MOST, attribution.one(metrics.ATTRIBUTION_DRIFT_PSI_PVALUE)))],
            "none",
            most=1,
            decimals=3,
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
    )
