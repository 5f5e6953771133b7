"""Drift: which features have moved from the reference, since when, how far, and whether it may be chance."""

from __future__ import annotations

from typing import Any

from dashboards import metrics, variables
from dashboards.assembly import Dashboard
from dashboards.columns import FEATURE_LABELS, OF_FEATURE, Columns, coloured, column, joined, of_limit, side_by_side
from dashboards.links import of_row
from dashboards.panels import (
    ANY,
    GREEN,
    NO_DRIFT,
    OF_LIMIT,
    RED,
    YELLOW,
    bar_chart,
    bar_gauge,
    row,
    stat,
    state_timeline,
    table,
    timeseries,
)
from dashboards.promql import drift, limits, traffic
from dashboards.promql.selection import largest
from dashboards.queries import FEATURE, VERSION, now, over_time, rows

CHANGE = "{{feature_name}} · against {{against}} · {{model_version}}"
# A p-value is worth a look below 0.05, and `drift.significance` is 0.01 unless told otherwise.
CHANCE = [(None, RED), (0.01, YELLOW), (0.05, GREEN)]
# Beyond 3 standard errors in 0.3% of windows without drift.
ZSCORE = [(None, RED), (-3.0, GREEN), (3.0, RED)]
COLUMNS: Columns = {
    "Drifted": lambda: drift.of_features(metrics.DRIFTED),
    "PSI": lambda: drift.of_features(metrics.DRIFT_PSI),
    "PSI, of limit": limits.psi_of_features,
    "PSI by chance": lambda: drift.of_features(metrics.DRIFT_PSI_CRITICAL),
    "p-value": lambda: drift.least_of_features(metrics.DRIFT_PSI_PVALUE),
    "p-value, KS": lambda: drift.least_of_features(metrics.DRIFT_KS_PVALUE),
    "p-value, χ²": lambda: drift.least_of_features(metrics.DRIFT_CHI2_PVALUE),
    "KS": lambda: drift.of_features(metrics.DRIFT_KS),
    "JS": lambda: drift.of_features(metrics.DRIFT_JS),
    "Wasserstein": lambda: drift.of_features(metrics.DRIFT_WASSERSTEIN),
    "Missing": lambda: drift.of_features(metrics.MISSING_RATIO),
}
SAID = [{"type": "value", "options": {"0": {"text": "no", "index": 0}, "1": {"text": "DRIFTED", "index": 1}}}]


def dashboard() -> Dashboard:
    return Dashboard(
        "drift",
        "Drift",
        "Which features have moved from the training data, since when and how far. A feature has drifted only where "
        "its PSI is over the limit and chance does not explain it. Of several pods, the one that moved most is shown.",
        (*variables.OF_MODELS, variables.FEATURE),
        (_now(), _since_when(), _one(), _table(), _together(), _others(), _fleet()),
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Drifted features",
            "Features that have drifted, by size and not by chance; of several versions, the most. Above 0, the "
            "culprits are the first below.",
            over_time(f"max({drift.drifted_features()})", "drifted"),
            "none",
            steps=ANY,
            empty="too few records",
        ),
        stat(
            "Share of features",
            "The share of the judged features that have drifted. All at once is seldom the world: look for a broken "
            "pipeline, or a wrong reference.",
            over_time(f"max({drift.of_versions(metrics.DRIFTED_RATIO)})", "drifted"),
            "percentunit",
            empty="too few records",
        ),
        stat(
            "Judged features",
            "Features of which the window holds enough records, ten a bin. Fewer than the model has: choose a longer "
            "window.",
            over_time(f"min({drift.least_of_versions(metrics.JUDGED_FEATURES)})", "judged"),
            "none",
        ),
        stat(
            "Records in the window",
            "Predictions that the chosen window holds, over all pods. Few records: no verdict.",
            over_time(f"sum({traffic.samples()})", "records"),
            "short",
        ),
        stat(
            "Predictions drifted",
            "Whether what the model predicts has drifted from the reference. Drifted, with no feature that has: look "
            "at the model itself, its version and its code.",
            over_time(f"max({drift.of_versions(metrics.PREDICTION_DRIFTED)})", "predictions"),
            "none",
            steps=ANY,
            mappings=SAID,
            empty="too few records",
        ),
        stat(
            "References",
            "Different references among the pods of a version. More than one: some pods compare with another training "
            "set; roll out one `reference` to all.",
            over_time(f"max({drift.references()})", "references"),
            "none",
            steps=[(None, GREEN), (2.0, RED)],
            empty="no reference",
        ),
    )


