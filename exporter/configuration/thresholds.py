"""The limits of `thresholds`: what each is of, and those that there are where none is set.

All that apply are exported as `model_threshold`, which alerts compare with.
"""

from __future__ import annotations

MEANINGS = {
    "feature_drift_psi": "PSI over which a feature has drifted, if chance does not explain it",
    "latency_p99_seconds": "99th percentile of latency",
    "accuracy": "least share of predictions that are right",
    "attribution_ranking_ndcg": "least agreement of the attributions' ranking with the reference's",
    "performance_tolerance": "how far performance may drop below the reference's",
    "error_ratio": "share of requests that fail",
    "class_share": "share of predictions that may be of one class",
    "drifted_features_ratio": "share of features that may have drifted",
    "label_drift_psi": "PSI of the truth",
    "embedding_drift_psi": "mean PSI of an embedding's projections",
    "multivariate_drift": "reconstruction error's distance from the reference's, either way",
    "attribution_drift_psi": "PSI of a feature's attributions",
    "missing_ratio": "share of a feature's values that may be missing, beyond the reference's",
    "invalid_ratio": "share of a feature's values that may be of a wrong type, NaN or infinite",
    "unseen_ratio": "share of a feature's values that the reference may not have seen",
    "mae": "mean absolute error of a model of values, in its units",
    "rmse": "root mean squared error of a model of values, in its units",
    "mape": "mean absolute percentage error of a model of values, 0.1 for 10%",
    "slo_errors": "share of requests that must not fail",
    "slo_latency": "share of requests that must be faster than `latency_p99_seconds`",
}
DEFAULT_THRESHOLDS = {
    "feature_drift_psi": 0.25,
    "latency_p99_seconds": 0.5,
    "accuracy": 0.8,
    "attribution_ranking_ndcg": 0.9,
}
# Those that there are where there is ground truth.
TRUTH_THRESHOLDS = {"performance_tolerance": 0.05}
# Those that are no more than 1.
SHARES = {
    "accuracy",
    "attribution_ranking_ndcg",
    "error_ratio",
    "class_share",
    "drifted_features_ratio",
    "missing_ratio",
    "invalid_ratio",
    "unseen_ratio",
    "slo_errors",
    "slo_latency",
}
