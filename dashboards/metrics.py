"""The names of the metrics on the dashboards. Names that the exporter defines are imported from it."""

from exporter.derived.context import REFERENCE_INFO
from exporter.stats import SEGMENTS
from exporter.stats.feature_bins import FEATURE_BIN, REFERENCE_BIN
from exporter.stats.variable_kind import FEATURES
from exporter.telemetry import PREFIX

__all__ = ["FEATURE_BIN", "REFERENCE_BIN", "REFERENCE_INFO"]

# Traffic.
PREDICTIONS = "model_predictions_total"
ERRORS = "model_prediction_errors_total"
LATENCY = "model_prediction_latency_seconds"
PROBABILITY = "model_prediction_probability"
THRESHOLD = "model_threshold"
SAMPLES = "model_window_samples"

# Drift.
DRIFT_PSI = FEATURES.metric("drift_psi")
DRIFT_PSI_CRITICAL = FEATURES.metric("drift_psi_critical")
DRIFT_PSI_PVALUE = FEATURES.metric("drift_psi_pvalue")
DRIFT_KS = FEATURES.metric("drift_ks")
DRIFT_KS_PVALUE = FEATURES.metric("drift_ks_pvalue")
DRIFT_CHI2_PVALUE = FEATURES.metric("drift_chi2_pvalue")
DRIFT_JS = FEATURES.metric("drift_js")
DRIFT_WASSERSTEIN = FEATURES.metric("drift_wasserstein")
DRIFT_LEVEL = FEATURES.metric("drift_level")
DRIFTED_RATIO = "model_drifted_features_ratio"
JUDGED_FEATURES = "model_drift_judged_features"
BIN_SHARE_CHANGE = FEATURES.metric("bin_share_change")
CHANGE_PSI = FEATURES.metric("change_psi")
CHANGED = FEATURES.metric("changed")
PREDICTION_DRIFT_PSI = "model_prediction_drift_psi"
PROBABILITY_DRIFT_PSI = "model_probability_drift_psi"
PREDICTION_BIN = "model_prediction_bin_total"
PREDICTION_REFERENCE_BIN = "model_prediction_reference_bin"
PREDICTION_DRIFT_LEVEL = "model_prediction_drift_level"
MULTIVARIATE_ZSCORE = "model_multivariate_drift_zscore"
EMBEDDING_DRIFT_PSI = "model_embedding_drift_psi"
EMBEDDING_MEAN_SHIFT = "model_embedding_mean_shift"

# Data quality.
FEATURE_QUALITY = FEATURES.metric("quality_total")
RECORD_QUALITY = "model_record_quality_total"
ABSENT = FEATURES.metric("absent")
STUCK = FEATURES.metric("stuck")
MISSING_RATIO = FEATURES.metric("missing_ratio")
OUTLIER_RATIO = FEATURES.metric("outlier_ratio")
REFERENCE_OUTLIER_RATIO = FEATURES.metric("reference_outlier_ratio")
UNKNOWN_FEATURES = "model_unknown_features"
DISTINCT_CATEGORIES = FEATURES.metric("distinct_categories")
MEAN = FEATURES.metric("mean")
STDDEV = FEATURES.metric("stddev")
QUANTILE = FEATURES.metric("quantile")

