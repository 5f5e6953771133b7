"""Selectors of the series that the variables of a dashboard choose. `at` is an offset or an empty string."""

from collections.abc import Callable

PLACE = 'cluster=~"$cluster", namespace=~"$namespace"'
SIDECARS = f'{PLACE}, job=~"$job", instance=~"$instance"'
VERSIONS = 'model_name=~"$model_name", model_version=~"$model_version"'
WINDOW = 'window="$window"'
ONE_FEATURE = 'feature_name="$feature"'
# The labels that identify a row or a line. A missing label does no harm.
OF_MODEL = "cluster, namespace, model_name"
OF_VERSION = f"{OF_MODEL}, model_version"
OF_FEATURE = f"{OF_VERSION}, feature_name"
# At the end of a chart: the largest series are selected once rather than at every step.
AT_END = "@ end()"


def sidecars(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join((SIDECARS, *matchers))}}}"


def models(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join((SIDECARS, VERSIONS, *matchers))}}}"


def all_pods(metric: str, *matchers: str) -> str:
    """Select by place and model: series over all pods have no job and no instance."""
    return f"{metric}{{{', '.join((PLACE, VERSIONS, *matchers))}}}"


def windowed(metric: str, *matchers: str) -> str:
    return models(metric, WINDOW, *matchers)


def rate(selected: str, at: str = "") -> str:
    return f"rate({selected}[$__rate_interval]{_offset(at)})"


def in_window(counter: str, at: str = "") -> str:
    """Return the increase of a counter in the chosen window, which is extrapolated and may not be a whole number."""
    return f"increase({counter}[$window]{_offset(at)})"


def offset(selected: str, at: str = "") -> str:
    return f"{selected}{_offset(at)}"


def largest(count: int, values: str) -> str:
    return f"topk({count}, {values})"


def smallest(count: int, values: str) -> str:
    return f"bottomk({count}, {values})"


def is_smallest(expression: str) -> bool:
    """Return whether an expression selects the smallest series."""
    return expression.startswith("bottomk(")


def largest_first(values: str) -> str:
    return f"sort_desc({values})"


def in_all(values: str) -> str:
    return f"sum({values})"


def highest(values: str) -> str:
    return f"max({values})"


def lowest(values: str) -> str:
    return f"min({values})"


def number_of(values: str) -> str:
    return f"count({values})"


def quantile_of_rate(quantile: float, histogram: Callable[[str], str], labels: str, at: str = "") -> str:
    """Return a quantile by labels of what was observed; no value without observations.

    `histogram` selects the series of a histogram with a suffix, which is empty for a native histogram.
    """
    classic = per(rate(histogram("_bucket"), at), f"le, {labels}", "sum")
    native = per(rate(histogram(""), at), labels, "sum")
    return f"(histogram_quantile({quantile}, {classic}) or histogram_quantile({quantile}, {native})) >= 0"


def sum_of(histogram: Callable[[str], str], over: Callable[[str], str], labels: str) -> str:
    """Return the sum by labels of what was observed, as a rate or an increase; `histogram` as above."""
    return _of_histogram("sum", histogram, over, labels)


def number_observed(histogram: Callable[[str], str], over: Callable[[str], str], labels: str) -> str:
    """Return how many values were observed, by labels."""
    return _of_histogram("count", histogram, over, labels)


def _of_histogram(part: str, histogram: Callable[[str], str], over: Callable[[str], str], labels: str) -> str:
    classic, native = (per(over(histogram(suffix)), labels, "sum") for suffix in (f"_{part}", ""))
    return f"({classic} or histogram_{part}({native}))"


def observed_by_bucket(histogram: Callable[[str], str]) -> str:
    """Return how many values were observed in each bucket of a histogram, or a native histogram of them."""
    classic, native = (f"increase({histogram(suffix)}[$__rate_interval])" for suffix in ("_bucket", ""))
    return f"{per(classic, 'le', 'sum')} or sum({native})"


def per(expression: str, labels: str, aggregation: str = "max") -> str:
    return f"{aggregation} by ({labels}) ({expression})"


def _offset(at: str) -> str:
    return f" offset {at}" if at else ""
