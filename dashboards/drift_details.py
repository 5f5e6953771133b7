"""Rows of the Drift dashboard: one feature, features together, other times and versions, and all pods."""

from collections.abc import Sequence
from typing import Any

from dashboards import metrics
from dashboards.columns import side_by_side
from dashboards.panels import bar_chart, bar_gauge, row, stat, state_timeline, timeseries
from dashboards.promql import drift, limits
from dashboards.promql.selection import highest, largest, largest_first, smallest
from dashboards.queries import FEATURE, VERSION, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_DRIFT, RED, TINY, said

# The number of models shown that have the same feature.
MOST = 20
CHANGE = "{{feature_name}} · against {{against}} · {{model_version}}"
# Without drift, 0.3% of windows are beyond 3 standard errors.
ZSCORE = [(None, RED), (-3.0, GREEN), (3.0, RED)]


def rows() -> Sequence[Any]:
    return (_together(), _others(), _fleet())


def one() -> Any:
    of_psi = (
        (metrics.DRIFT_PSI, "PSI"),
        (metrics.DRIFT_PSI_CRITICAL, "PSI by chance"),
    )
    return row(
        "One feature: $feature",
        bar_chart(
            "$feature: now and in the reference",
            "Share of values in each bin, in the chosen window over all pods and in the reference (needs "
            "`exported_bins`). The distribution has changed where bars differ; if `missing` or `other` has grown, the "
            "input is broken.",
            [as_rows(drift.shares()), as_rows(drift.reference_shares())],
            "percentunit",
            x="bin",
            transformations=side_by_side("bin", ["now", "reference"]),
            width=12,
            height=9,
        ),
        timeseries(
            "$feature: PSI and chance",
            "PSI of the feature, the PSI that chance alone can cause with this many records, and the limit (dashed). "
            "Ignore PSI below the line of chance.",
            [
                *(
                    over_time(largest(MOST, drift.of_one_feature(metric)), f"{name} · {VERSION}")
                    for metric, name in of_psi
                ),
                over_time(limits.one_limit(limits.DRIFT_LIMIT), "limit"),
            ],
            "none",
            height=9,
            empty=NO_DRIFT,
        ),
        timeseries(
            "$feature: values",
            "Mean, standard deviation and quantiles of the values in the window, or the number of categories of a "
            "categorical feature. A jump by a factor of 100 or 1000 is usually a change of unit.",
            [
                over_time(drift.values_of_one_feature(MOST), f"{{{{figure}}}} · {VERSION}"),
                over_time(largest(MOST, drift.quantiles_of_one_feature()), f"quantile {{{{quantile}}}} · {VERSION}"),
            ],
            "short",
            least=None,
            empty="No values. There are too few records.",
        ),
        timeseries(
            "$feature: p-values",
            "p-values of PSI, Kolmogorov-Smirnov and χ² under no drift. Near 0, chance does not explain the change; "
            "look at PSI to see whether it is large.",
            [
                over_time(smallest(MOST, drift.of_one_feature(metrics.DRIFT_PSI_PVALUE)), f"PSI · {VERSION}"),
                over_time(smallest(MOST, drift.of_one_feature(metrics.DRIFT_KS_PVALUE)), f"KS · {VERSION}"),
                over_time(smallest(MOST, drift.of_one_feature(metrics.DRIFT_CHI2_PVALUE)), f"χ² · {VERSION}"),
            ],
            "none",
            most=1,
            mappings=[TINY],
            decimals=3,
            empty=NO_DRIFT,
        ),
    )


def _together() -> Any:
    return row(
        "Features together, embeddings, predictions",
        timeseries(
            "Multivariate drift",
            "How far records deviate from the relations between features in the reference, in standard errors; beyond "
            "±3, chance is unlikely. Above 3, relations have broken, even if no single feature has moved; below -3, "
            "records have become simpler, for example because a feature is missing.",
            [over_time(largest(10, drift.of_versions(metrics.MULTIVARIATE_ZSCORE)))],
            "none",
            least=None,
            width=8,
            empty="No value. The window has fewer than 30 records, or the reference has no principal components.",
        ),
        stat(
            "Multivariate drift now",
            "Current multivariate drift, in standard errors, of the version with the highest value. Red is beyond ±3.",
            over_time(highest(drift.of_versions(metrics.MULTIVARIATE_ZSCORE)), "standard errors"),
            "none",
            decimals=1,
            steps=ZSCORE,
            height=8,
            empty="too few records",
        ),
        timeseries(
            "Embeddings",
            "PSI of embeddings along random directions, and the shift of their mean in units of the reference's "
            "spread. A PSI above 0.25 indicates texts or images of another kind.",
            [
                over_time(largest(10, drift.of_features(metrics.EMBEDDING_DRIFT_PSI)), f"PSI · {FEATURE}"),
                over_time(
                    largest(10, drift.of_features(metrics.EMBEDDING_MEAN_SHIFT)), f"shift of the mean · {FEATURE}"
                ),
            ],
            "none",
            width=12,
            empty="No embeddings, or fewer than 100 vectors in the window.",
        ),
        timeseries(
            "Predictions and probabilities",
            "PSI of the predictions and of their probabilities against the reference. They move if the drift of "
            "features affects the model.",
            [
                over_time(largest(10, drift.of_versions(drift.PREDICTION)), f"predictions · {VERSION}"),
                over_time(largest(10, drift.of_versions(drift.PROBABILITY)), f"probabilities · {VERSION}"),
            ],
            "none",
            width=12,
            empty=NO_DRIFT,
        ),
        bar_gauge(
            "Bins that moved most",
            "Change in the share of a bin, up or down, among the features with the highest PSI. 10% means ten "
            "percentage points.",
            [now(largest_first(drift.moved_bins()), "{{feature_name}}: {{bin}} · {{model_version}}")],
            "percentunit",
            steps=[(None, "blue")],
            empty=NO_DRIFT,
        ),
    )


def _others() -> Any:
    return row(
        "Against yesterday, last week or another version",
        timeseries(
            "Change",
            "PSI of each feature against an earlier window (`drift.before`) or the live version "
            "(`drift.live_version`). If it is large against yesterday, the change happened today.",
            [over_time(drift.largest_changes(10), CHANGE)],
            "none",
            empty="Set `drift.before` or `drift.live_version`.",
        ),
        state_timeline(
            "Changed",
            "Red while a feature differs from an earlier window or another version, both by size and beyond chance.",
            [over_time(largest(20, drift.changes(metrics.CHANGED)), CHANGE)],
            "none",
            steps=ANY,
            width=12,
            height=8,
            mappings=said("no", "changed"),
            empty="Set `drift.before` or `drift.live_version`.",
        ),
        folded=True,
    )


def _fleet() -> Any:
    return row(
        "All pods together",
        timeseries(
            "PSI of all pods' records together",
            "PSI of the last hour over the records of all pods, from the recording rules in `alerts/`, for the 20 "
            "largest; the dashed line is the limit. It is less affected by chance than the PSI of single pods, which "
            "have fewer records.",
            [over_time(drift.of_fleet(), FEATURE), over_time(limits.one_limit(limits.DRIFT_LIMIT), "limit")],
            "none",
            width=24,
            empty="Needs the recording rules of alerts/, and an hour of scrapes.",
        ),
        folded=True,
    )