# Ground truth.
OUTCOMES = "model_outcomes_total"
WINDOW_OUTCOMES = "model_window_outcomes"
JUDGED_UNTIL = "model_ground_truth_judged_until_timestamp_seconds"
TRUTH_DELAY = "model_ground_truth_delay_seconds"
TRUTH_COVERAGE = "model_ground_truth_coverage"
ACCURACY = "model_accuracy"
PRECISION = "model_precision"
RECALL = "model_recall"
F1 = "model_f1"
AUC = "model_auc"
LOG_LOSS = "model_log_loss"
BRIER_SCORE = "model_brier_score"
CALIBRATION_ERROR = "model_expected_calibration_error"
RELIABILITY_SAMPLES = "model_reliability_samples"
RELIABILITY_CONFIDENCE = "model_reliability_confidence"
RELIABILITY_ACCURACY = "model_reliability_accuracy"
MAE = "model_mae"
RMSE = "model_rmse"
MAPE = "model_mape"
R2 = "model_r2"
BIAS = "model_bias"
RESIDUAL_QUANTILE = "model_residual_quantile"
PERFORMANCE_BASELINE = "model_performance_baseline"
PERFORMANCE_DROP = "model_performance_drop"
PERFORMANCE_DEGRADED = "model_performance_degraded"
ERROR_RATE_DRIFT = "model_error_rate_drift"
LABEL_DRIFT_PSI = "model_label_drift_psi"
ESTIMATED_ACCURACY = "model_estimated_accuracy"
ESTIMATED_F1 = "model_estimated_f1"
ESTIMATED_AUC = "model_estimated_auc"
ESTIMATED_MAE = "model_estimated_mae"
ESTIMATED_STDERR = "model_estimated_stderr"

# Attributions.
ATTRIBUTION_MEAN_ABS = "model_attribution_mean_abs"
ATTRIBUTION_SHARE = "model_attribution_share"
ATTRIBUTION_RANK = "model_attribution_rank"
ATTRIBUTION_NDCG = "model_attribution_ranking_ndcg"
ATTRIBUTION_DRIFT_PSI = "model_attribution_drift_psi"
ATTRIBUTION_DRIFT_PSI_CRITICAL = "model_attribution_drift_psi_critical"
ATTRIBUTION_DRIFT_PSI_PVALUE = "model_attribution_drift_psi_pvalue"

# Business figures, whose names come from the configuration: a pattern for all of them, as classic or native histograms,
# and the chosen one.
BUSINESS_FIGURES = "model_business_(.+)_negative(?:_count)?"
BUSINESS = "model_business_${figure}"
BUSINESS_NEGATIVE = BUSINESS + "_negative"

# Segments.
SEGMENT_PREDICTIONS = SEGMENTS.name(PREDICTIONS)
SEGMENT_ERRORS = SEGMENTS.name(ERRORS)
SEGMENT_LATENCY = SEGMENTS.name(LATENCY)
SEGMENT_SAMPLES = SEGMENTS.name(SAMPLES)
SEGMENT_DRIFT_PSI = SEGMENTS.name(DRIFT_PSI)
SEGMENT_OUTCOMES = SEGMENTS.name(OUTCOMES)
SEGMENT_WINDOW_OUTCOMES = SEGMENTS.name(WINDOW_OUTCOMES)
SEGMENT_ACCURACY = SEGMENTS.name(ACCURACY)
SEGMENT_MAE = SEGMENTS.name(MAE)
SEGMENT_BUSINESS = SEGMENTS.name(BUSINESS)
SEGMENT_BUSINESS_NEGATIVE = SEGMENTS.name(BUSINESS_NEGATIVE)

# The exporter itself.
BUILD_INFO = PREFIX + "build_info"
CONFIG_SUCCESSFUL = PREFIX + "config_last_reload_successful"
WEB_CONFIG_SUCCESSFUL = PREFIX + "web_config_last_reload_successful"
COMMITS = PREFIX + "commits_total"
COMMIT_SECONDS = PREFIX + "commit_duration_seconds"
RENDER_SECONDS = PREFIX + "render_duration_seconds"
CHECKPOINT_TIMESTAMP = PREFIX + "checkpoint_timestamp_seconds"
CHECKPOINT_BYTES = PREFIX + "checkpoint_bytes"
CAPPED_LABELS = PREFIX + "capped_labels_total"
HTTP_OPEN_CONNECTIONS = PREFIX + "http_open_connections"
HTTP_REFUSED_CONNECTIONS = PREFIX + "http_refused_connections_total"
JOINS = PREFIX + "joins_total"
JOINS_WAITING = PREFIX + "joins_waiting"
SOURCE_LINES = PREFIX + "source_lines_total"
SOURCE_BYTES = PREFIX + "source_bytes_total"
SOURCE_RECORDS = PREFIX + "source_records_total"
SOURCE_REJECTED = PREFIX + "source_rejected_lines_total"
SOURCE_LAG_BYTES = PREFIX + "source_lag_bytes"
SOURCE_LAG_SECONDS = PREFIX + "source_lag_seconds"
SOURCE_LAST_RECORD = PREFIX + "source_last_record_timestamp_seconds"
SOURCE_OPEN_FILES = PREFIX + "source_open_files"
SOURCE_FAILING_FILES = PREFIX + "source_failing_files"
SOURCE_ROTATIONS = PREFIX + "source_rotations_total"
SOURCE_GAPS = PREFIX + "source_gaps_total"
SOURCE_OPEN_CONNECTIONS = PREFIX + "source_open_connections"
SOURCE_REFUSED_CONNECTIONS = PREFIX + "source_refused_connections_total"
SOURCE_DROPPED_DATAGRAMS = PREFIX + "source_dropped_datagrams_total"
PROCESS_MEMORY = "process_resident_memory_bytes"
PROCESS_CPU = "process_cpu_seconds_total"
PROCESS_START = "process_start_time_seconds"
PROCESS_FILES = "process_open_fds"

