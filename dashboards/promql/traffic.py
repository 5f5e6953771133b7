"""How much is asked of the models, how fast they answer, how often they fail, and what they say."""

from __future__ import annotations

from dashboards.metrics import ERRORS, LATENCY, PREDICTIONS, PROBABILITY, SAMPLES
from dashboards.promql.selection import OF_MODEL, OF_VERSION, in_window, models, offset, per, rate, windowed

INSTANCE = "instance"


def predictions(at: str = "", labels: str = OF_VERSION) -> str:
    return per(rate(models(PREDICTIONS), at), labels, "sum")


def requests(at: str = "", labels: str = OF_VERSION) -> str:
    """Return predictions and errors a second; also of a model that has had nothing but errors."""
    return f"sum by ({labels}) ({rate(models(PREDICTIONS), at)} or {rate(models(ERRORS), at)})"


def share_of_requests() -> str:
    """Return a version's share of its model's requests."""
    return f"{requests()} / on ({OF_MODEL}) group_left () (sum by ({OF_MODEL}) ({requests()}) > 0)"


def ratio_of_errors(at: str = "", labels: str = OF_VERSION) -> str:
    """Return errors / (errors + predictions) of what has had an error, ever."""
    return f"{per(rate(models(ERRORS), at), labels, 'sum')} / ({requests(at, labels)} > 0)"


def error_ratio(at: str = "", labels: str = OF_VERSION) -> str:
    """Return the same, and 0 for what has had none; nothing where nothing was asked."""
    return f"({ratio_of_errors(at, labels)} or 0 * ({requests(at, labels)} > 0))"


def errors_by_type() -> str:
    return per(rate(models(ERRORS)), f"{OF_VERSION}, error_type", "sum")


def latency(quantile: float, at: str = "", labels: str = OF_VERSION) -> str:
    """Return a quantile of all pods' predictions, from summed buckets; nothing where there were none."""
    buckets = per(rate(models(f"{LATENCY}_bucket"), at), f"le, {labels}", "sum")
    return f"histogram_quantile({quantile}, {buckets}) >= 0"


def mean_latency() -> str:
    seconds, count = (per(rate(models(f"{LATENCY}_{part}")), OF_VERSION, "sum") for part in ("sum", "count"))
    return f"{seconds} / ({count} > 0)"


def latency_buckets() -> str:
    return per(f"increase({models(f'{LATENCY}_bucket')}[$__rate_interval])", "le", "sum")


def probability_buckets() -> str:
    return per(f"increase({models(f'{PROBABILITY}_bucket')}[$__rate_interval])", "le", "sum")


def classes(labels: str = "prediction_class") -> str:
    """Return each class's share of the predictions."""
    of_class = per(rate(models(PREDICTIONS)), f"{OF_VERSION}, {labels}", "sum")
    return f"{of_class} / on ({OF_VERSION}) group_left () ({predictions()} > 0)"


def classes_in_window() -> str:
    """Return each class's share of the predictions in the window, over all that is chosen."""
    counted = per(in_window(models(PREDICTIONS)), "prediction_class", "sum")
    return f"{counted} / on () group_left () (sum({counted}) > 0)"


def mean_probability(at: str = "") -> str:
    total, count = (per(rate(models(f"{PROBABILITY}_{part}"), at), OF_VERSION, "sum") for part in ("sum", "count"))
    return f"{total} / ({count} > 0)"


def samples(at: str = "") -> str:
    return per(offset(windowed(SAMPLES), at), OF_VERSION, "sum")


def versions_that_began() -> str:
    """Return versions that were not there five minutes before, for as long."""
    there = models(SAMPLES)
    return f"{per(there, OF_VERSION, 'group')} unless {per(f'{there} offset 5m', OF_VERSION, 'group')}"
