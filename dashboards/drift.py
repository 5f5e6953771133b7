"""The Drift dashboard: which features have drifted, since when, how far, and whether it could be chance."""

from typing import Any

from dashboards import drift_details, metrics, variables
from dashboards.assembly import POINTS_OF_STATES, Dashboard
from dashboards.columns import FEATURE_LABELS, OF_FEATURE, Columns, coloured, column, joined, of_limit, table
from dashboards.links import of_row
from dashboards.panels import bar_gauge, row, stat, state_timeline, timeseries
from dashboards.promql import drift, limits, traffic
from dashboards.promql.selection import highest, in_all, largest, largest_first, lowest
from dashboards.queries import FEATURE, as_rows, now, over_time
from dashboards.style import ANY, GREEN, LEVELS, NO_DRIFT, NO_RECORDED_DRIFT, OF_LIMIT, RED, TINY, YELLOW, said

# Yellow is below 0.05, red below 0.01, which is the default of `drift.significance`.
CHANCE = [(None, RED), (0.01, YELLOW), (0.05, GREEN)]
COLUMNS: Columns = {
    "Drift": lambda: drift.of_features(metrics.DRIFT_LEVEL),
    "PSI": lambda: drift.of_features(metrics.DRIFT_PSI),
    "PSI, % of limit": limits.psi_of_features,
    "PSI by chance": lambda: drift.of_features(metrics.DRIFT_PSI_CRITICAL),
    "p-value": lambda: drift.least_of_features(metrics.DRIFT_PSI_PVALUE),
    "p-value, KS": lambda: drift.least_of_features(metrics.DRIFT_KS_PVALUE),
    "p-value, χ²": lambda: drift.least_of_features(metrics.DRIFT_CHI2_PVALUE),
    "KS": lambda: drift.of_features(metrics.DRIFT_KS),
    "JS": lambda: drift.of_features(metrics.DRIFT_JS),
    "Wasserstein": lambda: drift.of_features(metrics.DRIFT_WASSERSTEIN),
    "Missing": lambda: drift.of_features(metrics.MISSING_RATIO),
}
SAID = said("none", "moderate", "major")


def dashboard() -> Dashboard:
    return Dashboard(
        "drift",
        "Drift",
        "Which features have moved away from the training data, since when and how far. A feature has drifted only if "
        "the change is above the limit and chance does not explain it. For several pods, the one that has moved most "
        "is shown.",
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
            "Features that have drifted, both by size and beyond chance, on the pod with most of them. If it is not "
            "0, the panels below show which features they are.",
            over_time(highest(drift.drifted_features()), "drifted"),
            "none",
            steps=ANY,
            empty="too few records",
        ),
        stat(
            "Share of features",
            "Share of features that have drifted, among those with enough records. If many drift at the same time, "
            "look for a broken pipeline or a wrong reference first.",
            over_time(highest(drift.of_versions(metrics.DRIFTED_RATIO)), "drifted"),
            "percentunit",
            empty="too few records",
        ),
        stat(
            "Features with enough records",
            "Features with at least 10 records per bin in the window; only these are tested for drift. If there are "
            "fewer than the model has, choose a longer window.",
            over_time(lowest(drift.least_of_versions(metrics.JUDGED_FEATURES)), "judged"),
            "none",
            empty="no reference",
        ),
        stat(
            "Records in the window",
            "Predictions in the chosen window, over all pods. With few records, drift cannot be tested.",
            over_time(in_all(traffic.samples()), "records"),
            "short",
            empty="no records",
        ),
        stat(
            "Drift of predictions",
            "How far the predictions have moved from the reference, beyond chance. If they have but no feature has, "
            "look at the model itself: its version and its code.",
            over_time(highest(drift.of_versions(metrics.PREDICTION_DRIFT_LEVEL)), "predictions"),
            "none",
            steps=LEVELS,
            mappings=SAID,
            empty="too few records",
        ),
        stat(
            "References",
            "Number of different references among the pods of a version. If there are several, pods compare with "
            "different training data; deploy the same `reference` to all.",
            over_time(highest(drift.references()), "references"),
            "none",
            steps=[(None, GREEN), (2.0, RED)],
            empty="no reference",
        ),
    )


def _since_when() -> Any:
    return row(
        "Which feature has drifted, and since when?",
        bar_gauge(
            "Most drifted features, % of limit",
            "PSI of the ten features that have moved most, in percent of the limit (`thresholds.feature_drift_psi`). "
            "With few records this may be chance, so check in the table below whether the feature has drifted.",
            [now(largest_first(largest(10, limits.psi_of_features())), FEATURE), now(limits.whole_limit(), "limit")],
            "percentunit",
            steps=OF_LIMIT,
            decimals=0,
            width=9,
            height=11,
            empty=NO_DRIFT,
        ),
        state_timeline(
            "Features over time, % of limit",
            "PSI of the 20 features that moved most, as a share of the limit: green below 80%, yellow below 100%, red "
            "above, empty with too few records. If many turn red at once, suspect a broken input or a deployment; if "
            "only one does, suspect its own source.",
            [over_time(drift.only_most_drifted(limits.psi_of_features(metrics.RECORDED_PSI)), FEATURE)],
            "percentunit",
            steps=OF_LIMIT,
            width=15,
            height=11,
            empty=NO_RECORDED_DRIFT,
        ),
        timeseries(
            "PSI",
            "Population stability index in the chosen window, for the ten features that moved most; the dashed line "
            "is the limit. A step usually has a technical cause; a slow rise is usually a change in the population.",
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
            "All drift measures of every feature, the highest PSI first: PSI shows how large a change is, p-values "
            "whether it could be chance, KS and Wasserstein whether many values have moved a little. Click a feature "
            "to show it above.",
            [as_rows(of()) for of in COLUMNS.values()],
            transformations=joined(FEATURE_LABELS, [*COLUMNS]),
            sort=("PSI", True),
            unit="none",
            overrides=(
                coloured("Drift", LEVELS, mappings=SAID),
                of_limit("PSI, % of limit"),
                *(column(title, decimals=3) for title in ("PSI", "PSI by chance", "KS", "JS", "Wasserstein")),
                *(
                    coloured(title, CHANCE, mappings=[TINY], decimals=3)
                    for title in COLUMNS
                    if title.startswith("p-value")
                ),
                column("Missing", unit="percentunit", decimals=1),
                column(
                    "Feature",
                    links=[of_row("Show this feature", "drift", OF_FEATURE)],
                ),
            ),
        ),
    )
