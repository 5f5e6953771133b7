"""Which series a dashboard is about: those that its variables choose. `at` is an `offset`, or nothing."""

from __future__ import annotations

SIDECARS = 'job=~"$job", instance=~"$instance"'
VERSIONS = 'model_name=~"$model_name", model_version=~"$model_version"'
WINDOW = 'window="$window"'
ONE_FEATURE = 'feature_name="$feature"'
# What one row, or one line, is about; a label that is not there does no harm.
OF_MODEL = "cluster, namespace, model_name"
OF_VERSION = f"{OF_MODEL}, model_version"
OF_FEATURE = f"{OF_VERSION}, feature_name"
# Where the range of a chart ends: what is largest there, or was until then, is chosen once and not at every step.
AT_END = "@ end()"


def sidecars(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join((SIDECARS, *matchers))}}}"


def models(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join((SIDECARS, VERSIONS, *matchers))}}}"


def all_pods(metric: str, *matchers: str) -> str:
    """Select by model alone: what is of all pods together has no job and no instance."""
    return f"{metric}{{{', '.join((VERSIONS, *matchers))}}}"


def windowed(metric: str, *matchers: str) -> str:
    return models(metric, WINDOW, *matchers)


def rate(selected: str, at: str = "") -> str:
    return f"rate({selected}[$__rate_interval]{_offset(at)})"


def in_window(counter: str, at: str = "") -> str:
    """Return what a counter has counted in the chosen window, to whole numbers' extrapolation."""
    return f"increase({counter}[$window]{_offset(at)})"


def offset(selected: str, at: str = "") -> str:
    return f"{selected}{_offset(at)}"


def largest(count: int, values: str) -> str:
    return f"topk({count}, {values})"


def smallest(count: int, values: str) -> str:
    return f"bottomk({count}, {values})"


def is_smallest(expression: str) -> bool:
    """Whether an expression is of the smallest alone."""
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


def per(expression: str, labels: str, aggregation: str = "max") -> str:
    return f"{aggregation} by ({labels}) ({expression})"


def _offset(at: str) -> str:
    return f" offset {at}" if at else ""
