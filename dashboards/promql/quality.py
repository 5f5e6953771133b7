"""Queries for data quality."""

from dashboards import metrics
from dashboards.promql.selection import AT_END, OF_FEATURE, OF_VERSION, largest, models, per, rate, windowed
from dashboards.promql.traffic import predictions


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


def missing(count: int = 10) -> str:
    return largest(count, per(windowed(metrics.MISSING_RATIO), OF_FEATURE))


def outliers_beyond_reference(count: int = 10) -> str:
    """Return each feature's share of outliers minus that of the reference."""
    now = per(windowed(metrics.OUTLIER_RATIO), OF_FEATURE)
    return largest(count, f"{now} - {per(f'{models(metrics.REFERENCE_OUTLIER_RATIO)} {AT_END}', OF_FEATURE)}")


def unknown_features() -> str:
    return per(models(metrics.UNKNOWN_FEATURES), OF_VERSION)


def all_failed_checks() -> str:
    failed = per(models(metrics.RECORDED_CHECKS), OF_VERSION, "sum")
    return f"{failed} / ({predictions()} > 0)"
