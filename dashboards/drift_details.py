"""Rows of the drift dashboard: one feature, all together, against other times and versions, and over all pods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards import metrics
from dashboards.columns import side_by_side
from dashboards.panels import bar_chart, bar_gauge, row, stat, state_timeline, timeseries
from dashboards.promql import drift, limits
from dashboards.promql.selection import highest, largest, largest_first, smallest
from dashboards.queries import FEATURE, VERSION, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_DRIFT, RED, said

# Of models that have the same feature.
MOST = 20
CHANGE = "{{feature_name}} · against {{against}} · {{model_version}}"
# Beyond 3 standard errors in 0.3% of windows without drift.
ZSCORE = [(None, RED), (-3.0, GREEN), (3.0, RED)]


def rows() -> Sequence[Any]:
    return (_together(), _others(), _fleet())


def one() -> Any:
    of_psi = (
        (metrics.DRIFT_PSI, "PSI"),
        (metrics.DRIFT_PSI_CRITICAL, "what PSI may reach by chance"),
    )
    return row(
        "One feature: $feature",
        bar_chart(
            "$feature: now and in the reference",
            "The share of values in each bin, of the chosen window over all pods and of the reference. Where bars "
            "differ is where it moved; `missing` and `other` are broken inputs. Needs `exported_bins`.",
            [as_rows(drift.shares()), as_rows(drift.reference_shares())],
            "percentunit",
            x="bin",
            transformations=side_by_side("bin", ["now", "reference"]),
            width=12,
            height=9,
        ),
        timeseries(
            "$feature: PSI and chance",
            "Its PSI, and what PSI may reach by chance with as many records. Below the second line it says nothing; "
            "dashed: the limit.",
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
            "$feature: mean and spread",
            "Mean and standard deviation of its values in the window; nothing for a category. A jump by a factor of "
            "1000 or 100 is a unit that changed.",
            [
                over_time(largest(MOST, drift.of_one_feature(metrics.MEAN)), f"mean · {VERSION}"),
                over_time(largest(MOST, drift.of_one_feature(metrics.STDDEV)), f"deviation · {VERSION}"),
                over_time(
                    largest(MOST, drift.quantiles_of_one_feature()),
                    "quantile {{quantile}} · {{model_name}} {{model_version}}",
                ),
            ],
            "short",
            least=None,
            empty="No numbers: a category, or too few records.",
        ),
        timeseries(
            "$feature: p-values",
            "The probability of as much movement where nothing has changed, by PSI, Kolmogorov-Smirnov and χ². Near 0 "
            "it is no chance; whether it matters, PSI says.",
            [
                over_time(smallest(MOST, drift.of_one_feature(metrics.DRIFT_PSI_PVALUE)), f"PSI · {VERSION}"),
                over_time(smallest(MOST, drift.of_one_feature(metrics.DRIFT_KS_PVALUE)), f"KS · {VERSION}"),
                over_time(smallest(MOST, drift.of_one_feature(metrics.DRIFT_CHI2_PVALUE)), f"χ² · {VERSION}"),
            ],
            "none",
            most=1,
            decimals=3,
            empty=NO_DRIFT,
        ),
    )


def _together() -> Any:
    return row(
        "Together: relations, embeddings, predictions",
        timeseries(
            "Multivariate drift",
            "How far records are from the relations that the features had in training, in standard errors; beyond ±3 "
            "it is no chance. Above: relations broke, even if no feature has moved alone. Below: records are simpler, "
            "as when a feature is gone.",
            [over_time(largest(10, drift.of_versions(metrics.MULTIVARIATE_ZSCORE)))],
            "none",
            least=None,
            width=8,
            empty="No value: fewer than 30 records, or a reference without components.",
        ),
        stat(
            "Multivariate drift now",
            "The same, now, of the version that is furthest: red beyond ±3 standard errors.",
            over_time(highest(drift.of_versions(metrics.MULTIVARIATE_ZSCORE)), "standard errors"),
            "none",
            decimals=1,
            steps=ZSCORE,
            height=8,
            empty="too few records",
        ),
        timeseries(
            "Embeddings",
            "PSI of embeddings along random directions, and how far their mean has moved, in the reference's spread. "
            "Above 0.25: texts or images of another kind.",
            [
                over_time(largest(10, drift.of_features(metrics.EMBEDDING_DRIFT_PSI)), f"PSI · {FEATURE}"),
                over_time(
                    largest(10, drift.of_features(metrics.EMBEDDING_MEAN_SHIFT)), f"shift of the mean · {FEATURE}"
                ),
            ],
            "none",
            width=12,
            empty="No embeddings, or fewer than 100 vectors.",
        ),
        timeseries(
            "Predictions and probabilities",
            "PSI of what the model predicts, and of how sure it is. It moves where drift matters to the model.",
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
            "By how much a bin's share has changed, up or down, of the features that moved most; 10% is ten points.",
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
            "(`drift.live_version`). Large against yesterday: it happened today.",
            [over_time(drift.largest_changes(10), CHANGE)],
            "none",
            empty="Set `drift.before` or `drift.live_version`.",
        ),
        state_timeline(
            "Changed",
            "Features that have changed against an earlier window or another version, by size and not by chance: red.",
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
            "The fleet's own PSI of the last hour, from the recording rules of `alerts/`: exact, where the pods' PSI "
            "is each one's own and larger by chance. The 20 largest; dashed: the limit.",
            [over_time(drift.of_fleet(), FEATURE), over_time(limits.one_limit(limits.DRIFT_LIMIT), "limit")],
            "none",
            width=24,
            empty="Needs the recording rules of alerts/, and an hour of scrapes.",
        ),
        folded=True,
    )
