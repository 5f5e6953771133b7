"""Queries for data quality."""

from collections.abc import Mapping

from dashboards import metrics
from dashboards.promql import limits
from dashboards.promql.selection import AT_END, OF_FEATURE, OF_VERSION, all_pods, largest, models, per, rate, windowed
from dashboards.promql.traffic import predictions

# Shares of values that alerts compare with limits, over the last hour: the recorded series and the limit of each.
SHARES: Mapping[str, tuple[str, str]] = {
    "missing": (metrics.MISSING_SHARE, limits.MISSING_LIMIT),
    "unseen": (metrics.UNSEEN_SHARE, limits.UNSEEN_LIMIT),
    "invalid": (metrics.INVALID_SHARE, limits.INVALID_LIMIT),
}


def share(kind: str) -> str:
    """Return each feature's share of values of a kind of SHARES; 0 if it is below the reference's share."""
    return f"clamp_min({per(all_pods(SHARES[kind][0]), OF_FEATURE)}, 0)"


def share_of_limit(kind: str) -> str:
    """Return each feature's share of values as a share of the limit."""
    limit = limits.recorded_limit(SHARES[kind][1])
    return f"{share(kind)} / on ({OF_VERSION}) group_left () ({limit} > 0)"


def worst_share_of_limit() -> str:
    """Return the highest of a feature's shares of limits."""
    shares = (f'label_replace({share_of_limit(kind)}, "check", "{kind}", "", "")' for kind in SHARES)
    return per("\nor ".join(shares), OF_FEATURE)


def worst_over_time(kind: str, count: int = 5) -> str:
    """Return shares of limits of the features whose share was the largest at some time in the chart."""
    greatest = f"max_over_time({all_pods(SHARES[kind][0])}[$__range] {AT_END})"
    return f"{share_of_limit(kind)} and on ({OF_FEATURE}) {largest(count, per(greatest, OF_FEATURE))}"


def failed_checks() -> str:
    """Return failed checks of features per prediction, recorded over five minutes by the rules in alerts/."""
    failed = per(models(metrics.RECORDED_CHECKS), f"{OF_VERSION}, check", "sum")
    return f"{failed} / on ({OF_VERSION}) group_left () ({predictions()} > 0)"


def failing_features(count: int = 10) -> str:
    """Return the features with the most failed checks per prediction."""
    failed = per(rate(models(metrics.FEATURE_QUALITY)), f"{OF_FEATURE}, check", "sum")
    return largest(count, f"{failed} / on ({OF_VERSION}) group_left () ({predictions()} > 0)")


def failed_records() -> str:
    failed = per(rate(models(metrics.RECORD_QUALITY)), f"{OF_VERSION}, check", "sum")
    return f"{failed} / on ({OF_VERSION}) group_left () ({predictions()} > 0)"


def flagged(metric: str) -> str:
    """Return for how many features a flag is 1 on any pod, also if that is 0."""
    return per(per(windowed(metric), OF_FEATURE), OF_VERSION, "sum")


def all_flagged(metric: str) -> str:
    return f"sum({flagged(metric)})"


def flags(metric: str) -> str:
    """Return a flag by feature: 1 if it is 1 on any pod, else 0. At most ten, those with 1 first."""
    return largest(10, per(windowed(metric), OF_FEATURE))


def outliers_beyond_reference(count: int = 10) -> str:
    """Return each feature's share of outliers minus that of the reference."""
    now = per(windowed(metrics.OUTLIER_RATIO), OF_FEATURE)
    return largest(count, f"{now} - {per(f'{models(metrics.REFERENCE_OUTLIER_RATIO)} {AT_END}', OF_FEATURE)}")


def unknown_features() -> str:
    return per(models(metrics.UNKNOWN_FEATURES), OF_VERSION)
