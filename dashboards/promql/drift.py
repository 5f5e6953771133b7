"""Queries for drift of features and predictions from the reference."""

from dashboards import metrics
from dashboards.promql.selection import (
    AT_END,
    OF_FEATURE,
    OF_VERSION,
    ONE_FEATURE,
    all_pods,
    in_window,
    largest,
    largest_first,
    models,
    offset,
    per,
    windowed,
)

MOST = 20
# Every feature has this bin.
MISSING = 'bin="missing"'
PREDICTION = metrics.PREDICTION_DRIFT_PSI
PROBABILITY = metrics.PROBABILITY_DRIFT_PSI


def of_features(metric: str, at: str = "") -> str:
    """Return a gauge by feature, the largest over pods."""
    return per(offset(windowed(metric), at), OF_FEATURE)


def least_of_features(metric: str) -> str:
    return per(windowed(metric), OF_FEATURE, "min")


def of_versions(metric: str, at: str = "") -> str:
    return per(offset(windowed(metric), at), OF_VERSION)


def least_of_versions(metric: str) -> str:
    return per(windowed(metric), OF_VERSION, "min")


def only_most_drifted(values: str, count: int = MOST) -> str:
    """Restrict values to the features whose PSI was the largest at some time in the chart."""
    greatest = f"max_over_time({windowed(metrics.RECORDED_PSI)}[$__range] {AT_END})"
    return f"{values} and on ({OF_FEATURE}) {largest(count, per(greatest, OF_FEATURE))}"


def most_drifted(count: int = MOST) -> str:
    return only_most_drifted(of_features(metrics.RECORDED_PSI), count)


def drifted_features(at: str = "") -> str:
    """Return how many features have drifted, on the pod with most of them.

    A union over pods would be misleading, because among a hundred pods some features drift by chance.
    """
    ratio, judged = (offset(windowed(metric), at) for metric in (metrics.DRIFTED_RATIO, metrics.JUDGED_FEATURES))
    return per(f"round({ratio} * {judged})", OF_VERSION)


def reference_shares() -> str:
    """Return the share of each bin of the chosen feature in the reference."""
    return _reference_shares(models(metrics.REFERENCE_BIN, ONE_FEATURE))


def shares(at: str = "") -> str:
    """Return the share of each bin of the chosen feature in the window, over all pods."""
    return _shares(per(in_window(models(metrics.FEATURE_BIN, ONE_FEATURE), at), "bin", "sum"))


def predictions() -> str:
    """Return the share of each class, or bin of values, among the predictions in the window, over all pods."""
    return _shares(per(in_window(models(metrics.PREDICTION_BIN)), "bin", "sum"))


def reference_predictions() -> str:
    """Return the share of each class, or bin of values, in the reference."""
    return _reference_shares(models(metrics.PREDICTION_REFERENCE_BIN))


def moved_bins() -> str:
    return largest(10, f"abs({per(windowed(metrics.BIN_SHARE_CHANGE), f'{OF_FEATURE}, bin')})")


def of_one_feature(metric: str, *matchers: str) -> str:
    return per(windowed(metric, ONE_FEATURE, *matchers), OF_FEATURE)


def values_of_one_feature(count: int = MOST) -> str:
    """Return the mean and standard deviation of a numeric feature, or the number of categories of another."""
    figures = {
        "mean": metrics.MEAN,
        "standard deviation": metrics.STDDEV,
        "categories": metrics.DISTINCT_CATEGORIES,
    }
    return "\nor ".join(
        f'label_replace({largest(count, of_one_feature(metric))}, "figure", "{figure}", "", "")'
        for figure, metric in figures.items()
    )


def quantiles_of_one_feature() -> str:
    return per(windowed(metrics.QUANTILE, ONE_FEATURE), f"{OF_FEATURE}, quantile")


def changes(metric: str) -> str:
    return per(windowed(metric), f"{OF_FEATURE}, against")


def largest_changes(count: int = MOST) -> str:
    return largest(count, changes(metrics.CHANGE_PSI))


def of_fleet() -> str:
    """Return the PSI of the records of all pods together, recorded by the rules in alerts/ without pod labels."""
    return largest(MOST, all_pods(metrics.FLEET_PSI))


def references() -> str:
    """Return the number of different references among the pods of a version; more than one is a mistake."""
    return per(per(models(metrics.REFERENCE_INFO), f"{OF_VERSION}, reference_id", "group"), OF_VERSION, "count")


def ranking() -> str:
    """Return all features by name alone, the most drifted first; 0 for those without a value."""
    known = f"0 * {per(models(metrics.REFERENCE_BIN, MISSING), 'feature_name')}"
    return largest_first(f"{per(windowed(metrics.DRIFT_PSI), 'feature_name')} or {known}")


def _reference_shares(counts: str) -> str:
    """Return shares by bin. The reference of a version counts once, regardless of the number of pods."""
    return _shares(per(per(counts, f"{OF_VERSION}, bin"), "bin", "sum"))


def _shares(counts: str) -> str:
    return f"{counts} / on () group_left () (sum({counts}) > 0)"