# Recorded by alerts/dashboards.yaml.
RECORDED_CHECKS = "instance_model_version_check:model_feature_quality:rate5m"
RECORDED_REQUESTS = "instance_model_version:model_requests:rate5m"
RECORDED_ERRORS = "instance_model_version:model_prediction_errors:rate5m"
RECORDED_LATENCY = "instance_model_version_le:model_prediction_latency_seconds_bucket:rate5m"
RECORDED_PSI = "instance_model_version_feature_window:model_feature_drift_psi:max"
RECORDED_LARGEST_PSI = "instance_model_version_window:model_feature_drift_psi:max"
RECORDED_REFUSED = "instance_source_reason:prediction_exporter_source_rejected_lines:rate5m"
RECORDED_SEGMENT_CLASSES = "model_version_segment_class:model_segment_predictions:rate5m"
RECORDED_SEGMENT_REQUESTS = "model_version_segment:model_segment_requests:rate5m"
RECORDED_SEGMENT_ERRORS = "model_version_segment:model_segment_prediction_errors:rate5m"
RECORDED_SEGMENT_LATENCY = "model_version_segment_le:model_segment_prediction_latency_seconds_bucket:rate5m"
RECORDED_SEGMENT_PSI = "model_version_feature_segment_window:model_segment_feature_drift_psi:max"
# Recorded by alerts/fairness.yaml, over all pods.
FAVOURABLE_SHARE = "model_version_segment:model_favourable_ratio:increase24h"
DISPARATE_IMPACT = "model_version_segment:model_disparate_impact:increase24h"
PARITY = "model_version_segment:model_statistical_parity:increase24h"
PARITY_STDERR = "model_version_segment:model_statistical_parity_stderr:increase24h"
OPPORTUNITY = "model_version_segment:model_opportunity:latest"
EQUAL_OPPORTUNITY = "model_version_segment:model_equal_opportunity:latest"
EQUAL_OPPORTUNITY_STDERR = "model_version_segment:model_equal_opportunity_stderr:latest"
GROUP_PREDICTIONS = "model_version_segment:model_segment_predictions:increase24h"
# Recorded by alerts/quality.yaml and alerts/models.yaml: shares of values and the limits that alerts compare them with.
MISSING_SHARE = "model_version_feature:model_feature_missing_per_prediction:excess_ratio1h"
UNSEEN_SHARE = "model_version_feature:model_feature_unseen_per_prediction:excess_ratio1h"
INVALID_SHARE = "model_version_feature:model_feature_invalid_per_prediction:ratio_increase1h"
VERSION_LIMIT = "model_version_metric:model_threshold:max"
# Recorded by alerts/feature-drift.yaml.
FLEET_PSI = "model_version_feature:model_feature_drift_psi:increase1h"

# Prometheus's own.
UP = "up"
ALERTS = "ALERTS"
ALERTS_FOR_STATE = "ALERTS_FOR_STATE"
