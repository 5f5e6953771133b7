"""Which features the models decide by, as their attributions say."""

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
    """Return the features that decided most at the end of the chart."""
    share = per(f"{windowed(metrics.ATTRIBUTION_SHARE)} {AT_END}", OF_FEATURE)
    return f"{values} and on ({OF_FEATURE}) {largest(count, share)}"


def shares() -> str:
    return only_most_used(of_features(metrics.ATTRIBUTION_SHARE))


def ranks() -> str:
    return only_most_used(per(windowed(metrics.ATTRIBUTION_RANK), OF_FEATURE, "min"), 10)


def ranking() -> str:
    """Return the agreement of the ranking with the reference's, of the pod where it is least."""
    return per(windowed(metrics.ATTRIBUTION_NDCG), OF_VERSION, "min")


def rank_changes() -> str:
    """Return how far each feature's place has moved in the time shown; above 0 it matters less than it did."""
    rank = windowed(metrics.ATTRIBUTION_RANK)
    return per(f"delta({rank}[$__range])", OF_FEATURE)


def one(metric: str) -> str:
    return per(windowed(metric, ONE_FEATURE), OF_FEATURE)


def ranking_of_features() -> str:
    """Return all features by name alone, the one that decides most first."""
    return largest_first(per(windowed(metrics.ATTRIBUTION_SHARE), "feature_name"))
