"""Drift: which features have moved from the reference, since when, how far, and whether it may be chance."""

from __future__ import annotations

from typing import Any

from dashboards import drift_details, metrics, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import FEATURE_LABELS, OF_FEATURE, Columns, coloured, column, joined, of_limit, table
from dashboards.links import of_row
from dashboards.panels import bar_gauge, row, stat, state_timeline, timeseries
from dashboards.promql import drift, limits, traffic
from dashboards.promql.selection import highest, in_all, largest, largest_first, lowest
from dashboards.queries import FEATURE, as_rows, now, over_time
from dashboards.style import ANY, GREEN, NO_DRIFT, NO_RECORDED_DRIFT, OF_LIMIT, RED, YELLOW, said

# A p-value is worth a look below 0.05, and `drift.significance` is 0.01 unless told otherwise.
CHANCE = [(None, RED), (0.01, YELLOW), (0.05, GREEN)]
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
SAID = said("no", "DRIFTED")


def dashboard() -> Dashboard:
    return Dashboard(
        "drift",
        "Drift",
        "Which features have moved from the training data, since when and how far. A feature has drifted only where "
        "its PSI is over the limit and chance does not explain it. Of several pods, the one that moved most is shown.",
        (*variables.OF_MODELS, variables.FEATURE),
        (
            _now(),
            _since_when(),
            drift_details.one(),
            _table(),
            *drift_details.rows(),
        ),
        points=POINTS_OF_STATES,
    )


def _now() -> Any:
    return row(
        "Now",
        stat(
            "Drifted features",
            "Features that have drifted, by size and not by chance, of the pod with most. Above 0, the culprits are "
            "the first below.",
            over_time(highest(drift.drifted_features()), "drifted"),
            "none",
            steps=ANY,
            empty="too few records",
        ),
        stat(
            "Share of features",
            "The share of the judged features that have drifted. All at once is seldom the world: look for a broken "
            "pipeline, or a wrong reference.",
            over_time(highest(drift.of_versions(metrics.DRIFTED_RATIO)), "drifted"),
            "percentunit",
            empty="too few records",
        ),
        stat(
            "Judged features",
            "Features of which the window holds enough records, ten a bin. Fewer than the model has: choose a longer "
            "window.",
            over_time(lowest(drift.least_of_versions(metrics.JUDGED_FEATURES)), "judged"),
            "none",
            empty="no reference",
        ),
        stat(
            "Records in the window",
            "Predictions that the chosen window holds, over all pods. Few records: no verdict.",
            over_time(in_all(traffic.samples()), "records"),
            "short",
            empty="no records",
        ),
        stat(
            "Predictions drifted",
            "Whether what the model predicts has drifted from the reference. Drifted, with no feature that has: look "
            "at the model itself, its version and its code.",
            over_time(highest(drift.of_versions(metrics.PREDICTION_DRIFTED)), "predictions"),
            "none",
            steps=ANY,
            mappings=SAID,
            empty="too few records",
        ),
        stat(
            "References",
            "Different references among the pods of a version. More than one: some pods compare with another training "
            "set; roll out one `reference` to all.",
            over_time(highest(drift.references()), "references"),
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
            "A full bar is past it; with few records that may be chance, and the table below has the verdict. Choose "
            "the feature above to see how it has moved.",
            [now(largest_first(largest(10, limits.psi_of_features())), FEATURE)],
            "percentunit",
            steps=OF_LIMIT,
            most=1,
            decimals=0,
            width=9,
            height=11,
            empty=NO_DRIFT,
        ),
        state_timeline(
            "Features over time",
            "PSI of each feature as a share of its limit: green below 80%, yellow below 100%, red past it; the 20 that "
            "moved most in the time shown. Many red at once: a broken input or a deployment; one alone: its own "
            "source. Empty: too few records.",
            [over_time(drift.only_most_drifted(limits.psi_of_features(metrics.RECORDED_PSI)), FEATURE)],
            "percentunit",
            steps=OF_LIMIT,
            width=15,
            height=11,
            empty=NO_RECORDED_DRIFT,
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
            empty=NO_RECORDED_DRIFT,
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
            [as_rows(of()) for of in COLUMNS.values()],
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
