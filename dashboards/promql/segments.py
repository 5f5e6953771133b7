"""Queries by segment: traffic, errors, latency, drift and accuracy."""

from dashboards import metrics
from dashboards.promql.selection import (
    AT_END,
    OF_FEATURE,
    OF_VERSION,
    WINDOW,
    all_pods,
    in_window,
    largest,
    models,
    per,
    quantile_of_rate,
    rate,
    windowed,
)

CHOSEN = ('segment=~"$segment"', 'segment_value=~"$segment_value"')
OF_SEGMENT = f"{OF_VERSION}, segment, segment_value"
OF_SEGMENT_FEATURE = f"{OF_FEATURE}, segment, segment_value"


def predictions() -> str:
    return per(rate(models(metrics.SEGMENT_PREDICTIONS, *CHOSEN)), OF_SEGMENT, "sum")


def share() -> str:
    """Return a segment's share of the predictions."""
    total = per(predictions(), f"{OF_VERSION}, segment", "sum")
    return f"{predictions()} / on ({OF_VERSION}, segment) group_left () ({total} > 0)"


def requests() -> str:
    both = (metrics.SEGMENT_PREDICTIONS, metrics.SEGMENT_ERRORS)
    return f"sum by ({OF_SEGMENT}) ({' or '.join(rate(models(metric, *CHOSEN)) for metric in both)})"


def error_ratio() -> str:
    errors = per(rate(models(metrics.SEGMENT_ERRORS, *CHOSEN)), OF_SEGMENT, "sum")
    return f"({errors} or 0 * {requests()}) / ({requests()} > 0)"


def latency(quantile: float) -> str:
    return quantile_of_rate(quantile, lambda suffix: models(f"{metrics.SEGMENT_LATENCY}{suffix}", *CHOSEN), OF_SEGMENT)


def recorded_error_ratio() -> str:
    """Return the error ratio over five minutes, from errors and requests of all pods recorded by alerts/."""
    recorded = (metrics.RECORDED_SEGMENT_ERRORS, metrics.RECORDED_SEGMENT_REQUESTS)
    errors, requests = (per(_recorded(metric), OF_SEGMENT, "sum") for metric in recorded)
    return f"({errors} or 0 * {requests}) / ({requests} > 0)"


def recorded_latency(quantile: float) -> str:
    buckets = per(_recorded(metrics.RECORDED_SEGMENT_LATENCY), f"le, {OF_SEGMENT}", "sum")
    return f"histogram_quantile({quantile}, {buckets}) >= 0"


def samples() -> str:
    return per(windowed(metrics.SEGMENT_SAMPLES, *CHOSEN), OF_SEGMENT, "sum")


def recorded_classes() -> str:
    """Return each class's share of a segment's predictions, recorded over all pods by the rules in alerts/."""
    of_class = per(_recorded(metrics.RECORDED_SEGMENT_CLASSES), f"{OF_SEGMENT}, prediction_class", "sum")
    return f"{of_class} / on ({OF_SEGMENT}) group_left () ({per(of_class, OF_SEGMENT, 'sum')} > 0)"


def largest_psi() -> str:
    return per(windowed(metrics.SEGMENT_DRIFT_PSI, *CHOSEN), OF_SEGMENT)


def most_drifted(count: int = 20) -> str:
    """Return the PSI of features in segments, those with the largest PSI at some time in the chart, over all pods."""
    recorded = all_pods(metrics.RECORDED_SEGMENT_PSI, WINDOW, *CHOSEN)
    greatest = per(f"max_over_time({recorded}[$__range] {AT_END})", OF_SEGMENT_FEATURE)
    return f"{per(recorded, OF_SEGMENT_FEATURE)} and on ({OF_SEGMENT_FEATURE}) {largest(count, greatest)}"


def outcomes() -> str:
    return per(windowed(metrics.SEGMENT_WINDOW_OUTCOMES, *CHOSEN), OF_SEGMENT, "sum")


def accuracy() -> str:
    """Return the share of correct predictions over all pods: the mean, weighted by the outcomes of each pod."""
    counted = windowed(metrics.SEGMENT_WINDOW_OUTCOMES, *CHOSEN)
    right = f"{windowed(metrics.SEGMENT_ACCURACY, *CHOSEN)} * {counted}"
    return f"{per(right, OF_SEGMENT, 'sum')} / ({outcomes()} > 0)"


def confusion() -> str:
    """Return the share of each pair of actual and predicted class among the outcomes of a segment in the window."""
    counted = per(in_window(models(metrics.SEGMENT_OUTCOMES, *CHOSEN)), f"{OF_SEGMENT}, actual, predicted", "sum")
    return f"{counted} / on ({OF_SEGMENT}) group_left () ({per(counted, OF_SEGMENT, 'sum')} > 0)"


def mae() -> str:
    """Return the mean absolute error over all pods: the mean, weighted by the outcomes of each pod."""
    errors = f"{windowed(metrics.SEGMENT_MAE, *CHOSEN)} * {windowed(metrics.SEGMENT_WINDOW_OUTCOMES, *CHOSEN)}"
    return f"{per(errors, OF_SEGMENT, 'sum')} / ({outcomes()} > 0)"


def of_group(metric: str) -> str:
    """Return a recorded figure of each group of the protected segments."""
    return per(_recorded(metric), OF_SEGMENT)


def _recorded(metric: str) -> str:
    return all_pods(metric, *CHOSEN)
