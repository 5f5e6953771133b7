"""Queries for requests, latency, errors and predictions."""

from dashboards.metrics import (
    ERRORS,
    LATENCY,
    PREDICTIONS,
    PROBABILITY,
    RECORDED_ERRORS,
    RECORDED_LATENCY,
    RECORDED_REQUESTS,
    SAMPLES,
)
from dashboards.promql.selection import (
    OF_MODEL,
    OF_VERSION,
    models,
    number_observed,
    observed_by_bucket,
    offset,
    per,
    quantile_of_rate,
    rate,
    sum_of,
    windowed,
)
from exporter.decoding.columns import VALUE_CLASS

INSTANCE = "instance"


def predictions(at: str = "", labels: str = OF_VERSION) -> str:
    return per(rate(models(PREDICTIONS), at), labels, "sum")


def requests(at: str = "", labels: str = OF_VERSION) -> str:
    """Return predictions and errors per second, also of a model that has had only errors."""
    return f"sum by ({labels}) ({rate(models(PREDICTIONS), at)} or {rate(models(ERRORS), at)})"


def share_of_requests() -> str:
    """Return a version's share of its model's requests."""
    return f"{requests()} / on ({OF_MODEL}) group_left () (sum by ({OF_MODEL}) ({requests()}) > 0)"


def ratio_of_errors() -> str:
    """Return errors / (errors + predictions), only for versions that have had errors."""
    return f"{per(rate(models(ERRORS)), OF_VERSION, 'sum')} / ({requests()} > 0)"


def error_ratio(at: str = "") -> str:
    """Return the same, with 0 for versions without errors; no value without requests."""
    errors = f"{rate(models(ERRORS), at)} or 0 * {rate(models(PREDICTIONS), at)}"
    return f"{per(errors, OF_VERSION, 'sum')} / ({requests(at)} > 0)"


def recorded_ratio_of_errors(labels: str = OF_VERSION) -> str:
    """Return the error ratio over five minutes from recorded series, only for versions or pods with errors."""
    return f"{per(models(RECORDED_ERRORS), labels, 'sum')} / ({_recorded_requests(labels)} > 0)"


def recorded_error_ratio(labels: str = OF_VERSION) -> str:
    """Return the same, with 0 for those without errors."""
    return f"({recorded_ratio_of_errors(labels)} or 0 * ({_recorded_requests(labels)} > 0))"


def errors_by_type() -> str:
    return per(rate(models(ERRORS)), f"{OF_VERSION}, error_type", "sum")


def latency(quantile: float, at: str = "") -> str:
    """Return a latency quantile over all pods, from summed buckets; no value without predictions."""
    return quantile_of_rate(quantile, lambda suffix: models(f"{LATENCY}{suffix}"), OF_VERSION, at)


def recorded_latency(quantile: float, labels: str = OF_VERSION) -> str:
    """Return a latency quantile over five minutes, from recorded series of each pod."""
    buckets = per(models(RECORDED_LATENCY), f"le, {labels}", "sum")
    return f"histogram_quantile({quantile}, {buckets}) >= 0"


def latency_buckets() -> str:
    return observed_by_bucket(lambda suffix: models(f"{LATENCY}{suffix}"))


def probability_buckets() -> str:
    return observed_by_bucket(lambda suffix: models(f"{PROBABILITY}{suffix}"))


def classes() -> str:
    """Return each class's share of the predictions; no value for a model that predicts numeric values."""
    chosen = models(PREDICTIONS, f'prediction_class!="{VALUE_CLASS}"')
    of_class = per(rate(chosen), f"{OF_VERSION}, prediction_class", "sum")
    return f"{of_class} / on ({OF_VERSION}) group_left () ({predictions()} > 0)"


def mean_probability(at: str = "") -> str:
    total, count = (
        part(lambda suffix: models(f"{PROBABILITY}{suffix}"), lambda selected: rate(selected, at), OF_VERSION)
        for part in (sum_of, number_observed)
    )
    return f"{total} / ({count} > 0)"


def samples(at: str = "") -> str:
    return per(offset(windowed(SAMPLES), at), OF_VERSION, "sum")


def versions_that_began() -> str:
    """Return versions that did not exist five minutes before, during their first five minutes."""
    there = models(SAMPLES)
    return f"{per(there, OF_VERSION, 'group')} unless {per(f'{there} offset 5m', OF_VERSION, 'group')}"


def _recorded_requests(labels: str) -> str:
    return per(models(RECORDED_REQUESTS), labels, "sum")
