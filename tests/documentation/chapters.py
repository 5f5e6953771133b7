"""What exporter/METRICS.md says besides what the code declares: chapters, when there is no value, how to ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.derived.attribution_ranking import MIN_SAMPLES as FEWEST_ATTRIBUTED
from exporter.derived.degradation import FEWEST_FOR_CONCEPT_DRIFT, FEWEST_OUTCOMES
from exporter.derived.distributions import SAMPLES_PER_BIN
from exporter.derived.drift_statistics import DRIFT_STATISTICS
from exporter.derived.estimated_performance import FEWEST_PREDICTIONS
from exporter.derived.feature_health import FEWEST_VALUES
from exporter.derived.multivariate_drift import FEWEST_RECORDS as FEWEST_RECONSTRUCTED
from exporter.derived.multivariate_drift import FEWEST_VECTORS

FEW = f"the window holds fewer than {SAMPLES_PER_BIN} records a bin"
NUMERIC = f"{FEW}, or it is of categories"
NUMERIC_STATISTICS = "|".join(statistic.name for statistic in DRIFT_STATISTICS if statistic.is_numeric)
DRIFT = {f"_({NUMERIC_STATISTICS})": NUMERIC, "_drift": FEW}
EMPTY = "the window holds none"
NO_OUTCOME = "the window holds no outcome"
NO_BASELINE = "the reference has no `actual` beside its predictions"


@dataclass(frozen=True)
class Chapter:
    """Metrics whose whole name matches `names`.

    `absent` says by a part of a name when there is no value, and `ask` holds PromQL by the question in words.
    """

    title: str
    prose: str
    names: str
    absent: Mapping[str, str] = field(default_factory=dict)
    ask: Mapping[str, str] = field(default_factory=dict)


CHAPTERS = (
    Chapter(
        "Serving",
        "There from the first record of a model and version on, or from the start where `model` is configured.",
        r"model_(prediction_latency_seconds|predictions_total|prediction_errors_total|prediction_probability"
        r"|window_samples|threshold)",
        {},
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
        "There with a [`reference`](derived/README.md#drift).",
        r"model_(feature_(drift_.*|drifted|bin_.*|reference_bin)|drifted_features_ratio|drift_judged_features"
        r"|reference_info)",
        {
            "judged": "",
            "bin_(drift_psi|share_change)": f"{FEW}, or the feature is not among these five",
            "bin_total|reference_bin": "`exported_bins` leaves the feature out, or it is an embedding",
            "drifted_features_ratio": "no feature of the window can be judged",
            **DRIFT,
        },
        {
            "The features that have moved most": 'topk(5, model_feature_drift_psi{window="1h"})',
            "Those that have drifted, chance left aside": 'model_feature_drifted{window="1h"} == 1',
            "How many times over what chance may do": 'model_feature_drift_psi{window="1h"} / '
            'model_feature_drift_psi_critical{window="1h"}',
            "Shares of a feature's bins, over all pods": "sum by (bin) "
            '(increase(model_feature_bin_total{feature_name="age"}[1h])) / on () group_left () '
            'sum (increase(model_feature_bin_total{feature_name="age"}[1h]))',
        },
    ),
    Chapter(
        "Drift against another time or version",
        "There with [`drift.before` or `drift.live_version`](derived/README.md#drift).",
        r"model_feature_change.*",
        {"": f"either side holds fewer than {SAMPLES_PER_BIN} records a bin"},
        {"What is not as it was a day before": 'model_feature_changed{against="1d"} == 1'},
    ),
    Chapter(
        "Drift of predictions and their probabilities",
        "There with a `reference` that has `prediction` or `probability`.",
        r"model_(prediction|probability)_(drift.*|bin_total|reference_bin)",
        DRIFT,
        {"Predictions are not distributed as they were": 'model_prediction_drifted{window="1h"} == 1'},
    ),
    Chapter(
        "Drift of the truth",
        "There with `ground_truth` and a `reference` that has `actual`.",
        r"model_label_.*",
        DRIFT,
        {"By how much it has moved": 'model_label_drift_psi{window="24h"}'},
    ),
    Chapter(
        "Drift of features together, and of embeddings",
        "There with a `reference` that has numeric features enough, or lists of numbers "
        "([how](derived/README.md#drift)).",
        r"model_(multivariate|embedding)_.*",
        {
            "multivariate": f"the window holds fewer than {FEWEST_RECONSTRUCTED} records",
            "embedding": f"the window holds fewer than {FEWEST_VECTORS} vectors",
        },
        {"Relations have changed, beyond chance": 'abs(model_multivariate_drift_zscore{window="1h"}) > 4'},
    ),
    Chapter(
        "Attributions",
        "There with a `reference` that has [attributions](derived/README.md#attributions).",
        r"model_attribution_.*",
        {
            "_drift": FEW,
            "": f"fewer than {FEWEST_ATTRIBUTED} records of the window have attributions",
        },
        {"What a model leans on most": 'topk(5, model_attribution_share{window="24h"})'},
    ),
    Chapter(
        "Values of features",
        "There with a `reference`.",
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
        "There with a `reference`; `duplicate_request_id` also with `quality.duplicate_ids` alone. "
        "[The checks](derived/README.md#data-quality).",
        r"model_(feature_(quality_total|absent|stuck|outlier_ratio|reference_outlier_ratio)|record_quality_total"
        r"|unknown_features)",
        {
            "absent|stuck": f"the window holds fewer than {FEWEST_VALUES} records, or it may be chance",
            "feature_outlier_ratio": f"the window holds fewer than {FEWEST_VALUES} values",
        },
        {
            "Failed checks by feature, over all pods": "sum by (feature_name, check) "
            "(rate(model_feature_quality_total[5m])) > 0",
            "Features that have vanished": "model_feature_absent == 1",
        },
    ),
    Chapter(
        "Performance",
        "There with `ground_truth` ([how](derived/README.md#performance)); of a model of values, mean errors in the "
        "place of classes.",
        r"model_(outcomes_total|window_outcomes|ground_truth_.*|accuracy|precision|recall|f1|auc|log_loss|brier_score"
        r"|expected_calibration_error|reliability_.*|mae|rmse|mape|r2|bias|residual_quantile|performance_.*"
        r"|concept_drift)",
        {
            "performance_baseline": NO_BASELINE,
            "performance_drop": f"{NO_OUTCOME}, or {NO_BASELINE}",
            "performance_degraded": f"the window holds fewer than {FEWEST_OUTCOMES} outcomes, or {NO_BASELINE}",
            "concept_drift": f"the longest window holds fewer than {FEWEST_FOR_CONCEPT_DRIFT} outcomes",
            "brier": f"{NO_OUTCOME} with a score of each class of the reference",
            "log_loss": f"{NO_OUTCOME} with a score of the class that is true",
            "auc": f"{NO_OUTCOME} with scores, of either kind",
            "calibration|reliability": f"{NO_OUTCOME} with a score",
            "outcomes_total|window_outcomes|delay": "",
            "coverage": "no prediction was made in the window",
            "r2": f"{NO_OUTCOME}, or only one and the same truth",
            "": NO_OUTCOME,
        },
        {
            "Confusion matrix over all pods": "sum by (model_name, predicted, actual) "
            "(increase(model_outcomes_total[24h]))",
            "Worse than on the reference, by more than chance": "model_performance_degraded == 1",
        },
    ),
    Chapter(
        "Performance before the truth is known",
        "There with a `reference` that has `actual`, `prediction` and `probability` "
        "([what it can and cannot know](derived/README.md#before-the-truth-is-known)).",
        r"model_estimated_.*",
        {
            "": f"the window holds fewer than {FEWEST_PREDICTIONS} predictions, or more than a tenth of them has no "
            "score that the reference knows"
        },
        {
            "Probably below the limit": 'model_estimated_accuracy{window="1h"} + ignoring (metric) '
            '2 * model_estimated_stderr{window="1h", metric="accuracy"} < ignoring (window, metric) '
            'model_threshold{metric="accuracy"}'
        },
    ),
    Chapter(
        "Segments",
        "There with [`segments`](derived/README.md#segments).",
        r"model_segment_.*",
        {"feature_drift_psi": FEW, "accuracy": NO_OUTCOME, "_business_": "no `business` is configured"},
        {
            "Errors a second by country": "sum by (model_name, segment_value) "
            '(rate(model_segment_prediction_errors_total{segment="country"}[5m]))',
        },
    ),
    Chapter(
        "Business figures",
        "There with [`business`](joins/README.md#business-figures), by the `NAME` that it has there. With a bound "
        "below 0 there is neither `_sum` nor `_count`.",
        r"model_business_.*",
        {},
        {
            "Mean amount a decision, of a figure named revenue": "sum by (prediction_class) "
            "(rate(model_business_revenue_sum[1h])) / sum by (prediction_class) "
            "(rate(model_business_revenue_count[1h]))",
        },
    ),
    Chapter(
        "What was read",
        "Of each source, by its URL as the configuration has it. Those of sockets, HTTP and databases have series only "
        "where there is such a source.",
        r"prediction_exporter_source_.*",
        {"last_record": "no record has come yet"},
        {
            "Share of lines refused, by reason": "sum by (source, reason) "
            "(rate(prediction_exporter_source_rejected_lines_total[5m])) / on (source) group_left () "
            "sum by (source) (rate(prediction_exporter_source_lines_total[5m]))",
            "Behind by more than a minute": "prediction_exporter_source_lag_seconds > 60",
            "Lost for ever": "increase(prediction_exporter_source_gaps_total[1h]) > 0",
        },
    ),
    Chapter(
        "Joins with the truth",
        "There with `ground_truth` ([what the results mean](joins/README.md)).",
        r"prediction_exporter_joins_.*",
        {},
        {"Truths that came too late": 'rate(prediction_exporter_joins_total{result="orphaned"}[1h])'},
    ),
    Chapter(
        "The sidecar itself",
        "These start at zero with the process; all above goes on where it was, if there is a `state_dir`.",
        r"prediction_exporter_.*",
        {},
        {
            "State that cannot be saved": 'increase(prediction_exporter_commits_total{result="failure"}[5m]) > 0',
            "A configuration that was refused": "prediction_exporter_config_last_reload_successful == 0",
        },
    ),
    Chapter(
        "The process",
        "On Linux, as prometheus_client has them.",
        r"process_.*",
        {},
        {"Cores": "rate(process_cpu_seconds_total[5m])"},
    ),
)
