"""What is recorded of each feature of a model version, by name; `window` is 1h or 24h."""

from __future__ import annotations

LIMIT = 50_000

REFERENCE = "model_version_feature_bin:model_feature_reference_bin:max"
REFERENCE_SIZE = "model_version_feature:model_feature_reference_bin:sum"


def counts(window: str) -> str:
    return f"model_version_feature_bin:model_feature_bin:increase{window}"


def size(window: str) -> str:
    return f"model_version_feature:model_feature_bin:increase{window}"


def references(window: str) -> str:
    return f"model_version:model_reference_info:count{window}"


def derived(name: str, window: str) -> str:
    return f"model_version_feature:model_feature_{name}:increase{window}"
