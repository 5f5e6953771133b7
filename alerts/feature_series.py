"""What is recorded of each feature of a model version, by name; `window` is 1h or 24h."""

from __future__ import annotations

from alerts.rules import ALERT_INTERVAL

LIMIT = 50_000
# How often counts are taken from the pods, and told of, unless said otherwise. What is counted is what has come since
# the time before, so this is both an interval and an offset.
EVERY = ALERT_INTERVAL

REFERENCE = "model_version_feature_bin:model_feature_reference_bin:max"
REFERENCE_SIZE = "model_version_feature:model_feature_reference_bin:sum"
INCREMENTS = "model_version_feature_bin:model_feature_bin:increase"


def counts(window: str) -> str:
    return f"model_version_feature_bin:model_feature_bin:increase{window}"


def size(window: str) -> str:
    return f"model_version_feature:model_feature_bin:increase{window}"


def references(window: str) -> str:
    return f"model_version:model_reference_info:count{window}"


def derived(name: str, window: str) -> str:
    return f"model_version_feature:model_feature_{name}:increase{window}"
