"""The limits that alerts compare with: `model_threshold` where a model's owner has set it, and defaults where not."""

from __future__ import annotations

from alerts.promql import MODEL, VERSION, by

LIMIT = "model_version_metric:model_threshold:max"

# By the metric of `model_threshold`. The first two every sidecar exports.
DEFAULTS = {
    "feature_drift_psi": 0.25,
    "latency_p99_seconds": 0.5,
    "accuracy": 0.8,
    "error_ratio": 0.05,
    "class_share": 0.99,
    "drifted_features_ratio": 0.3,
    "label_drift_psi": 0.25,
    "embedding_drift_psi": 0.25,
    "multivariate_drift": 0.25,
    "attribution_drift_psi": 0.25,
    "attribution_ranking_ndcg": 0.9,
    "missing_ratio": 0.1,
    "invalid_ratio": 0.01,
    "unseen_ratio": 0.05,
    "slo_errors": 0.999,
    "slo_latency": 0.99,
}
# Which a version has whatever its owner has set: where it is, the version is.
ALWAYS = 'model_threshold{metric="feature_drift_psi"}'


def limit(metric: str) -> str:
    return f'{LIMIT}{{metric="{metric}"}}'


def over(expression: str, metric: str) -> str:
    """Return what of the expression, by version and perhaps more, is over its version's limit."""
    return f"{expression}\n> on ({by(VERSION)}) group_left() {limit(metric)}"


def below(expression: str, metric: str) -> str:
    return f"{expression}\n< on ({by(VERSION)}) group_left() {limit(metric)}"


def limit_of_a_model(metric: str) -> str:
    return f"max by ({by(MODEL)}) ({limit(metric)})"


def limits() -> str:
    """Return the expression of all limits: what is set, and after it each default."""
    defaults = "".join(
        f'\nor label_replace(max by ({by(VERSION)}) ({ALWAYS}) * 0 + {value}, "metric", "{metric}", "", "")'
        for metric, value in DEFAULTS.items()
    )
    return f"max by ({by((*VERSION, 'metric'))}) (model_threshold){defaults}"