def _since_when() -> Any:
    return row(
        "Which feature is to blame, and since when?",
        bar_gauge(
            "Drifting most now",
            "PSI of the ten features that have moved most, as a share of the limit (`thresholds.feature_drift_psi`). "
            "Red is past it. Choose the feature above to see how it has moved.",
            [now(f"sort_desc({largest(10, limits.psi_of_features())})", FEATURE)],
            "percentunit",
            steps=OF_LIMIT,
            width=9,
            height=11,
            empty=NO_DRIFT,
        ),
        state_timeline(
            "Features over time",
            "PSI of each feature as a share of its limit: green below 80%, yellow below 100%, red past it; the 20 that "
            "moved most in the time shown. Many red at once: a broken input or a deployment; one alone: its own "
            "source. Empty: too few records.",
            [over_time(drift.only_most_drifted(limits.psi_of_features()), FEATURE)],
            "percentunit",
            steps=OF_LIMIT,
            width=15,
            height=11,
            empty=NO_DRIFT,
        ),
        timeseries(
            "PSI",
            "The population stability index of the ten features that moved most, in the chosen window; dashed: the "
            "limit. A step is a change, a ramp is the world.",
            [
                over_time(drift.most_drifted(10), FEATURE),
                over_time(limits.one_limit(limits.DRIFT_LIMIT), "limit"),
            ],
            "none",
            width=24,
            empty=NO_DRIFT,
        ),
    )


def _one() -> Any:
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
            [rows(drift.shares()), rows(drift.reference_shares())],
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
                *(over_time(drift.of_one_feature(metric), f"{name} · {VERSION}") for metric, name in of_psi),
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
                over_time(drift.of_one_feature(metrics.MEAN), f"mean · {VERSION}"),
                over_time(drift.of_one_feature(metrics.STDDEV), f"deviation · {VERSION}"),
                over_time(drift.quantiles_of_one_feature(), "quantile {{quantile}} · {{model_name}} {{model_version}}"),
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
                over_time(drift.of_one_feature(metrics.DRIFT_PSI_PVALUE), f"PSI · {VERSION}"),
                over_time(drift.of_one_feature(metrics.DRIFT_KS_PVALUE), f"KS · {VERSION}"),
                over_time(drift.of_one_feature(metrics.DRIFT_CHI2_PVALUE), f"χ² · {VERSION}"),
            ],
            "none",
            most=1,
            empty=NO_DRIFT,
        ),
    )


def _table() -> Any:
    return row(
        "All features",
        table(
            "Features",
            "Every feature by what has been measured of it, those that moved most first. Trust PSI for how much, the "
            "p-value for whether it is chance, KS and Wasserstein for numbers that moved a little each. Click a "
            "feature to see it above.",
            [rows(of()) for of in COLUMNS.values()],
            transformations=joined(FEATURE_LABELS, [*COLUMNS]),
            sort=("PSI", True),
            unit="none",
            overrides=(
                coloured("Drifted", ANY, mappings=SAID),
                of_limit("PSI, of limit"),
                *(column(title, decimals=3) for title in ("PSI", "PSI by chance", "KS", "JS", "Wasserstein")),
                *(coloured(title, CHANCE, decimals=3) for title in COLUMNS if title.startswith("p-value")),
                column("Missing", unit="percentunit", decimals=1),
                column(
                    "Feature",
                    links=[of_row("Show this feature", "drift", OF_FEATURE)],
                ),
            ),
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
            over_time(f"max({drift.of_versions(metrics.MULTIVARIATE_ZSCORE)})", "standard errors"),
            "none",
            decimals=1,
            steps=ZSCORE,
            height=8,
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
            [now(f"sort_desc({drift.moved_bins()})", "{{feature_name}}: {{bin}} · {{model_version}}")],
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
            mappings=[
                {"type": "value", "options": {"0": {"text": "no", "index": 0}, "1": {"text": "changed", "index": 1}}}
            ],
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
