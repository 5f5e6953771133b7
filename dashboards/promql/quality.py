"""Whether the models are given what they were trained on."""

from dashboards import metrics
from dashboards.promql.selection import AT_END, OF_FEATURE, OF_VERSION, largest, models, per, rate, windowed
from dashboards.promql.traffic import predictions


def failed_checks() -> str:
    """Return failed checks of features, a prediction, as the rules of alerts/ record them over five minutes."""
    failed = per(models(metrics.RECORDED_CHECKS), f"{OF_VERSION}, check", "sum")
    return f"{failed} / on ({OF_VERSION}) group_left () ({predictions()} > 0)"


def failing_features(count: int = 10) -> str:
    """Return the features with the most failed checks, a prediction."""
    failed = per(rate(models(metrics.FEATURE_QUALITY)), f"{OF_FEATURE}, check", "sum")
    return largest(count, f"{failed} / on ({OF_VERSION}) group_left () ({predictions()} > 0)")


def failed_records() -> str:
    failed = per(rate(models(metrics.RECORD_QUALITY)), f"{OF_VERSION}, check", "sum")
    return f"{failed} / on ({OF_VERSION}) group_left () ({predictions()} > 0)"


def flagged(metric: str) -> str:
    """Return of how many features a flag is up, on any pod; 0 where of none."""
    return per(per(windowed(metric), OF_FEATURE), OF_VERSION, "sum")


def all_flagged(metric: str) -> str:
    return f"sum({flagged(metric)})"


def flags(metric: str) -> str:
    """Return the features whose flag is up on any pod, and 0 for the others; those that are up first."""
    return largest(10, per(windowed(metric), OF_FEATURE))


def missing(count: int = 10) -> str:
    return largest(count, per(windowed(metrics.MISSING_RATIO), OF_FEATURE))


def outliers_beyond_reference(count: int = 10) -> str:
    """Return by how much a feature's share of outliers is above that of the reference."""
    now = per(windowed(metrics.OUTLIER_RATIO), OF_FEATURE)
    return largest(count, f"{now} - {per(f'{models(metrics.REFERENCE_OUTLIER_RATIO)} {AT_END}', OF_FEATURE)}")


def unknown_features() -> str:
    return per(models(metrics.UNKNOWN_FEATURES), OF_VERSION)


def all_failed_checks() -> str:
    failed = per(models(metrics.RECORDED_CHECKS), OF_VERSION, "sum")
    return f"{failed} / ({predictions()} > 0)"
