"""The limits in `thresholds`: their meanings and defaults. All are exported as `model_threshold`, which alerts use."""

# The limits of one feature, which may differ from those of others.
FEATURE_MEANINGS = {
    "feature_drift_psi": "PSI of a feature from which its drift is major, if chance does not explain it",
    "feature_drift_psi_moderate": "PSI from which it is moderate, at most the one above",
    "feature_drift_wasserstein": "Wasserstein distance from which it is major, in standard deviations of the reference",
    "feature_drift_wasserstein_moderate": "Wasserstein distance from which it is moderate",
}
MEANINGS = FEATURE_MEANINGS | {
    "latency_p99_seconds": "maximum 99th percentile of latency",
    "accuracy": "minimum accuracy",
    "idle_seconds": "maximum time without requests, at most 7 days; without it, alerts compare with earlier days",
    "attribution_ranking_ndcg": "minimum agreement (NDCG) of the ranking of attributions with the reference's",
    "performance_tolerance": "maximum drop of performance below the reference's",
    "error_ratio": "maximum share of requests that fail",
    "class_share": "maximum share of predictions of one class",
    "drifted_features_ratio": "maximum share of features that have drifted",
    "label_drift_psi": "maximum PSI of ground-truth labels",
    "embedding_drift_psi": "maximum PSI of an embedding",
    "multivariate_drift": "maximum distance of the reconstruction error from the reference's, in either direction",
    "attribution_drift_psi": "maximum PSI of a feature's attributions",
    "missing_ratio": "maximum share of missing values of a feature, above the reference's share",
    "invalid_ratio": "maximum share of values of a feature that have a wrong type, or are NaN or infinite",
    "unseen_ratio": "maximum share of values of a feature that are not in the reference",
    "mae": "maximum mean absolute error of a regression model, in its units",
    "rmse": "maximum root mean squared error of a regression model, in its units",
    "mape": "maximum mean absolute percentage error of a regression model; 0.1 is 10%",
    "disparate_impact": "minimum favourable ratio of a protected group, as a share of the highest group's",
    "slo_errors": "minimum share of requests that succeed (error budget)",
    "slo_latency": "minimum share of requests that are faster than `latency_p99_seconds` (error budget)",
}
DEFAULT_THRESHOLDS = {
    "feature_drift_psi": 0.25,
    "feature_drift_psi_moderate": 0.1,
    "feature_drift_wasserstein": 0.4,
    "feature_drift_wasserstein_moderate": 0.1,
    "latency_p99_seconds": 0.5,
    "accuracy": 0.8,
    "attribution_ranking_ndcg": 0.9,
}
# With ground truth only.
TRUTH_THRESHOLDS = {"performance_tolerance": 0.05}
# With protected segments only.
FAIRNESS_THRESHOLDS = {"disparate_impact": 0.8}
# Limits from 0 to 1.
SHARES = {
    "accuracy",
    "attribution_ranking_ndcg",
    "error_ratio",
    "class_share",
    "drifted_features_ratio",
    "missing_ratio",
    "invalid_ratio",
    "unseen_ratio",
    "disparate_impact",
    "slo_errors",
    "slo_latency",
}
