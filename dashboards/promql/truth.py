"""Queries for performance: measured with ground truth, and estimated until it arrives."""

from collections.abc import Callable

from dashboards import metrics
from dashboards.promql.selection import OF_VERSION, in_window, models, offset, per, quantile_of_rate, windowed

# An empty matcher also selects series without the label, that is, the value for all classes together.
WEIGHTED = 'average="weighted"'
OF_CLASS = 'average="", class!=""'
# For several pods, the worst is shown: the highest for these metrics, the lowest for all others.
WORST_IS_MOST = {
    metrics.LOG_LOSS,
    metrics.BRIER_SCORE,
    metrics.CALIBRATION_ERROR,
    metrics.MAE,
    metrics.RMSE,
    metrics.MAPE,
    metrics.LABEL_DRIFT_PSI,
    metrics.PERFORMANCE_DROP,
    metrics.PERFORMANCE_DEGRADED,
    metrics.ERROR_RATE_DRIFT,
}


def worst(metric: str, *matchers: str, labels: str = OF_VERSION) -> str:
    return _worst(windowed, metric, *matchers, labels=labels)


def measured(metric: str, *matchers: str, labels: str = OF_VERSION) -> str:
    """Return a figure of the newest predictions that are judged, of the worst pod."""
    return _worst(judged, metric, *matchers, labels=labels)


def judged(metric: str, *matchers: str) -> str:
    """Return a selector of the newest predictions that have enough ground truth, however long ago they were."""
    return models(metric, 'window="latest"', *matchers)


def _worst(select: Callable[..., str], metric: str, *matchers: str, labels: str) -> str:
    return per(select(metric, *matchers), labels, "max" if metric in WORST_IS_MOST else "min")


def accuracy(at: str = "") -> str:
    """Return the share of correct predictions over all pods: the mean, weighted by the outcomes of each pod."""
    outcomes = offset(judged(metrics.WINDOW_OUTCOMES), at)
    right = f"{offset(judged(metrics.ACCURACY), at)} * {outcomes}"
    return f"{per(right, OF_VERSION, 'sum')} / ({per(outcomes, OF_VERSION, 'sum')} > 0)"


def overall(metric: str) -> str:
    return measured(metric, WEIGHTED)


def by_class(metric: str) -> str:
    return measured(metric, OF_CLASS, labels=f"{OF_VERSION}, class")


def estimated(metric: str, *matchers: str) -> str:
    return worst(metric, *matchers)


def estimated_error() -> str:
    """Return the estimated mean absolute error, of the pod where it is largest."""
    return per(windowed(metrics.ESTIMATED_MAE), OF_VERSION)


def estimate_bound(side: str) -> str:
    """Return the estimated accuracy minus or plus (`-`, `+`) two standard errors."""
    error = per(windowed(metrics.ESTIMATED_STDERR, 'metric="accuracy"'), OF_VERSION)
    return f"{worst(metrics.ESTIMATED_ACCURACY)} {side} 2 * {error}"


def baseline(metric: str) -> str:
    return per(models(metrics.PERFORMANCE_BASELINE, f'metric="{metric}"'), OF_VERSION)


def drops() -> str:
    return measured(metrics.PERFORMANCE_DROP, labels=f"{OF_VERSION}, metric")


def degraded() -> str:
    return measured(metrics.PERFORMANCE_DEGRADED, labels=f"{OF_VERSION}, metric")


def any_degraded() -> str:
    return per(degraded(), OF_VERSION)


def outcomes() -> str:
    return per(judged(metrics.WINDOW_OUTCOMES), OF_VERSION, "sum")


def judged_age() -> str:
    """Return how many seconds ago the newest predictions were made that are judged."""
    return f"time() - {per(models(metrics.JUDGED_UNTIL), OF_VERSION)}"


def coverage() -> str:
    """Return the share of predictions that have ground truth, on the pod with the lowest share."""
    return worst(metrics.TRUTH_COVERAGE)


def delay(quantile: float) -> str:
    return quantile_of_rate(quantile, lambda suffix: models(f"{metrics.TRUTH_DELAY}{suffix}"), OF_VERSION)


def confusion() -> str:
    return f"round({per(in_window(models(metrics.OUTCOMES)), 'actual, predicted', 'sum')})"


def reliability(metric: str) -> str:
    """Return a metric by bin of probability over all pods: the mean, weighted by the samples of each pod."""
    samples = judged(metrics.RELIABILITY_SAMPLES)
    return f"{per(f'{judged(metric)} * {samples}', 'bin', 'sum')} / ({per(samples, 'bin', 'sum')} > 0)"


def reliability_samples() -> str:
    return per(judged(metrics.RELIABILITY_SAMPLES), "bin", "sum")


def residuals() -> str:
    return per(judged(metrics.RESIDUAL_QUANTILE), f"{OF_VERSION}, quantile", "avg")


def error_rate_drift() -> str:
    return per(models(metrics.ERROR_RATE_DRIFT), OF_VERSION)
