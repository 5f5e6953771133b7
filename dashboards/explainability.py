"""The Explainability dashboard: which features determine the predictions, and whether that has changed."""

from typing import Any

from dashboards import metrics, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import FEATURE_LABELS, OF_FEATURE, Columns, coloured, column, joined, table
from dashboards.links import of_row
from dashboards.panels import bar_gauge, row, stat, timeseries
from dashboards.promql import attribution, drift, limits
from dashboards.promql.selection import largest, largest_first, lowest, smallest
from dashboards.queries import FEATURE, VERSION, as_rows, now, over_time
from dashboards.style import GREEN, RED, TINY

MOST = 10
NO_ATTRIBUTIONS = "The log or the reference has no `attributions` (such as SHAP values)."
COLUMNS: Columns = {
    "Rank": lambda: attribution.of_features(metrics.ATTRIBUTION_RANK),
    "Rank change": attribution.rank_changes,
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
        "Which features determine the predictions, and whether that has changed. If several features drift, start "
        "with those that have a high share of the attributions.",
        (*variables.OF_MODELS, variables.USED_FEATURE),
        (_now(), _features(), _one()),
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Do the same features still determine the predictions?",
        stat(
            "Agreement with the reference",
            "How well the ranking of features agrees with the reference (NDCG), the lowest over versions and pods; 1 "
            "means the same order. Below 0.9, other features determine the predictions.",
            over_time(lowest(attribution.ranking()), "NDCG"),
            "none",
            decimals=3,
            steps=[(None, RED), (0.9, GREEN)],
            width=6,
            height=8,
            empty="no attributions",
        ),
        timeseries(
            "Agreement over time",
            "Agreement of the ranking with the reference (NDCG), by version; the dashed line is the lowest value "
            "allowed (`thresholds.attribution_ranking_ndcg`). A step is usually a deployment or a broken feature.",
            [over_time(smallest(MOST, attribution.ranking())), over_time(limits.one_limit(limits.NDCG_LIMIT), "limit")],
            "none",
            least=None,
            most=1,
            width=9,
            empty=NO_ATTRIBUTIONS,
        ),
        bar_gauge(
            "Most important features now",
            "Share of each feature in all absolute attributions, for the 15 largest.",
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
            "Share of each feature over time. If one grows at the expense of all others, check that it does not leak "
            "the ground truth.",
            [over_time(attribution.shares(), FEATURE)],
            "percentunit",
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        timeseries(
            "Ranks",
            "Rank of the ten most important features at the end of the time range, by their attributions; 1 is the "
            "most important. Where lines cross, the ranking has changed.",
            [over_time(smallest(10, attribution.ranks()), FEATURE)],
            "none",
            decimals=0,
            stepped=True,
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        timeseries(
            "Drift of attributions",
            "PSI of each feature's attributions against the reference, for the ten largest. If it rises although the "
            "feature itself has not drifted, the model uses the feature differently.",
            [over_time(largest(10, attribution.of_features(metrics.ATTRIBUTION_DRIFT_PSI)), FEATURE)],
            "none",
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        table(
            "Features",
            "Rank and share of each feature, the change of its rank in the time range (above 0: less important), and "
            "the drift of its attributions and its values. Look first at features where both have drifted. Click a "
            "feature to see its distribution.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(FEATURE_LABELS, [*COLUMNS]),
            sort=("Share", True),
            unit="none",
            overrides=(
                *(column(title, decimals=0) for title in ("Rank", "Rank change")),
                column("Share", unit="percentunit", decimals=1),
                column("Mean |attribution|", decimals=3),
                *(coloured(title, PSI, decimals=3) for title in ("PSI of attributions", "PSI of values")),
                column(
                    "Feature",
                    links=[of_row("Distribution", "drift", OF_FEATURE)],
                ),
            ),
            empty=NO_ATTRIBUTIONS,
        ),
    )


def _one() -> Any:
    psi = (
        (metrics.ATTRIBUTION_DRIFT_PSI, "PSI of attributions"),
        (metrics.ATTRIBUTION_DRIFT_PSI_CRITICAL, "PSI by chance"),
    )
    return row(
        "One feature: $feature",
        timeseries(
            "$feature: mean attribution",
            "Mean absolute attribution of the chosen feature, in the unit of the model's output.",
            [over_time(largest(MOST, attribution.one(metrics.ATTRIBUTION_MEAN_ABS)))],
            "short",
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        timeseries(
            "$feature: drift of attributions",
            "PSI of the feature's attributions, and the PSI that chance alone can cause with this many records. "
            "Ignore PSI below that line.",
            [over_time(largest(MOST, attribution.one(metric)), f"{name} · {VERSION}") for metric, name in psi],
            "none",
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
        timeseries(
            "$feature: p-value",
            "p-value of the PSI of the feature's attributions under no drift. Near 0, chance does not explain the "
            "change.",
            [over_time(smallest(MOST, attribution.one(metrics.ATTRIBUTION_DRIFT_PSI_PVALUE)))],
            "none",
            most=1,
            mappings=[TINY],
            decimals=3,
            width=8,
            empty=NO_ATTRIBUTIONS,
        ),
    )
