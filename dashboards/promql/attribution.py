"""Queries for the attributions: which features determine the predictions."""

from dashboards import metrics
from dashboards.promql.selection import (
    AT_END,
    OF_FEATURE,
    OF_VERSION,
    ONE_FEATURE,
    largest,
    largest_first,
    per,
    windowed,
)

MOST = 15


def of_features(metric: str) -> str:
    return per(windowed(metric), OF_FEATURE)


def only_most_used(values: str, count: int = MOST) -> str:
    """Restrict values to the features with the highest share of attributions at the end of the chart."""
    share = per(f"{windowed(metrics.ATTRIBUTION_SHARE)} {AT_END}", OF_FEATURE)
    return f"{values} and on ({OF_FEATURE}) {largest(count, share)}"


def shares() -> str:
    return only_most_used(of_features(metrics.ATTRIBUTION_SHARE))


def ranks() -> str:
    return only_most_used(per(windowed(metrics.ATTRIBUTION_RANK), OF_FEATURE, "min"), 10)


def ranking() -> str:
    """Return the agreement of the ranking with that of the reference, on the pod where it is lowest."""
    return per(windowed(metrics.ATTRIBUTION_NDCG), OF_VERSION, "min")


def rank_changes() -> str:
    """Return the change of each feature's rank in the time range; above 0, it has become less important."""
    rank = windowed(metrics.ATTRIBUTION_RANK)
    return per(f"delta({rank}[$__range])", OF_FEATURE)


def one(metric: str) -> str:
    return per(windowed(metric, ONE_FEATURE), OF_FEATURE)


def ranking_of_features() -> str:
    """Return all features by name alone, the most important first."""
    return largest_first(per(windowed(metrics.ATTRIBUTION_SHARE), "feature_name"))
