"""The chapters of exporter/METRICS.md: introductions, conditions without a value, and example queries."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.derived.attribution_ranking import MIN_SAMPLES as FEWEST_ATTRIBUTED
from exporter.derived.degradation import FEWEST_OUTCOMES
from exporter.derived.distributions import SAMPLES_PER_BIN
from exporter.derived.drift_level import FEWEST_OF_REFERENCE, FEWEST_RECORDS
from exporter.derived.drift_statistics import DRIFT_STATISTICS
from exporter.derived.error_rate_drift import FEWEST_DAYS
from exporter.derived.estimated_performance import FEWEST_PREDICTIONS
from exporter.derived.feature_health import FEWEST_VALUES
from exporter.derived.multivariate_drift import FEWEST_RECORDS as FEWEST_RECONSTRUCTED
from exporter.derived.multivariate_drift import FEWEST_VECTORS

FEW = f"the window has fewer than {SAMPLES_PER_BIN} records per bin"
NOT_JUDGED = f"the window has fewer than {FEWEST_RECORDS} independent records, or the reference {FEWEST_OF_REFERENCE}"
NUMERIC = f"{FEW}, or the variable is categorical"
NUMERIC_STATISTICS = "|".join(statistic.name for statistic in DRIFT_STATISTICS if statistic.is_numeric)
DRIFT = {"_drift_level|_drifted": NOT_JUDGED, f"_({NUMERIC_STATISTICS})": NUMERIC, "_drift": FEW}
EMPTY = "the window has no values"
NO_OUTCOME = "the window has no outcomes"
NO_BASELINE = "the reference has no `actual` with its predictions"


@dataclass(frozen=True)
class Chapter:
    """Metrics whose whole name matches `names`.

    `absent` has, by a part of a name, the condition without a value; `ask` has example queries by their titles.
    """

    title: str
    prose: str
    names: str
    absent: Mapping[str, str] = field(default_factory=dict)
    ask: Mapping[str, str] = field(default_factory=dict)


CHAPTERS = (
    Chapter(
        "Serving",
        "Exported from the first record of a model and version, or from the start if `model` is configured.",
        r"model_(prediction_latency_seconds|predictions_total|prediction_errors_total|prediction_probability"
        r"|probability_coverage_ratio|window_samples|threshold|feature_threshold|favourable_ratio)",
        {
            "favourable": "`favourable` is not configured, or the window has no predictions",
            "coverage_ratio": "predictions are declared to be values, or the window has none",
            "feature_threshold": "the feature has no `thresholds` of its own",
        },
        {
            "99th percentile of latency, over all pods": "histogram_quantile(0.99, sum by (le, model_name) "
            "(rate(model_prediction_latency_seconds_bucket[5m])))",
            "Error ratio": "sum by (model_name) (rate(model_prediction_errors_total[5m])) / "
            "(sum by (model_name) (rate(model_prediction_errors_total[5m])) + "
            "sum by (model_name) (rate(model_predictions_total[5m])))",
            "Share of each class": "sum by (model_name, prediction_class) (rate(model_predictions_total[1h])) "
            "/ on (model_name) group_left () sum by (model_name) (rate(model_predictions_total[1h]))",
        },
    ),
    Chapter(
        "Feature drift",
        "Needs a [`reference`](derived/README.md#drift).",
        r"model_(feature_(drift_.*|drifted|bin_.*|reference_bin)|drifted_features_ratio|drift_judged_features"
        r"|drift_overdispersion|drift_detectable_psi|reference_info|reference_missing)",
        {
            "judged|overdispersion": "",
            "expected": "the feature has no change in `expected`, or its last day is over",
            "detectable": NOT_JUDGED,
            "bin_(drift_psi|share_change)": f"{FEW}, or the feature is not among the five with the highest PSI",
            "bin_total|reference_bin": "`exported_bins` does not list the feature, or it is an embedding",
            "drifted_features_ratio": "no feature has enough records",
            **DRIFT,
        },
        {
            "The features with the highest PSI": 'topk(5, model_feature_drift_psi{window="1h"})',
            "Features whose drift is major": 'model_feature_drift_level{window="1h"} == 2',
            "Windows with too few records to see a major drift": "model_drift_detectable_psi > 0.25",
            "PSI relative to its critical value": 'model_feature_drift_psi{window="1h"} / '
            'model_feature_drift_psi_critical{window="1h"}',
            "Shares of a feature's bins, over all pods": "sum by (bin) "
            '(increase(model_feature_bin_total{feature_name="age"}[1h])) / on () group_left () '
            'sum (increase(model_feature_bin_total{feature_name="age"}[1h]))',
        },
    ),
    Chapter(
        "Drift against another time or version",
        "Needs [`drift.before` or `drift.live_version`](derived/README.md#drift).",
        r"model_feature_change.*",
        {"": f"either side has fewer than {SAMPLES_PER_BIN} records per bin"},
        {"Features that differ from the day before": 'model_feature_changed{against="1d"} == 1'},
    ),
    Chapter(
        "Drift of predictions and their probabilities",
        "Needs a `reference` that has `prediction` or `probability`.",
        r"model_(prediction|probability)_(drift.*|bin_total|reference_bin)",
        DRIFT,
        {"Predictions that have drifted from the reference": 'model_prediction_drifted{window="1h"} == 1'},
    ),
    Chapter(
        "Drift of ground-truth labels",
        "Needs `ground_truth` and a `reference` that has `actual`.",
        r"model_label_.*",
        DRIFT,
        {"PSI of the labels": 'model_label_drift_psi{window="24h"}'},
    ),
    Chapter(
        "Multivariate drift and drift of embeddings",
        "Needs a `reference` with at least two numeric features, or with lists of numbers "
        "([details](derived/README.md#drift)).",
        r"model_(multivariate|embedding)_.*",
        {
            "multivariate": f"the window has fewer than {FEWEST_RECONSTRUCTED} records",
            "embedding": f"the window has fewer than {FEWEST_VECTORS} vectors",
        },
        {"Changed relations between features, beyond chance": 'abs(model_multivariate_drift_zscore{window="1h"}) > 4'},
    ),
    Chapter(
        "Attributions",
        "Needs a `reference` that has [attributions](derived/README.md#attributions).",
        r"model_attribution_.*",
        {
            **DRIFT,
            "": f"fewer than {FEWEST_ATTRIBUTED} records of the window have attributions",
        },
        {"The features that a model relies on most": 'topk(5, model_attribution_share{window="24h"})'},
    ),
    Chapter(
        "Values of features",
        "Needs a `reference`.",
        r"model_feature_(mean|stddev|quantile|missing_ratio|distinct_categories)",
        {
            "distinct_categories": f"{EMPTY}, or the feature is numeric",
            "missing_ratio": EMPTY,
            "": f"{EMPTY}, or the feature is categorical",
        },
        {"Share of missing values": 'model_feature_missing_ratio{window="1h"} > 0.1'},
    ),
    Chapter(
        "Data quality",
        "Needs a `reference`; `duplicate_request_id` needs `quality.duplicate_ids` only. "
        "[The checks](derived/README.md#data-quality) are described separately.",
        r"model_(feature_(quality_total|absent|stuck|outlier_ratio|reference_outlier_ratio)|record_quality_total"
        r"|unknown_features)",
        {
            "absent|stuck": f"the window has fewer than {FEWEST_VALUES} records, or chance could explain it",
            "feature_outlier_ratio": f"the window has fewer than {FEWEST_VALUES} values",
        },
        {
            "Failed checks by feature, over all pods": "sum by (feature_name, check) "
            "(rate(model_feature_quality_total[5m])) > 0",
            "Features that are absent": "model_feature_absent == 1",
        },
    ),
    Chapter(
        "Performance",
        "Needs `ground_truth` ([details](derived/README.md#performance)). Regression models have errors instead of "
        "figures per class.",
        r"model_(outcomes_total|window_outcomes|ground_truth_.*|accuracy|precision|recall|f1|auc|log_loss|brier_score"
        r"|expected_calibration_error|reliability_.*|mae|rmse|mape|r2|bias|residual_quantile|performance_.*"
        r"|error_rate_drift|measured_stderr)",
        {
            "performance_baseline": NO_BASELINE,
            "performance_drop": f"{NO_OUTCOME}, or {NO_BASELINE}",
            "performance_degraded": f"the window has fewer than {FEWEST_OUTCOMES} outcomes, or {NO_BASELINE}",
            "measured_stderr": f"{NO_OUTCOME}, or the AUC has fewer than two on a side",
            "error_rate_drift": f"fewer than {FEWEST_DAYS} whole days are judged",
            "brier": f"{NO_OUTCOME} with a score for each class of the reference",
            "log_loss": f"{NO_OUTCOME} with a score for the actual class",
            "auc": f"{NO_OUTCOME} with scores, or they are all of one class",
            "calibration|reliability": f"{NO_OUTCOME} with a score",
            "outcomes_total|window_outcomes|delay": "",
            "coverage": "no prediction was made in the window",
            "r2": f"{NO_OUTCOME}, or all have the same label",
            "": NO_OUTCOME,
        },
        {
            "Confusion matrix over all pods": "sum by (model_name, predicted, actual) "
            "(increase(model_outcomes_total[24h]))",
            "Worse than the reference, beyond chance": "model_performance_degraded == 1",
            "Lower end of the 95% interval of the accuracy": 'model_accuracy{window="latest"} - ignoring (metric) '
            '1.96 * model_measured_stderr{window="latest", metric="accuracy"}',
        },
    ),
    Chapter(
        "Estimated performance",
        "Estimates until labels arrive. Needs a `reference` that has `actual`, `prediction` and `probability` "
        "([assumptions and limits](derived/README.md#before-labels-arrive)).",
        r"model_estimated_.*",
        {
            "": f"the window has fewer than {FEWEST_PREDICTIONS} predictions, or more than 10% of them have no score "
            "for a class of the reference"
        },
        {
            "Estimated accuracy below the limit": 'model_estimated_accuracy{window="1h"} + ignoring (metric) '
            '2 * model_estimated_stderr{window="1h", metric="accuracy"} < ignoring (window, metric) '
            'model_threshold{metric="accuracy"}'
        },
    ),
    Chapter(
        "Segments",
        "Needs [`segments`](derived/README.md#segments).",
        r"model_segment_.*",
        {
            "feature_drift_psi": FEW,
            "accuracy|mae|rmse": NO_OUTCOME,
            "_business_": "no `business` is configured",
            "protected": "no segment is `protected`, or `favourable` is not configured",
            "actual_favourable": "the segment is not `protected`, or has too few ground-truth labels to be judged",
        },
        {
            "Errors per second by country": "sum by (model_name, segment_value) "
            '(rate(model_segment_prediction_errors_total{segment="country"}[5m]))',
        },
    ),
    Chapter(
        "Business figures",
        "Needs [`business`](joins/README.md#business-figures); `NAME` is the name there.",
        r"model_business_.*",
        {},
        {
            "Net sum per second, of a figure named revenue": "sum by (prediction_class) "
            "(rate(model_business_revenue_sum[1h]) - rate(model_business_revenue_negative_sum[1h]))",
        },
    ),
    Chapter(
        "Sources",
        "Per source; the label `source` is its URL as configured. Metrics of sockets, HTTP and databases have series "
        "only if there is such a source.",
        r"prediction_exporter_source_.*",
        {"last_record": "no record has been read yet"},
        {
            "Share of rejected lines, by reason": "sum by (source, reason) "
            "(rate(prediction_exporter_source_rejected_lines_total[5m])) / on (source) group_left () "
            "sum by (source) (rate(prediction_exporter_source_lines_total[5m]))",
            "Sources with a lag of more than a minute": "prediction_exporter_source_lag_seconds > 60",
            "Files that were lost before they were read": "increase(prediction_exporter_source_gaps_total[1h]) > 0",
        },
    ),
    Chapter(
        "Joins with ground truth",
        "Needs `ground_truth` ([what the results mean](joins/README.md)).",
        r"prediction_exporter_joins_.*",
        {},
        {"Labels without a prediction in time": 'rate(prediction_exporter_joins_total{result="orphaned"}[1h])'},
    ),
    Chapter(
        "The exporter",
        "These metrics start at zero with the process. With a `state_dir`, all metrics above continue after a restart.",
        r"prediction_exporter_.*",
        {},
        {
            "State that cannot be saved": 'increase(prediction_exporter_commits_total{result="failure"}[5m]) > 0',
            "A configuration that could not be loaded": "prediction_exporter_config_last_reload_successful == 0",
        },
    ),
    Chapter(
        "The process",
        "The standard process metrics of prometheus_client, on Linux.",
        r"process_.*",
        {},
        {"CPU cores": "rate(process_cpu_seconds_total[5m])"},
    ),
)
