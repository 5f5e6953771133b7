"""Queries for the exporter itself: whether it reads everything, in time, and saves its state."""

from dashboards import metrics
from dashboards.promql.selection import per, quantile_of_rate, rate, sidecars

INSTANCE = "job, instance"
OF_SOURCE = f"{INSTANCE}, source"


def up() -> str:
    return per(sidecars(metrics.UP), INSTANCE, "min")


def down() -> str:
    """Return how many sidecars are down, also if that is 0."""
    return f"count({sidecars(metrics.UP)} == 0) or vector(0)"


def gauge(metric: str) -> str:
    return per(sidecars(metric), INSTANCE)


def of_source(metric: str) -> str:
    return per(sidecars(metric), OF_SOURCE)


def greatest(metric: str) -> str:
    return f"max({sidecars(metric)})"


def rates(metric: str, labels: str = INSTANCE) -> str:
    return per(rate(sidecars(metric)), labels, "sum")


def counted(metric: str, labels: str = INSTANCE) -> str:
    """Return the increase of a counter in the time range."""
    return per(f"increase({sidecars(metric)}[$__range])", labels, "sum")


def restarts() -> str:
    return per(f"changes({sidecars(metrics.PROCESS_START)}[$__rate_interval])", INSTANCE, "sum")


def lost_files() -> str:
    """Return how many files were removed in the time range before they were read; 0 if no files are read."""
    return f"sum(increase({sidecars(metrics.SOURCE_GAPS)}[$__range])) or vector(0)"


def rejected_ratio() -> str:
    rejected = per(rate(sidecars(metrics.SOURCE_REJECTED)), OF_SOURCE, "sum")
    return f"{rejected} / ({rates(metrics.SOURCE_LINES, OF_SOURCE)} > 0)"


def refused_by_reason() -> str:
    """Return rejected lines per second, recorded by the rules in alerts/; no series if there were none."""
    return per(sidecars(metrics.RECORDED_REFUSED), "reason, source", "sum")


def age(timestamp: str, labels: str = INSTANCE) -> str:
    return f"time() - {per(sidecars(timestamp), labels)}"


def duration(metric: str, quantile: float) -> str:
    return quantile_of_rate(quantile, lambda suffix: sidecars(f"{metric}{suffix}"), INSTANCE)


def least(metric: str) -> str:
    return f"min({sidecars(metric)})"


def versions() -> str:
    return per(sidecars(metrics.BUILD_INFO), "version, python", "count")


def joins() -> str:
    return rates(metrics.JOINS, "result")


def joins_waiting() -> str:
    return per(sidecars(metrics.JOINS_WAITING), "side", "sum")
